package huaweiconfig_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/raced"
	"agentkeeper/test/sim"
	simulator "agentkeeper/test/sim/huaweiconfig"
	"agentkeeper/vendors/huaweiconfig"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

const window = 2 * time.Minute

// site is the simulated platform, the adapter before it, and one account.
type site struct {
	*simulator.Sim
	platform session.Platform
	account  session.Account
	terms    session.Terms
}

func open(t *testing.T, w simulator.Switches, probe string) *site {
	t.Helper()
	line := sim.Pipe()
	s := &site{Sim: simulator.New(simulator.Config{Accounts: simulator.Range(101, 1, "secret"), Switches: w, Line: line})}
	server := sim.Serve(line, s.Sim, nil)
	s.platform = huaweiconfig.Vendor.Open(wire.Place{
		Name: "c5", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:8043"}, DialContext: line.DialContext,
		OperationTimeout: 30 * time.Second, Window: window,
	})
	decoded, terms, problems := huaweiconfig.Vendor.Decode(option.Set{"probe": {Text: probe}}, window)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.terms = terms
	s.account = session.Account{ID: session.ID{Platform: "c5", Login: "101"}, Password: session.NewSecret("secret"), Options: decoded}
	t.Cleanup(func() {
		_ = server.Close()
		if v := s.Ops.Violations(); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
	})
	return s
}

// driver does what the machine says, as the keeper does.
type driver struct {
	*site
	machine session.Machine
	session session.Session
	losses  []session.Loss
	online  time.Duration
}

func newDriver(s *site) *driver {
	policy := session.Policy{Initial: time.Second, Max: time.Minute, OpTimeout: 30 * time.Second, Window: window, Terms: s.terms}
	return &driver{site: s, machine: session.New(policy, 7)}
}

// run drives for d.
func (v *driver) run(ctx context.Context, d time.Duration) {
	o := session.Outcome{Kind: session.Woken}
	for end := time.Now().Add(d); time.Now().Before(end); {
		begin := time.Now()
		o.Now = begin
		a := v.machine.Next(o)
		if a.Loss != session.LossNone {
			v.losses = append(v.losses, a.Loss)
		}
		o = v.do(ctx, a, end)
		if v.machine.State() == session.Online {
			v.online += time.Since(begin)
		}
	}
}

func (v *driver) do(ctx context.Context, a session.Action, end time.Time) session.Outcome {
	switch a.Do {
	case session.DoSignIn:
		s, err := v.signIn(ctx)
		if err == nil {
			v.close()
			v.session = s
		}
		return outcome(session.Batch{}, err)
	case session.DoNext:
		return v.next(ctx, a.For)
	case session.DoProbe:
		return outcome(session.Batch{}, v.platform.Probe(ctx, v.account))
	case session.DoPark:
		time.Sleep(time.Until(end))
		return session.Outcome{Kind: session.Woken}
	default:
		time.Sleep(a.For)
		return session.Outcome{Kind: session.OK}
	}
}

func (v *driver) signIn(ctx context.Context) (session.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return v.platform.SignIn(ctx, v.account, false)
}

func (v *driver) next(ctx context.Context, within time.Duration) session.Outcome {
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	b, err := sessiontest.Next(ctx, v.session)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return session.Outcome{Kind: session.Woken}
	}
	return outcome(b, err)
}

func (v *driver) close() {
	if v.session != nil {
		_ = v.session.Close()
	}
}

func outcome(b session.Batch, err error) session.Outcome {
	f := session.AsFault(err)
	if f == nil {
		return session.Outcome{Kind: session.OK, Renew: b.Renew}
	}
	return session.Outcome{Kind: f.Kind, Cause: f.Cause, After: f.After}
}

