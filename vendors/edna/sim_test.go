package edna_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	simulator "agentkeeper/test/sim/edna"
	"agentkeeper/vendors/edna"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

const (
	window = 5 * time.Minute
	login  = "1"
)

// site is the simulated platform, the adapter before it and a driver that does
// what the machine says, as the keeper does.
type site struct {
	*simulator.Sim
	line     *sim.PipeListener
	platform session.Platform
	account  session.Account

	machine session.Machine
	in      session.Session
	losses  map[session.Loss]int
	pace    time.Duration // the longest time between two good answers of a session
}

var policy = session.Policy{Initial: time.Second, Max: time.Minute, OpTimeout: 30 * time.Second, Window: window}

// open starts the platform. The first account has the options.
func open(t *testing.T, w simulator.Switches, options map[string]string) *site {
	t.Helper()
	s := &site{line: sim.Pipe(), machine: session.New(policy, 7), losses: map[session.Loss]int{}}
	s.Sim = simulator.New(simulator.Config{Accounts: simulator.Range(1, 3, "secret"), Switches: w, Line: s.line, Seed: 5})
	server := sim.Serve(s.line, s.Sim, nil)
	s.platform = edna.Vendor.Open(wire.Place{
		Name: "chat", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}, DialContext: s.line.DialContext,
		OperationTimeout: policy.OpTimeout, Window: window,
	})
	set := option.Set{}
	for name, text := range options {
		set[name] = option.Value{Text: text}
	}
	decoded, terms, problems := edna.Vendor.Decode(set, window)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	policy := policy
	policy.Terms = terms
	s.machine.SetPolicy(policy)
	s.account = session.Account{ID: session.ID{Platform: "chat", Login: login}, Password: session.NewSecret("secret"), Options: decoded}
	t.Cleanup(func() {
		if s.in != nil {
			_ = s.in.Close()
		}
		_ = server.Close()
		if v := s.Ops.Violations(); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
	})
	return s
}

// run drives the account for d and calls each after every step.
func (s *site) run(t *testing.T, d time.Duration, each func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	o := session.Outcome{Kind: session.Woken}
	for ctx.Err() == nil {
		o.Now = time.Now()
		a := s.machine.Next(o)
		if a.Loss != session.LossNone {
			s.losses[a.Loss]++
		}
		if o = s.do(ctx, a); each != nil {
			each()
		}
	}
}

func (s *site) do(ctx context.Context, a session.Action) session.Outcome {
	switch a.Do {
	case session.DoSignIn:
		return s.signIn(ctx)
	case session.DoNext:
		return s.next(ctx, a.For)
	case session.DoProbe:
		return outcome(ctx, s.platform.Probe(ctx, s.account))
	case session.DoWait:
		return rest(ctx, a.For)
	default: // parked, for good
		return rest(ctx, 1000*time.Hour)
	}
}

func (s *site) signIn(ctx context.Context) session.Outcome {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), policy.OpTimeout)
	defer cancel()
	in, err := s.platform.SignIn(limited, s.account, false)
	if err == nil {
		s.in = in
	}
	f := session.AsFault(err)
	if f == nil {
		return session.Outcome{}
	}
	return session.Outcome{Kind: f.Kind, Cause: f.Cause, After: f.After}
}

func (s *site) next(ctx context.Context, within time.Duration) session.Outcome {
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	begin := time.Now()
	b, err := sessiontest.Next(ctx, s.in)
	o := outcome(ctx, err)
	if o.Kind == session.OK {
		s.pace = max(s.pace, time.Since(begin))
	}
	o.Renew = b.Renew
	return o
}

func outcome(ctx context.Context, err error) session.Outcome {
	f := session.AsFault(err)
	switch {
	case f == nil:
		return session.Outcome{}
	case ctx.Err() != nil && f.Kind != session.Lost:
		return session.Outcome{Kind: session.Woken}
	}
	return session.Outcome{Kind: f.Kind, Cause: f.Cause, After: f.After}
}

func rest(ctx context.Context, d time.Duration) session.Outcome {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return session.Outcome{}
	case <-ctx.Done():
		return session.Outcome{Kind: session.Woken}
	}
}

var probe = map[string]string{"probe": "/api/v1/threads/1"}

func with(options map[string]string, name, text string) map[string]string {
	all := map[string]string{name: text}
	for n, v := range options {
		all[n] = v
	}
	return all
}

// hours is a duration of so many hours.
func hours(h float64) sim.Duration { return sim.Duration(h * float64(time.Hour)) }

