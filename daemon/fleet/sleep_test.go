package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// TestSleep lets the machine sleep while an override for a time runs: the sleep
// counts, for agents and for what is stored.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.start()
		defer s.stop()
		time.Sleep(time.Minute)
		id := session.ID{Platform: "hq", Login: "1"}
		if err := s.fleet.Command(t.Context(), id, fleet.Pause, "tester", "a test", time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.asleep.Store(int64(50 * time.Minute))
		time.Sleep(time.Minute)
		a, _ := s.fleet.Agent(id)
		if a.Override == nil || time.Until(a.Override.Until) != 8*time.Minute {
			t.Fatalf("the override holds until %+v, want 8 minutes more", a.Override)
		}
		s.restart()
		time.Sleep(7 * time.Minute)
		if a, _ := s.fleet.Agent(id); a.View.State != session.Offline {
			t.Errorf("%s within the hour", a.View.State)
		}
		time.Sleep(2 * time.Minute)
		if a, _ := s.fleet.Agent(id); a.View.State != session.Online {
			t.Errorf("%s after the hour", a.View.State)
		}
	})
}