// A day with every variant of the platform: how many logins does it cost, and
// how much of the day was there a Guid?
func TestSimLoginsADay(t *testing.T) {
	const probe, day = "/config/agents", 24 * time.Hour
	minutes := func(n int) sim.Duration { return sim.Duration(time.Duration(n) * time.Minute) }
	renewals := [2]int{780, 1060} // every 84 to 108 s, and those that came late
	var table []string
	for _, tt := range []struct {
		name     string
		switches simulator.Switches
		probe    string
		logins   [2]int
		online   float64 // at least this part of the day
	}{
		{"defaults", simulator.Switches{}, probe, [2]int{1, 1}, 0.999},
		{"POST", simulator.Switches{}, "POST /config/query", [2]int{1, 1}, 0.999},
		{"Guid in a header", simulator.Switches{GuidIn: simulator.GuidHeader}, probe, [2]int{1, 1}, 0.999},
		{"Guid in Set-GUID", simulator.Switches{GuidIn: simulator.GuidSet}, probe, [2]int{1, 1}, 0.999},
		{"Guid in the body", simulator.Switches{GuidIn: simulator.GuidBody}, probe, [2]int{1, 1}, 0.999},
		{"odd shapes", simulator.Switches{NumericRetcode: true, Msg: true, ExtraFields: true, Cookie: true}, probe, [2]int{1, 1}, 0.999},
		{"rotating", simulator.Switches{Rotate: minutes(1)}, probe, [2]int{1, 1}, 0.999},
		{"rotating, old one dead", simulator.Switches{Rotate: minutes(1), OldGuid: simulator.OldGuidDead, Cookie: true}, probe, [2]int{1, 1}, 0.999},
		{"always another Guid", simulator.Switches{Rotate: 1, OldGuid: simulator.OldGuidDead}, probe, [2]int{1, 1}, 0.999},
		{"life of an hour", simulator.Switches{Life: minutes(60)}, probe, [2]int{23, 25}, 0.999},
		{"life of an hour, 401", simulator.Switches{Life: minutes(60), Expired: simulator.Expired401}, probe, [2]int{23, 25}, 0.999},
		{"restart every 7 min", simulator.Switches{CutEvery: minutes(7), Expired: simulator.ExpiredPre}, probe, [2]int{190, 210}, 0.999},
		{"second login kills", simulator.Switches{SecondLogin: simulator.SecondKills}, probe, [2]int{1, 1}, 0.999},
		{"object fails", simulator.Switches{Query: simulator.QueryObject}, probe, [2]int{1, 1}, 0.999},
		{"no probe", simulator.Switches{}, "", renewals, 0.999},
		{"no probe, second kills", simulator.Switches{SecondLogin: simulator.SecondKills}, "", renewals, 0.999},
		{"probe always denied", simulator.Switches{Query: simulator.QueryDenied}, probe, renewals, 0.999},
		{"probe always 401", simulator.Switches{Query: simulator.QueryDenied, Expired: simulator.Expired401}, probe, renewals, 0.999},
		{"probe forbidden", simulator.Switches{Query: simulator.QueryForbidden}, probe, renewals, 0.999},
		{"probe missing", simulator.Switches{Query: simulator.QueryMissing}, probe, renewals, 0.999},
		{"probe a page", simulator.Switches{Query: simulator.QueryHTML}, probe, renewals, 0.999},
		{"probe refused", simulator.Switches{Query: simulator.QueryInput}, probe, renewals, 0.999},
		{"dead after one request", simulator.Switches{Life: 1}, probe, [2]int{90, 200}, 0}, // a truce of 15 minutes
		{"no Guid anywhere", simulator.Switches{GuidIn: simulator.GuidNone}, probe, [2]int{1000, 2200}, 0},
	} {
		if raced.LeaveOut(3) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newDriver(open(t, tt.switches, tt.probe))
				defer v.close()
				v.run(t.Context(), day)
				c := v.Ops.Count("101")
				share := min(1, float64(v.online)/float64(day))
				table = append(table, fmt.Sprintf("%-24s %6d logins %6d keep-alives %6d losses %7.3f%% online, gap %v",
					tt.name, c.SignIns, c.Messages, len(v.losses), 100*share, time.Duration(c.LargestGap).Round(time.Second)))
				if c.SignIns < tt.logins[0] || c.SignIns > tt.logins[1] || share < tt.online {
					t.Errorf("%d logins, want %v; %.4f of the day online, want %v", c.SignIns, tt.logins, share, tt.online)
				}
			})
		})
	}
	t.Logf("\n%s", strings.Join(table, "\n"))
}

