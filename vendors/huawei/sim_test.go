package huawei_test

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	simulator "agentkeeper/test/sim/huawei"
	"agentkeeper/vendors/huawei"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// site is the simulated platform and the adapter before it.
type site struct {
	*simulator.Sim
	line     *sim.PipeListener
	platform session.Platform
}

func open(t *testing.T, w simulator.Switches, secure bool, agents int) *site {
	t.Helper()
	s := &site{line: sim.Pipe()}
	s.Sim = simulator.New(simulator.Config{Agents: simulator.Range(291, agents, "secret", 40038), Switches: w, Line: s.line})
	place := wire.Place{Name: "hq", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:8043"}, DialContext: s.line.DialContext}
	server := s.serve(t, &place, secure)
	s.platform = huawei.Vendor.Open(place)
	t.Cleanup(func() {
		_ = server.Close()
		if v := s.Ops.Violations(); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
	})
	return s
}

func (s *site) serve(t *testing.T, p *wire.Place, secure bool) *sim.Server {
	t.Helper()
	if !secure {
		return sim.Serve(s.line, s.Sim, nil)
	}
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	config, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	if p.TLS, err = (wire.TLSSettings{}).Config("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	p.TLS.RootCAs, p.URL.Scheme = ca.Pool(), "https"
	return sim.Serve(s.line, s.Sim, config)
}

func (s *site) account(t *testing.T, login int, options map[string]string) session.Account {
	t.Helper()
	set := option.Set{}
	for name, text := range options {
		set[name] = option.Value{Text: text}
	}
	decoded, _, problems := huawei.Vendor.Decode(set, 2*time.Minute)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return session.Account{
		ID:     session.ID{Platform: "hq", Login: strconv.Itoa(login)},
		Number: strconv.Itoa(40038 + login - 291), Password: session.NewSecret("secret"), Options: decoded,
	}
}

func (s *site) enter(t *testing.T, a session.Account, force bool) session.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := s.platform.SignIn(ctx, a, force)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

// pollFor polls until d is over and returns the events' types.
func pollFor(t *testing.T, s session.Session, d time.Duration) (types []string) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		b, err := sessiontest.Next(t.Context(), s)
		if err != nil {
			t.Fatalf("%v before the end: %v", time.Until(end), err)
		}
		for _, e := range b.Events {
			types = append(types, e.Type)
		}
	}
	return types
}

// A session outlives several windows under every mode of the gateway.
func TestSimSessionLives(t *testing.T) {
	for name, c := range map[string]simulator.Switches{
		"defaults":           {},
		"static Guid":        {AuthMode: 1},
		"old Guid dead":      {OldGuid: simulator.OldGuidDead},
		"Guid at every poll": {OldGuid: simulator.OldGuidDead, GuidInterval: sim.Duration(time.Millisecond)},
		"cookie":             {Cookie: true},
		"reaped by the end":  {ReapFrom: simulator.ReapFromEnd},
		"long hold":          {Hold: sim.Duration(70 * time.Second)},
		"no hold":            {WaitFlagOff: true},
		"number types":       {Types: simulator.Types{NumericWorkNo: true, NumericRetcode: true, NumericVDN: true, Booleans: true}},
		"odd shapes":         {Types: simulator.Types{EventNull: true, EventArray: true, Msg: true, ExtraFields: true, NoGenTime: true}},
		"stale shutdown":     {StaleShutdown: true},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(name+" tls="+strconv.FormatBool(secure), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := open(t, c, secure, 1)
					options := map[string]string{}
					if c.Hold > 0 {
						options["hold"] = time.Duration(c.Hold).String()
					}
					in := s.enter(t, s.account(t, 291, options), false)
					types := pollFor(t, in, 6*time.Minute)
					if !slices.Contains(types, "AgentOther_InService") || !slices.Contains(types, "AgentState_Ready") {
						t.Errorf("events %v", types)
					}
					state := s.Agent("291")
					if state.FirstPoll != 0 || state.Reaped != 0 || len(state.ResetSkills) != 1 {
						t.Errorf("%+v", state)
					}
					if gap := time.Duration(s.Ops.Count("291").LargestGap); gap > 200*time.Millisecond {
						t.Errorf("a gap of %v", gap)
					}
					if err := in.SignOut(t.Context()); err != nil || s.Agent("291").SignedIn {
						t.Errorf("signed out: %v", err)
					}
				})
			})
		}
	}
}

