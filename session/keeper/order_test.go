package keeper_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// moment is a situation in which an order comes.
type moment struct {
	name    string
	prepare func(*bench)
	at      time.Duration // after the start
	said    string        // so far
	held    bool          // a key is on record, or will be with the answer in flight
}

// gateFor keeps sign-ins and sign-outs in a queue.
func gateFor(in, out time.Duration) func(session.Platform) session.Guarded {
	return func(p session.Platform) session.Guarded {
		return &slowGate{Guarded: sessiontest.Open(p), in: turn{takes: in}, out: out}
	}
}

type slowGate struct {
	session.Guarded
	in  turn
	out time.Duration
}

// turn is one that comes a while after it was asked for.
type turn struct {
	takes time.Duration
	at    *time.Time
}

func (t *turn) wait(ctx context.Context) (session.Wait, error) {
	if t.at == nil {
		at := time.Now().Add(t.takes)
		t.at = &at
	}
	w, err := session.Rest(ctx, *t.at)
	if w.None() {
		t.at = nil
	}
	return w, err
}

func queue(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *slowGate) SignIn(ctx context.Context, a session.Account, force bool) (session.GuardedSession, session.Wait, error) {
	if w, err := g.in.wait(ctx); err != nil || !w.None() {
		return nil, w, err
	}
	s, w, err := g.Guarded.SignIn(ctx, a, force)
	if err != nil {
		return nil, w, err
	}
	return &slowOut{s, turn{takes: g.out}}, w, nil
}

type slowOut struct {
	session.GuardedSession
	out turn
}

func (s *slowOut) SignOut(ctx context.Context) (session.Wait, error) {
	if w, err := s.out.wait(ctx); err != nil || !w.None() {
		return w, err
	}
	return s.GuardedSession.SignOut(ctx)
}

func moments() []moment {
	script := func(what string, answers ...answer) func(*bench) {
		return func(b *bench) { b.vendor.script(what, answers...) }
	}
	return []moment{
		{"in the queue", func(b *bench) { b.gate = gateFor(time.Hour, 0) }, time.Minute, "", false},
		{"while the intent is saved", func(b *bench) { b.disk.set(time.Second, nil) }, 500 * time.Millisecond, "", false},
		{"during a sign-in", script("sign in", answer{takes: 20 * time.Second}), 10 * time.Second, "sign in", true},
		{"during a sign-in that fails", script("sign in", answer{takes: 20 * time.Second, err: errOutage}), 10 * time.Second, "sign in", false},
		{"during a poll", nil, time.Minute, "sign in, poll", true},
		{"between polls", script("poll", answer{takes: hold}, answer{err: errOutage}), 11 * time.Second, "sign in, poll", true},
		{"in an outage", script("poll", answer{takes: hold}, answer{err: errOutage}), time.Hour, "sign in, poll", true},
		{"between sign-ins", script("sign in", answer{err: errOutage}), 90 * time.Second, "", false},
		{"parked", script("sign in", answer{err: errRefused}), time.Hour, "sign in", false},
		{"in doubt", script("sign in", answer{takes: 30 * time.Second, err: errDoubt}), 31 * time.Second, "sign in", false},
		{"during a probe", func(b *bench) {
			script("sign in", answer{takes: 30 * time.Second, err: errDoubt})(b)
			script("probe", answer{hang: true})(b)
		}, 40 * time.Second, "sign in, probe", false},
	}
}

func TestQuitLeavesEverythingAsItIs(t *testing.T) {
	ways := map[string]func(*bench){
		"order":   func(b *bench) { b.keeper.Set(quit) },
		"context": func(b *bench) { b.end() },
		"both":    func(b *bench) { b.end(); b.keeper.Set(stay) },
	}
	for _, m := range moments() {
		for way, stop := range ways {
			t.Run(m.name+"/"+way, func(t *testing.T) { quitAt(t, m, stop) })
		}
	}
}

func quitAt(t *testing.T, m moment, stop func(*bench)) {
	inBubble(t, func(b *bench) {
		if m.prepare != nil {
			m.prepare(b)
		}
		b.start(stay)
		pass(m.at)
		said := b.vendor.said()
		if m.said != "" && said != m.said {
			b.Fatalf("said %q, the test wants %q", said, m.said)
		}
		asked := time.Now()
		stop(b)
		b.wait()
		if got := b.vendor.said(); got != said {
			b.Errorf("said %q, before the end %q", got, said)
		}
		if took := time.Since(asked); took > grace {
			b.Errorf("took %v", took)
		}
		if held := !b.disk.durable().Key.IsZero(); held != m.held {
			b.Errorf("a key is on record: %v", held)
		}
		if diff := cmp.Diff(b.disk.durable().Key, b.rec.Key, cmp.Comparer(sameKey)); diff != "" {
			b.Error(diff)
		}
		if b.vendor.closed != b.vendor.keys {
			b.Errorf("%d sessions closed of %d", b.vendor.closed, b.vendor.keys)
		}
	})
}

func sameKey(a, b session.Key) bool { return a == b }