// The Guid is never silent for half the window while the platform answers, and
// never lapses.
func TestSimNeverSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newDriver(open(t, simulator.Switches{Rotate: sim.Duration(10 * time.Minute), OldGuid: simulator.OldGuidDead}, "/config/agents"))
		defer v.close()
		v.run(t.Context(), 12*time.Hour)
		if c := v.Ops.Count("101"); time.Duration(c.LargestGap) >= window/2 || c.SignIns != 1 {
			t.Errorf("%+v", c)
		}
		if got := v.Account("101"); got.Lapsed > 0 || got.Denied > 0 || !got.SignedIn {
			t.Errorf("%+v", got)
		}
	})
}

// An outage within the window costs nothing, a longer one the Guid once; none
// costs a login for each retry.
func TestSimOutages(t *testing.T) {
	for _, tt := range []struct {
		mode   string
		d      time.Duration
		logins int
	}{
		{sim.ModeRefuse, 40 * time.Second, 1}, {sim.ModeStatus, 40 * time.Second, 1}, {sim.ModeReset, 40 * time.Second, 1}, {sim.ModeHang, 40 * time.Second, 1},
		{sim.ModeRefuse, time.Hour, 2}, {sim.ModeStatus, time.Hour, 2}, {sim.ModeHang, time.Hour, 2},
	} {
		t.Run(fmt.Sprint(tt.mode, " ", tt.d), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newDriver(open(t, simulator.Switches{}, "/config/agents"))
				defer v.close()
				v.run(t.Context(), 10*time.Minute)
				if err := v.Outage(tt.mode, tt.d); err != nil {
					t.Fatal(err)
				}
				v.run(t.Context(), tt.d+5*time.Minute)
				v.EndOutage()
				if got := v.Account("101"); !got.SignedIn || len(got.SignIns) != tt.logins {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// Faults of single requests: none ends the Guid, and lost answers to logins are
// in doubt.
func TestSimFaults(t *testing.T) {
	for _, mode := range sim.Modes() {
		if slices.Contains([]string{sim.ModeRefuse, sim.ModeCode}, mode) {
			continue
		}
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newDriver(open(t, simulator.Switches{}, "/config/agents"))
				defer v.close()
				v.run(t.Context(), 5*time.Minute)
				v.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: mode, Count: 2})
				v.run(t.Context(), time.Hour)
				if got := v.Account("101"); len(got.SignIns) != 1 || len(v.losses) != 0 {
					t.Errorf("%+v, losses %v", got, v.losses)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{}, "")
		s.Faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		if _, err := s.platform.SignIn(t.Context(), s.account, false); session.KindOf(err) != session.Doubt {
			t.Errorf("a lost answer: %v", err)
		}
		if err := s.platform.Probe(t.Context(), s.account); err != nil {
			t.Errorf("probe: %v", err)
		}
	})
}

// A wrong password is sent once, and parks.
func TestSimWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newDriver(open(t, simulator.Switches{}, "/config/agents"))
		if err := v.SetPassword("101", "other"); err != nil {
			t.Fatal(err)
		}
		v.run(t.Context(), 24*time.Hour)
		if n := v.Ops.Count("101").SignIns; n != 1 || v.machine.State() != session.Parked {
			t.Errorf("%d logins, %s", n, v.machine.State())
		}
	})
}

// A renewal that is refused leaves the old Guid in use to its end.
func TestSimRefusedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newDriver(open(t, simulator.Switches{}, ""))
		defer v.close()
		v.run(t.Context(), time.Minute)
		if err := v.SetPassword("101", "other"); err != nil {
			t.Fatal(err)
		}
		v.run(t.Context(), 24*time.Hour)
		if n := v.Ops.Count("101").SignIns; n != 2 || v.machine.State() != session.Parked {
			t.Errorf("%d logins, %s", n, v.machine.State())
		}
	})
}

// The next process goes on with the Guid, without a login.
func TestSimAdoption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{Rotate: sim.Duration(time.Minute), OldGuid: simulator.OldGuidDead, Cookie: true}, "/config/agents")
		in, err := s.platform.SignIn(t.Context(), s.account, false)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			for range 3 {
				if _, err := sessiontest.Next(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			stored := in.Key()
			_ = in.Close()
			time.Sleep(time.Minute)
			if in, err = s.platform.Adopt(s.account, stored); err != nil {
				t.Fatal(err)
			}
		}
		_ = in.Close()
		if got := s.Account("101"); len(got.SignIns) != 1 || got.Denied > 0 {
			t.Errorf("%+v", got)
		}
	})
}