// However a session ends at the platform, the next poll or the one after tells.
func TestSimSessionIsLost(t *testing.T) {
	displaced := func(s *site) error { return s.Displace("291", time.Hour) }
	kicked := func(s *site) error { return s.Kick("291") }
	for name, tt := range map[string]struct {
		config simulator.Switches
		end    func(*site) error
	}{
		"displaced, 100-006":  {simulator.Switches{Displaced: simulator.NotSignedIn}, displaced},
		"displaced, 000-003":  {simulator.Switches{Displaced: simulator.NoPermission, WrongGuid: simulator.NoPermission}, displaced},
		"displaced, shutdown": {simulator.Switches{Displaced: simulator.Shutdown}, displaced},
		"kicked, shutdown":    {simulator.Switches{Kicked: simulator.Shutdown}, kicked},
		"kicked, 100-006":     {simulator.Switches{Kicked: simulator.NotSignedIn}, kicked},
		"not recovered":       {simulator.Switches{}, func(s *site) error { return s.Disaster(time.Second, "105-006") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, tt.config, false, 1)
				in := s.enter(t, s.account(t, 291, nil), false)
				pollFor(t, in, 30*time.Second)
				if err := tt.end(s); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				var err error
				for err == nil || session.KindOf(err) == session.Outage {
					if time.Since(begin) > 12*time.Second {
						t.Fatalf("not noticed: %v", err)
					}
					_, err = sessiontest.Next(t.Context(), in)
				}
				if session.KindOf(err) != session.Lost {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A new session is not ended by the report of the old one's end.
func TestSimForcedSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{StaleShutdown: true}, false, 1)
		if err := s.Displace("291", time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		a := s.account(t, 291, nil)
		if _, err := s.platform.SignIn(t.Context(), a, false); session.KindOf(err) != session.Taken {
			t.Fatalf("plain: %v", err)
		}
		if types := pollFor(t, s.enter(t, a, true), 5*time.Minute); !slices.Contains(types, "AgentOther_ShutdownService") {
			t.Errorf("the test is void: no stale report among %v", types)
		}
	})
}

// An outage inside the window costs polls, not the session.
func TestSimOutage(t *testing.T) {
	for _, mode := range []string{"refuse", "hang", "status"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{}, true, 1)
				in := s.enter(t, s.account(t, 291, nil), false)
				pollFor(t, in, 30*time.Second)
				if err := s.Outage(mode, 50*time.Second); err != nil {
					t.Fatal(err)
				}
				outages := 0
				for end := time.Now().Add(90 * time.Second); time.Now().Before(end); {
					_, err := sessiontest.Next(t.Context(), in)
					switch session.KindOf(err) {
					case session.OK:
					case session.Outage:
						outages++
					default:
						t.Fatal(err)
					}
				}
				if outages == 0 {
					t.Error("the outage was not noticed")
				}
				pollFor(t, in, time.Minute)
				if n := s.Ops.Count("291").SignIns; n != 1 {
					t.Errorf("%d sign-ins", n)
				}
			})
		})
	}
}

