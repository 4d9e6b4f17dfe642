package conform

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
)

// A sign-in that succeeded gives a session whose first Next asks at once, and a
// key.
func TestSignIn(t *testing.T) {
	contract(t, func(r *rig) {
		began := time.Now()
		s := r.enter("291")
		r.alive(s)
		if took := time.Since(began); took > r.window/2 {
			r.Errorf("the first sign of life came after %v", took)
		}
		if s.Key().IsZero() {
			r.Error("there is no key")
		}
		if n := r.count("291").SignIns; n != 1 {
			r.Errorf("%d sign-ins left, want 1", n)
		}
	})
}

// A fault before the request left is an outage: nothing was asked.
func TestNothingListens(t *testing.T) {
	contract(t, func(r *rig) {
		r.line.Refuse(true)
		if _, fault := r.try(r.account("291")); fault == nil || fault.Kind != session.Outage || fault.Action == "" {
			r.Errorf("%+v, want an outage and what to do", fault)
		}
		if n := r.ops.Total().SignIns; n != 0 {
			r.Errorf("%d sign-ins arrived", n)
		}
	})
}

// A sign-in whose answer never comes, or not whole, may have been carried out.
// The call ends with its deadline.
func TestNoAnswer(t *testing.T) {
	for _, mode := range []string{sim.ModeHang, sim.ModeLost, sim.ModeTruncate} {
		t.Run(mode, func(t *testing.T) {
			contract(t, func(r *rig) {
				r.faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: mode})
				began := time.Now()
				if _, fault := r.try(r.account("291")); fault == nil || fault.Kind != session.Doubt {
					r.Errorf("%v, want doubt", fault)
				}
				if took := time.Since(began); took > opTimeout+time.Second {
					r.Errorf("it took %v", took)
				}
				if n := r.count("291").SignIns; n != 1 {
					r.Errorf("one attempt sent %d sign-ins", n)
				}
			})
		})
	}
}

// Whatever a platform or something before it answers, only its own word about
// the credentials is a refusal.
func TestNonsenseIsNoRefusal(t *testing.T) {
	for _, mode := range []string{sim.ModeStatus, sim.ModeHTML, sim.ModeGarbage, sim.ModeEmpty, sim.ModeBig} {
		t.Run(mode, func(t *testing.T) {
			contract(t, func(r *rig) {
				r.faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: mode})
				_, fault := r.try(r.account("291"))
				if fault == nil || (fault.Kind != session.Outage && fault.Kind != session.Doubt) {
					r.Errorf("%v, want an outage or doubt", fault)
				}
				if n := r.count("291").SignIns; n != 1 {
					r.Errorf("one attempt sent %d sign-ins", n)
				}
			})
		})
	}
}

// A wrong password is refused, counts towards the lock-out guard, and was sent
// once.
func TestWrongPassword(t *testing.T) {
	contract(t, func(r *rig) {
		a := r.account("291")
		a.Password = session.NewSecret(password + "-wrong")
		_, fault := r.try(a)
		if fault == nil || fault.Kind != session.Refused || fault.Cause != session.CauseCredential || fault.Action == "" {
			r.Errorf("%+v, want a refusal of the credentials and what to do", fault)
		}
		if n := r.count("291").SignIns; n != 1 {
			r.Errorf("one attempt sent %d sign-ins", n)
		}
	})
}

// A Next that its caller cuts returns the context's error, and the session goes
// on.
func TestCutNext(t *testing.T) {
	contract(t, func(r *rig) {
		s := r.enter("291")
		r.alive(s)
		for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Second} {
			ctx, cancel := context.WithTimeout(r.Context(), after)
			_, err := sessiontest.Next(ctx, s)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				r.Errorf("cut after %v: %v", after, err)
			}
			r.alive(s)
		}
	})
}

// An outage within the window does not end a session that outlives its
// connection. One that is its connection is lost with it.
func TestOutage(t *testing.T) {
	contract(t, func(r *rig) {
		s := r.enter("291")
		r.alive(s)
		r.line.RefuseFor(r.window / 8)
		r.line.DropAll()
		for end := time.Now().Add(r.window / 4); time.Now().Before(end); {
			_, err := sessiontest.Next(r.Context(), s)
			fault := r.hear(err)
			switch {
			case fault == nil:
			case !r.vendor.Adopts:
				if fault.Kind != session.Lost || fault.Cause != session.CauseClosed {
					r.Errorf("%v, want lost with its connection", fault)
				}
				return
			case fault.Kind != session.Outage:
				r.Fatalf("%v, want an outage", fault)
			}
			time.Sleep(r.window / 50)
		}
		r.alive(s)
	})
}