// What the platform ends is noticed by the next probe, and the first log-in
// after it is at once.
func TestSimRevoked(t *testing.T) {
	for _, body := range []string{simulator.BodyJSON, simulator.BodyEmpty, simulator.BodyHTML} {
		t.Run(body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{Unauthorized: body}, probe)
				s.run(t, 10*time.Minute, nil)
				if err := s.Revoke(login); err != nil {
					t.Fatal(err)
				}
				s.run(t, window/2, nil)
				if got := s.Account(login); got.Alive != 1 || got.LogIns != 2 {
					t.Errorf("%+v", got)
				}
				if s.losses[session.LossExpired] != 1 {
					t.Errorf("losses %v", s.losses)
				}
			})
		})
	}
}

// An outage of any kind costs no session, even when renewal falls into it.
func TestSimOutage(t *testing.T) {
	for _, mode := range []string{sim.ModeRefuse, sim.ModeHang, sim.ModeReset, sim.ModeStatus} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{Life: hours(3)}, probe)
				s.run(t, 30*time.Minute, nil)
				if err := s.Outage(mode, time.Hour); err != nil {
					t.Fatal(err)
				}
				s.run(t, 70*time.Minute, nil)
				if len(s.losses) != 0 {
					t.Errorf("losses %v", s.losses)
				}
				if got := s.Account(login); got.Alive != 2 || got.LogIns != 2 {
					t.Errorf("%d tokens, %d log-ins", got.Alive, got.LogIns)
				}
				if !s.machine.Held() || time.Since(s.machine.Contact()) > window/2 {
					t.Error("not online after the outage")
				}
			})
		})
	}
}

// Bodies that are no answer of the API never count as a contact, and never end a
// session.
func TestSimNonsense(t *testing.T) {
	for _, mode := range []string{sim.ModeHTML, sim.ModeTruncate, sim.ModeLost, sim.ModeSlow, sim.ModeNumberTypes, sim.ModeBig, sim.ModeEmpty} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{ExtraFields: true}, probe)
				s.run(t, 10*time.Minute, nil)
				s.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: mode, For: sim.Duration(window / 2)})
				s.run(t, window, nil)
				if len(s.losses) != 0 || s.Account(login).LogIns != 1 {
					t.Errorf("losses %v, %d log-ins", s.losses, s.Account(login).LogIns)
				}
			})
		})
	}
}

// A log-in whose answer is lost is asked about, and tried again after its time.
func TestSimLostLogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{}, probe)
		s.Faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		s.run(t, 10*time.Minute, nil)
		times := s.Account(login).Times
		if len(times) != 2 || times[1].Sub(times[0]) < policy.OpTimeout {
			t.Errorf("log-ins at %v", times)
		}
	})
}

// A stored session is gone on with: no log-in, and its own probe first.
func TestSimAdoption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{JWT: true}, probe)
		s.run(t, 20*time.Minute, nil)
		for i := range 3 {
			probes := s.Ops.Count(login).Messages
			adopted, err := s.platform.Adopt(s.account, s.in.Key())
			if err != nil {
				t.Fatal(err)
			}
			_ = s.in.Close()
			s.in = adopted
			begin := time.Now()
			if _, err := sessiontest.Next(t.Context(), adopted); err != nil || time.Since(begin) != 0 {
				t.Errorf("adoption %d: %v after %v", i, err, time.Since(begin))
			}
			if n := s.Ops.Count(login).Messages - probes; n != 1 {
				t.Errorf("%d probes", n)
			}
		}
		if n := s.Account(login).LogIns; n != 1 {
			t.Errorf("%d log-ins", n)
		}
	})
}

// Many accounts: no two log-ins of one at once, everybody online.
func TestSimFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{Life: hours(0.5)}, probe)
		done := make(chan error, 3)
		for i := 1; i <= 3; i++ {
			a := s.account
			a.ID.Login = fmt.Sprint(i)
			go func() {
				in, err := s.platform.SignIn(t.Context(), a, false)
				for begin := time.Now(); err == nil && time.Since(begin) < 20*time.Minute; {
					_, err = sessiontest.Next(t.Context(), in)
				}
				done <- err
			}()
		}
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for name, state := range s.AllAccounts() {
			if state.Alive != 1 || state.Rejected != 0 {
				t.Errorf("%s: %+v", name, state)
			}
			if gap := time.Duration(s.Ops.Count(name).LargestGap); gap >= window/2 {
				t.Errorf("%s: a gap of %v", name, gap)
			}
		}
	})
}