func TestSimSignOutInACall(t *testing.T) {
	for _, how := range []string{simulator.InCallRefused, simulator.InCallIgnored} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{InCall: how}, false, 1)
				in := s.enter(t, s.account(t, 291, nil), false)
				pollFor(t, in, 20*time.Second)
				if err := s.Call("291"); err != nil {
					t.Fatal(err)
				}
				if err := in.SignOut(t.Context()); session.KindOf(err) != session.Busy {
					t.Fatalf("in the call: %v", err)
				}
				pollFor(t, in, 5*time.Minute)
				if err := s.Hangup("291"); err != nil {
					t.Fatal(err)
				}
				if err := in.SignOut(t.Context()); err != nil || s.Agent("291").SignedIn {
					t.Errorf("after the call: %v", err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{}, false, 1)
		in := s.enter(t, s.account(t, 291, map[string]string{"sign_out": "force"}), false)
		if err := s.Call("291"); err != nil {
			t.Fatal(err)
		}
		if err := in.SignOut(t.Context()); err != nil || s.Agent("291").SignedIn {
			t.Errorf("by force: %v", err)
		}
	})
}

// The answer to an operation is lost: doubt, and what follows resolves it.
func TestSimLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{}, false, 1)
		a := s.account(t, 291, nil)
		s.Faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		if _, err := s.platform.SignIn(t.Context(), a, false); session.KindOf(err) != session.Doubt {
			t.Fatalf("sign-in: %v", err)
		}
		if err := s.platform.Probe(t.Context(), a); err != nil {
			t.Errorf("probe: %v", err)
		}
		in := s.enter(t, a, true)
		pollFor(t, in, 10*time.Second)
		s.Faults.Add(sim.Fault{Op: sim.OpSignOut, Mode: sim.ModeLost, Count: 1})
		if err := in.SignOut(t.Context()); session.KindOf(err) != session.Doubt {
			t.Fatalf("sign-out: %v", err)
		}
		if err := in.SignOut(t.Context()); err != nil {
			t.Errorf("sign-out again: %v", err)
		}
	})
}

// Many agents for an hour: no two requests of one agent at once, nobody reaped,
// every numbered event received once and in order.
func TestSimFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const agents = 20
		s := open(t, simulator.Switches{OldGuid: simulator.OldGuidDead, EventRate: 0.1}, true, agents)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		events := make([]int, agents)
		var wg sync.WaitGroup
		for i := range agents {
			in := s.enter(t, s.account(t, 291+i, nil), false)
			wg.Go(func() {
				for ctx.Err() == nil {
					b, err := sessiontest.Next(t.Context(), in)
					if err != nil {
						t.Error(err)
						return
					}
					events[i] += len(b.Events)
				}
			})
		}
		wg.Wait()
		for login, state := range s.Agents() {
			i, _ := strconv.Atoi(login)
			if state.Reaped > 0 || state.HandedOut != events[i-291] || state.Generated < 350 {
				t.Errorf("%s: %d events of %d, %+v", login, events[i-291], state.HandedOut, state)
			}
		}
	})
}

// The poll that brought a new Guid breaks off, so the Guid is lost with it; the
// session outlives the old one all the same, over an adoption too.
func TestSimLostRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{}, false, 1)
		a := s.account(t, 291, nil)
		in := s.enter(t, a, false)
		pollFor(t, in, 170*time.Second)
		for range 2 {
			for lost := 0; lost < 8; lost++ { // over a minute: one of them carries a new Guid
				s.Faults.Add(sim.Fault{Op: sim.OpPoll, Mode: sim.ModeLost, Count: 1})
				if _, err := sessiontest.Next(t.Context(), in); err != nil && session.KindOf(err) != session.Outage {
					t.Fatalf("a lost answer: %v", err)
				}
			}
			s.Faults.Clear()
			adopted, err := s.platform.Adopt(a, in.Key())
			if err != nil {
				t.Fatal(err)
			}
			_ = in.Close()
			in = adopted
			pollFor(t, in, 10*time.Minute)
		}
		_ = in.Close()
		if got := s.Agent("291"); !got.SignedIn || got.Reaped != 0 || len(got.SignIns) != 1 {
			t.Errorf("the session did not last: %+v", got)
		}
	})
}