func TestEndSignsOut(t *testing.T) {
	for _, m := range moments() {
		t.Run(m.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				if m.prepare != nil {
					m.prepare(b)
				}
				b.start(stay)
				pass(m.at)
				in := b.vendor.count("sign in")
				b.vendor.script("poll", answer{takes: hold})
				b.stop(end)
				if n := b.vendor.count("sign in"); n != in {
					b.Errorf("%d sign-ins after the order", n-in)
				}
				if n := b.vendor.count("sign out"); n > 1 || m.held != (n == 1) {
					b.Errorf("%d sign-outs", n)
				}
				if !b.disk.durable().Key.IsZero() || b.disk.durable().Intent.Op != session.OpNone {
					b.Errorf("on record: %+v", b.disk.durable())
				}
				if v := b.keeper.View(); v.State != session.Offline {
					b.Errorf("state %q", v.State)
				}
			})
		})
	}
}

func TestLeaveDuringAPoll(t *testing.T) {
	tests := []struct {
		name string
		poll answer
		want time.Duration // from the order to the sign-out
	}{
		{"ends by itself", answer{takes: hold}, 5 * time.Second},
		{"brings an event", answer{takes: 15 * time.Second, events: []string{"AgentState_Ready"}}, 10 * time.Second},
		{"is too long", answer{takes: time.Minute}, grace},
		{"never ends", answer{hang: true}, grace},
		{"says lost", answer{takes: 8 * time.Second, err: errLost}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.vendor.script("poll", tt.poll)
				b.start(stay)
				pass(5*time.Second + 100*time.Millisecond)
				b.keeper.Set(leave)
				pass(time.Hour)
				want := []call{{"sign in", 0}, {"poll", 100 * time.Millisecond}}
				if tt.want >= 0 {
					want = append(want, call{"sign out", 5*time.Second + 100*time.Millisecond + tt.want})
				}
				if diff := cmp.Diff(want, b.vendor.seen()); diff != "" {
					b.Error(diff)
				}
				if len(tt.poll.events) > 0 && b.sink.names()[1] != tt.poll.events[0] {
					b.Errorf("events %v", b.sink.names())
				}
				b.stop(end)
			})
		})
	}
}

func TestLeaveThatIsTakenBackCutsNoPoll(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: time.Minute})
		b.start(stay)
		pass(5 * time.Second)
		b.keeper.Set(leave)
		pass(5 * time.Second)
		b.keeper.Set(stay)
		pass(time.Minute)
		want := []call{{"sign in", 0}, {"poll", 100 * time.Millisecond}, {"poll", time.Minute + 100*time.Millisecond}}
		if diff := cmp.Diff(want, b.vendor.seen()); diff != "" {
			b.Error(diff)
		}
		b.stop(quit)
	})
}

func TestLeaveInTheQueueSendsNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.gate = gateFor(time.Minute, time.Minute)
		b.start(stay)
		pass(30 * time.Second)
		b.keeper.Set(leave)
		pass(time.Hour)
		if got := b.vendor.seen(); len(got) != 0 {
			b.Errorf("sent %v", got)
		}
		b.keeper.Set(stay)
		pass(10 * time.Minute)
		b.keeper.Set(leave) // and back out of the sign-outs' queue
		pass(30 * time.Second)
		b.keeper.Set(stay)
		pass(10 * time.Minute)
		if got := b.vendor.said(); got != "sign in, poll" {
			b.Errorf("said %q", got)
		}
		b.stop(end)
	})
}

func TestLeaveDuringASignIn(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{takes: 10 * time.Second})
		b.start(stay)
		pass(5 * time.Second)
		b.keeper.Set(leave)
		pass(time.Hour)
		want := []call{{"sign in", 0}, {"poll", 10 * time.Second}, {"sign out", 20 * time.Second}}
		if diff := cmp.Diff(want, b.vendor.seen()); diff != "" {
			b.Error(diff)
		}
		b.stop(end)
	})
}

func TestDoubtIsPausedAndProbed(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{takes: opTimeout, err: errDoubt}, answer{})
		b.vendor.script("probe", answer{err: errOutage}, answer{err: errOutage}, answer{err: errOutage}, answer{takes: time.Second})
		failures := 0
		b.vendor.onCall = func(what string) {
			if got := b.disk.durable().Memo.Fails; what == "probe" {
				if failures++; got != failures {
					b.Errorf("%d failures on record, want %d", got, failures)
				}
			}
		}
		b.start(stay)
		pass(opTimeout + time.Millisecond)
		if v := b.keeper.View(); v.State != session.Waiting || v.Reason != session.ReasonDoubt || v.NextAttempt.IsZero() {
			b.Errorf("view %+v", v)
		}
		pass(10 * time.Minute)
		if got := b.vendor.said(); got != "sign in, probe, probe, probe, probe, sign in, poll" {
			b.Errorf("said %q", got)
		}
		b.stop(quit)
	})
}

func TestHangingProbeIsGivenUp(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errDoubt}, answer{})
		b.vendor.script("probe", answer{hang: true}, answer{})
		b.start(stay)
		pass(10 * time.Minute)
		if got := b.vendor.said(); got != "sign in, probe, probe, sign in, poll" {
			b.Errorf("said %q", got)
		}
		b.stop(quit)
	})
}