// Adopt goes on with a stored key, in another process, without I/O and without
// a login; Close before it told the platform nothing.
func TestAdopt(t *testing.T) {
	contract(t, func(r *rig) {
		s := r.enter("291")
		r.alive(s)
		key := s.Key()
		if err := s.Close(); err != nil {
			r.Errorf("close: %v", err)
		}
		synctest.Wait() // the platform has noticed
		before := r.count("291")
		again, err := r.platform.Adopt(r.account("291"), session.NewKey([]byte(key.Reveal())))
		fault := r.hear(err)
		if !r.vendor.Adopts {
			if fault == nil || fault.Kind != session.Lost {
				r.Errorf("%v, want lost: this session died with its connection", err)
			}
			return
		}
		if err != nil {
			r.Fatal(err)
		}
		r.Cleanup(func() { _ = again.Close() })
		synctest.Wait()
		if now := r.count("291"); now != before {
			r.Errorf("adopting asked the platform: %+v, before %+v", now, before)
		}
		r.alive(again)
		if now := r.count("291"); now.SignIns != 1 || now.SignOuts != 0 {
			r.Errorf("%d sign-ins and %d sign-outs, want one and none", now.SignIns, now.SignOuts)
		}
	})
}

// A key that is no key of this adapter's is a lost session, and nothing worse.
func TestForeignKeys(t *testing.T) {
	contract(t, func(r *rig) {
		for _, text := range []string{"x", "{}", "[]", "null", "\x00\xff", `{"guid":7,"token":[]}`, strings.Repeat("a", 1<<20)} {
			s, err := r.platform.Adopt(r.account("291"), session.NewKey([]byte(text)))
			if err == nil {
				_ = s.Close()
			}
			if fault := r.hear(err); fault == nil || fault.Kind != session.Lost {
				r.Errorf("key %.20q: %v, want lost", text, err)
			}
		}
	})
}

// A sign-out ends the session; another one finds it ended, and leaves no doubt.
func TestSignOut(t *testing.T) {
	contract(t, func(r *rig) {
		s := r.enter("291")
		r.alive(s)
		for range 2 {
			ctx, cancel := context.WithTimeout(r.Context(), opTimeout)
			err := s.SignOut(ctx)
			cancel()
			if kind := session.KindOf(err); kind != session.OK && kind != session.Lost {
				r.Errorf("sign-out: %v", err)
			}
		}
		again := r.enter("291") // the platform lets the agent in as if it were the first time
		r.alive(again)
	})
}

// What happens to one agent is nothing to another.
func TestAgentsApart(t *testing.T) {
	contract(t, func(r *rig) {
		first, second := r.enter("291"), r.enter("292")
		r.alive(first)
		r.alive(second)
		ctx, cancel := context.WithTimeout(r.Context(), opTimeout)
		defer cancel()
		if kind := session.KindOf(first.SignOut(ctx)); kind != session.OK && kind != session.Lost {
			r.Errorf("sign-out: %v", kind)
		}
		r.alive(second)
		if n := r.count("292").SignIns; n != 1 {
			r.Errorf("%d sign-ins of the other agent", n)
		}
	})
}

// A probe asks without changing anything.
func TestProbe(t *testing.T) {
	contract(t, func(r *rig) {
		ctx, cancel := context.WithTimeout(r.Context(), opTimeout)
		defer cancel()
		if kind := session.KindOf(r.platform.Probe(ctx, r.account("291"))); kind != session.OK && kind != session.Lost {
			r.Errorf("a platform that answers: %v", kind)
		}
		if n := r.ops.Total(); n.SignIns+n.SignOuts != 0 {
			r.Errorf("the probe signed in or out: %+v", n)
		}
		r.line.Refuse(true)
		if kind := session.KindOf(r.platform.Probe(ctx, r.account("291"))); kind != session.Outage {
			r.Errorf("a platform that does not: %v, want outage", kind)
		}
	})
}
