package conform

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// park steps s until it waits.
func (r *rig) park(s session.Session) session.Wait {
	r.Helper()
	for range 100 {
		batch, wait, err := s.Step(r.Context())
		if settle(batch); err != nil {
			r.Fatalf("a step: %v", err)
		}
		if !wait.None() {
			return wait
		}
	}
	r.Fatal("a hundred steps, and no wait")
	return session.Wait{}
}

// nobodyStands fails the test if a goroutine stands in an adapter.
func (r *rig) nobodyStands() {
	r.Helper()
	synctest.Wait()
	if stacks := sessiontest.Standing(); len(stacks) > 0 {
		r.Errorf("%d goroutines stand in sessions that wait:\n%s", len(stacks), stacks[0])
	}
}

// Sessions that wait hold no goroutine, however many they are, and go on after it.
func TestParkedHoldsNoGoroutine(t *testing.T) {
	contract(t, func(r *rig) {
		sessions := make([]session.Session, 0, accounts)
		for _, login := range logins() {
			sessions = append(sessions, r.enter(login))
		}
		for range 3 {
			var next time.Time
			for _, s := range sessions {
				wait := r.park(s)
				if wait.Until.IsZero() {
					r.Fatal("a wait without an end")
				}
				if next.IsZero() || wait.Until.Before(next) {
					next = wait.Until
				}
			}
			r.nobodyStands()
			if left := time.Until(next); left > r.window/2 {
				r.Errorf("the first wait ends in %v, the window is %v", left, r.window)
			}
			for _, s := range sessions {
				r.alive(s)
			}
		}
		for _, login := range logins() {
			if n := r.count(login).SignIns; n != 1 {
				r.Errorf("%s: %d sign-ins, want 1", login, n)
			}
		}
	})
}

// A step before its time waits on; one at its time asks, and contacts are never
// further apart than half the window.
func TestParkedStepsOnTime(t *testing.T) {
	contract(t, func(r *rig) {
		s := r.enter("291")
		r.alive(s)
		last := time.Now()
		for range 20 {
			wait := r.park(s)
			if again := r.park(s); again.Until.After(wait.Until) {
				r.Errorf("a step before its time moved it from %v to %v", wait.Until, again.Until)
			}
			if wait.Source != nil {
				wait.Block(r.Context())
			} else {
				time.Sleep(time.Until(wait.Until) - time.Millisecond)
				if again := r.park(s); !again.Until.Equal(wait.Until) {
					r.Errorf("1 ms before its time it waits until %v, before until %v", again.Until, wait.Until)
				}
				time.Sleep(time.Millisecond)
			}
			r.alive(s)
			if gap := time.Since(last); gap > r.window/2 {
				r.Errorf("%v without a contact, the window is %v", gap, r.window)
			}
			last = time.Now()
		}
	})
}

// What ends the context ends a wait at the next step, or at the one after it if an
// answer with events is there, at whatever time, and the session goes on. One that is closed while it waits leaves nothing behind and
// tells the platform nothing.
func TestParkedIsInterrupted(t *testing.T) {
	contract(t, func(r *rig) {
		s := r.enter("291")
		for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Second} {
			wait := r.park(s)
			if wait.Source != nil {
				limited, cancel := context.WithTimeout(r.Context(), after)
				wait.Block(limited)
				cancel()
			} else {
				time.Sleep(after)
			}
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			batch, wait, err := s.Step(ctx)
			if settle(batch); err == nil && len(batch.Events) > 0 { // an answer that was there is taken
				batch, wait, err = s.Step(ctx)
				settle(batch)
			}
			if !wait.None() || !errors.Is(err, context.Canceled) {
				r.Errorf("interrupted after %v: %v, waits %v", after, err, !wait.None())
			}
			r.nobodyStands()
			r.alive(s)
		}
		r.park(s)
		if err := s.Close(); err != nil {
			r.Errorf("close: %v", err)
		}
		r.nobodyStands()
		if n := r.count("291"); n.SignIns != 1 || n.SignOuts != 0 {
			r.Errorf("%d sign-ins and %d sign-outs, want one and none", n.SignIns, n.SignOuts)
		}
	})
}
