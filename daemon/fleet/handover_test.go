package fleet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
)

// Whoever asks while the service hands over hears the wishes that the next
// process goes on with, not that nobody is to be online.
func TestWishesDuringHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		s.start()
		time.Sleep(time.Minute)
		s.change(func() { s.closing = 5 * time.Second })
		done := make(chan struct{})
		go func() { s.fleet.HandOver(t.Context(), "test"); close(done) }()
		time.Sleep(time.Second)
		look := func(when string) {
			t.Helper()
			for _, a := range s.fleet.Agents() {
				if a.Wish != session.Stay || a.By != "configuration" || a.View.State != session.Online {
					t.Errorf("%s: %s is wished %v by %q and is %s", when, a.ID, a.Wish, a.By, a.View.State)
				}
			}
			if got := s.fleet.Tally(); got.Wished != 2 || got.Online != 2 {
				t.Errorf("%s: %+v", when, got)
			}
		}
		look("meanwhile")
		<-done
		look("afterwards")
		s.store.Memory = s.store.Restart()
		s.start()
		s.stop()
	})
}

// A stop returns before its deadline, though a sign-out is not answered.
func TestStopKeepsToItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.start()
		time.Sleep(time.Minute)
		s.change(func() { s.takes = 20 * time.Second })
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		left := s.fleet.Stop(ctx, "test")
		if took := time.Since(began); took > 4*time.Second || len(left) != 1 {
			t.Errorf("after %v, %d left", took, len(left))
		}
		time.Sleep(time.Minute) // the answer comes
	})
}
