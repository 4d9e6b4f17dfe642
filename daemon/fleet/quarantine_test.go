package fleet_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// quarantine signs n agents in and has the others refused.
func (s *site) quarantine(n int) {
	s.t.Helper()
	all := s.cfg.Agents
	s.cfg.Agents = all[:n]
	s.start()
	time.Sleep(time.Minute)
	for _, a := range all[n:] {
		s.passwords[a.ID.Login] = "other"
	}
	s.cfg.Agents = all
	s.apply()
	time.Sleep(time.Minute)
	if st := s.fleet.Platforms()[0].Gate; !st.Quarantined {
		s.t.Fatalf("not quarantined: %+v", st)
	}
	s.operations()
}

// When every agent that may sign in holds a session, a credential that is
// reported refused makes the log-in that ends the quarantine, once the quiet
// time is over and not before. Of agents that must sign out first, one does.
func TestRefusedCredentialEndsTheQuarantine(t *testing.T) {
	for name, renews := range map[string]bool{"renewed beside the old one": true, "signed out and in": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, 5)
				s.renews = renews
				s.quarantine(2)
				report := func(login string) error {
					id := session.ID{Platform: "hq", Login: login}
					h, err := s.fleet.Credential(id)
					if err != nil {
						t.Fatal(err)
					}
					return s.fleet.Refuse(id, h.Generation, "test")
				}
				if err := report("1"); !errors.Is(err, fleet.ErrQuarantined) {
					t.Errorf("in the quiet time: %v", err)
				}
				time.Sleep(16 * time.Minute)
				if err := report("1"); err != nil {
					t.Errorf("after the quiet time: %v", err)
				}
				if err := report("2"); (err == nil) != renews {
					t.Errorf("beside the first: %v", err)
				}
				time.Sleep(time.Minute)
				if ins, _, most := s.operations(); ins == 0 || most != 1 {
					t.Errorf("%d sign-ins, %d at once", ins, most)
				}
				if st := s.fleet.Platforms()[0].Gate; st.Quarantined {
					t.Errorf("still quarantined: %+v", st)
				}
				in(t, "in the end", s, map[string]string{"1": "100", "2": "101"})
				s.stop()
			})
		})
	}
}
