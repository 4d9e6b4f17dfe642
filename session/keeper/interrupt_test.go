package keeper_test

import (
	"context"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/sessiontest"
)

// An order that comes while an intent is being saved stops the operation, and
// the intent goes from the record, whether or not it got there.
func TestOrderWhileTheIntentIsSaved(t *testing.T) {
	tests := []struct {
		name        string
		early       bool
		first, then keeper.Order
		want        string
	}{
		{"sign-in", false, stay, leave, ""},
		{"sign-in on record", true, stay, leave, ""},
		{"sign-out", false, leave, stay, "sign in, poll"},
		{"sign-out on record", true, leave, stay, "sign in, poll"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.start(tt.then)
				pass(100*time.Millisecond + hold/2)
				b.disk.set(time.Second, nil)
				b.disk.mu.Lock()
				b.disk.early = tt.early
				b.disk.mu.Unlock()
				b.keeper.Set(tt.first)
				if tt.first == leave {
					pass(hold / 2)
				}
				pass(500 * time.Millisecond)
				b.keeper.Set(tt.then)
				pass(time.Minute)
				if got := b.vendor.said(); got != tt.want {
					b.Errorf("said %q, want %q", got, tt.want)
				}
				if op := b.disk.durable().Intent.Op; op != session.OpNone {
					b.Errorf("the intent of a %s is on record", op)
				}
				b.stop(end)
			})
		})
	}
}

// Orders that come while the driver is busy between two actions are not lost.
func TestOrdersBetweenActions(t *testing.T) {
	resume := stay
	resume.Resume = true
	tests := []struct {
		name   string
		fault  error
		orders []keeper.Order
		within time.Duration
		want   string
	}{
		{"end before a wait", &session.Fault{Kind: session.Outage, After: time.Hour}, []keeper.Order{end}, time.Minute, "sign in"},
		{"resume before a wait", &session.Fault{Kind: session.Outage, After: time.Hour}, []keeper.Order{resume}, time.Minute, "sign in, sign in, poll"},
		{"resume before the parking", errRefused, []keeper.Order{resume}, time.Minute, "sign in, sign in, poll"},
		{"resume and the schedule", errRefused, []keeper.Order{resume, leave, stay}, time.Minute, "sign in, sign in, poll"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.disk.set(time.Second, nil)
				b.vendor.script("sign in", answer{err: tt.fault}, answer{})
				b.start(stay)
				pass(1500 * time.Millisecond) // the outcome is being saved
				for _, o := range tt.orders {
					b.keeper.Set(o)
				}
				pass(tt.within)
				if got := b.vendor.said(); got != tt.want {
					b.Errorf("said %q, want %q", got, tt.want)
				}
				b.stop(end)
			})
		})
	}
}

func TestResumeIsOnRecordBeforeItActs(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errRefused})
		b.start(stay)
		pass(time.Minute)
		b.stop(quit)
		b.gate = gateFor(time.Hour, 0)
		o := stay
		o.Resume = true
		b.start(o)
		pass(time.Minute)
		if parked := b.disk.durable().Memo.Parked; parked != session.ReasonNone {
			b.Errorf("parked (%s) on record, though resumed", parked)
		}
		b.stop(quit)
	})
}

func TestResumeIsNoLicenceToHammer(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errOutage})
		b.start(stay)
		pass(time.Hour)
		before := b.vendor.count("sign in")
		o := stay
		o.Resume = true
		b.keeper.Set(o)
		pass(time.Second)
		if n := b.vendor.count("sign in") - before; n != 1 {
			b.Errorf("%d sign-ins at once, want 1", n)
		}
		pass(time.Hour)
		if n := b.vendor.count("sign in") - before; n > 150 {
			b.Errorf("%d sign-ins in the hour after a resume", n)
		}
		b.stop(end)
	})
}

// The answer that comes with the cut of a poll counts if it ends the session.
func TestVerdictThatComesWithTheCut(t *testing.T) {
	for _, kind := range []session.Kind{session.Lost, session.Taken, session.Outage} {
		t.Run(kind.String(), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.gate = func(p session.Platform) session.Guarded {
					return &lateVerdict{sessiontest.Open(p), &session.Fault{Kind: kind}}
				}
				b.vendor.script("poll", answer{hang: true})
				b.start(stay)
				pass(time.Minute)
				b.keeper.Set(leave)
				pass(time.Minute)
				want := map[bool]int{true: 1, false: 0}[kind == session.Outage]
				if n := b.vendor.count("sign out"); n != want {
					b.Errorf("%d sign-outs, want %d", n, want)
				}
				b.stop(end)
			})
		})
	}
}

// lateVerdict answers polls when they are cut.
type lateVerdict struct {
	session.Guarded
	verdict error
}

func (l *lateVerdict) SignIn(ctx context.Context, a session.Account, force bool) (session.GuardedSession, session.Wait, error) {
	s, w, err := l.Guarded.SignIn(ctx, a, force)
	return &lateSession{s, l.verdict}, w, err
}

type lateSession struct {
	session.GuardedSession
	verdict error
}

func (s *lateSession) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	b, w, err := s.GuardedSession.Step(ctx)
	if err != nil {
		err = s.verdict
	}
	return b, w, err
}
