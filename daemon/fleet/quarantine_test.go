package fleet_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// quarantine signs n agents in and has the others refused.
func (s *site) quarantine(n int) {
	s.t.Helper()
	all := s.cfg.Agents
	s.cfg.Agents = all[:n]
	s.start()
	time.Sleep(time.Minute)
	s.change(func() {
		for _, a := range all[n:] {
			s.passwords[a.ID.Login] = "other"
		}
	})
	s.cfg.Agents = all
	s.apply()
	time.Sleep(time.Minute)
	if st := s.gate("hq"); !st.Quarantined {
		s.t.Fatalf("not quarantined: %+v", st)
	}
	s.operations()
}

// gate returns what is shown of a platform's gate.
func (s *site) gate(platform string) gate.Status {
	for _, p := range s.fleet.Platforms() {
		if p.Name == platform {
			return p.Gate
		}
	}
	return gate.Status{}
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
				if st := s.gate("hq"); st.Quarantined {
					t.Errorf("still quarantined: %+v", st)
				}
				in(t, "in the end", s, map[string]string{"1": "100", "2": "101"})
				s.stop()
			})
		})
	}
}

// A fleet that was signed in before comes back at full speed, after a restart
// and a loss of every session; a changed password is proven anew.
func TestProvenFleetReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 100)
		s.takes = 600 * time.Millisecond
		s.start()
		time.Sleep(15 * time.Second)
		if n := len(s.signedIn()); n == 100 {
			t.Errorf("a first start took less than 15s")
		}
		time.Sleep(time.Minute)
		if _, _, most := s.operations(); most != 3 {
			t.Errorf("%d log-ins at once with secrets that never signed in, want 3", most)
		}
		s.restart()
		time.Sleep(time.Minute)
		s.change(func() { clear(s.numbers) }) // every session is lost
		time.Sleep(18 * time.Second)          // polls take up to ten
		if n := len(s.signedIn()); n != 100 {
			t.Errorf("%d of 100 are back", n)
		}
		if _, _, most := s.operations(); most != 10 {
			t.Errorf("%d log-ins at once, want sign_in.concurrent", most)
		}
		for i := range s.cfg.Agents {
			s.cfg.Agents[i].Password = session.NewSecret("new")
		}
		s.apply()
		s.change(func() { clear(s.numbers) })
		time.Sleep(2 * time.Minute)
		if ins, _, most := s.operations(); ins != 100 || most > 3 {
			t.Errorf("with new passwords: %d log-ins, %d at once", ins, most)
		}
		s.stop()
	})
}

// A session that an earlier version left proves the password that it was made
// with, where nothing has changed since.
func TestSessionOfAnEarlierVersionProves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 20)
		s.start()
		time.Sleep(time.Minute)
		s.fleet.HandOver(t.Context(), "test")
		s.store.Memory = s.store.Restart()
		records, err := s.store.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for id, rec := range records {
			rec.ProvenHash = ""
			if err := s.store.Save(t.Context(), id, rec); err != nil {
				t.Fatal(err)
			}
		}
		s.operations()
		s.start()
		time.Sleep(time.Minute)
		s.change(func() { clear(s.numbers); s.takes = 2 * time.Second })
		time.Sleep(time.Minute)
		if _, _, most := s.operations(); most <= 3 { // the losses come within a poll's hold, not all at once
			t.Errorf("%d log-ins at once, as if no password had signed in", most)
		}
		s.stop()
	})
}

// What an earlier version stored for a platform holds for its address.
func TestBudgetOfAnEarlierVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 3)
		until := time.Now().Add(10 * time.Minute).UTC().Format(time.RFC3339Nano)
		if err := s.store.Put(t.Context(), store.Gates, "hq rig hq.test", []byte(`{"version":1,"quarantined_until":"`+until+`","reason":"x"}`)); err != nil {
			t.Fatal(err)
		}
		s.start()
		time.Sleep(9 * time.Minute)
		if ins, _, _ := s.operations(); ins != 0 {
			t.Errorf("%d sign-ins in the quarantine", ins)
		}
		time.Sleep(2 * time.Minute)
		if n := len(s.signedIn()); n != 3 {
			t.Errorf("%d signed in after it", n)
		}
		s.restart()
		if st := s.gate("hq"); st.Quarantined {
			t.Errorf("it came back: %+v", st)
		}
		s.stop()
	})
}

// Another port is another service, whose agents are not held back; the same one
// is shared, whatever the platform's name, and its end is everybody's.
func TestServiceIsHostAndPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 3)
		for name, host := range map[string]string{"port": "hq.test:8443", "same": "HQ.test:80"} {
			p := s.cfg.Platforms[0]
			p.Name, p.URL = name, &url.URL{Scheme: "http", Host: host}
			s.cfg.Platforms = append(s.cfg.Platforms, p)
		}
		s.quarantine(0)
		quarantined := map[string]bool{}
		for _, p := range s.fleet.Platforms() {
			quarantined[p.Name] = p.Gate.Quarantined
			if p.Name == "same" && !strings.Contains(p.Gate.Why, "shared with hq: hq/1, hq/2, hq/3, at the same host and port (hq.test:80)") {
				t.Errorf("the neighbour is told %q", p.Gate.Why)
			}
		}
		if diff := cmp.Diff(map[string]bool{"hq": true, "same": true, "port": false}, quarantined); diff != "" {
			t.Error(diff)
		}
		for name, want := range map[string]error{"port": fleet.ErrNotQuarantined, "none": fleet.ErrUnknownPlatform, "same": nil} {
			if err := s.fleet.EndQuarantine(t.Context(), name, "test", "mended"); !errors.Is(err, want) {
				t.Errorf("end of %s: %v, want %v", name, err, want)
			}
		}
		s.change(func() { clear(s.passwords) })
		if err := s.fleet.Command(t.Context(), one("1"), fleet.Resume, "test", "mended", 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, p := range s.fleet.Platforms() {
			if p.Gate.Quarantined {
				t.Errorf("%s is still quarantined", p.Name)
			}
		}
		s.stop()
	})
}

// The credential file of a lost session stays while a new one is on its way, in
// a quarantine and over a restart too. It goes when the agent is parked.
func TestCredentialFileStaysWhileReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credential.json")
	there := func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 4)
		s.cfg.Agents[0].Credential.Path = path
		s.quarantine(1)
		if !there() {
			t.Fatal("no file of a live session")
		}
		s.change(func() { delete(s.numbers, "1") })
		time.Sleep(time.Minute)
		if a, _ := s.fleet.Agent(one("1")); a.View.Reason != session.ReasonQuarantine || !there() {
			t.Errorf("%v, %v: the file is there: %v", a.View.State, a.View.Reason, there())
		}
		s.restart()
		time.Sleep(time.Minute)
		if a, _ := s.fleet.Agent(one("1")); a.View.State != session.Waiting || !there() {
			t.Errorf("after a restart: %v, %v: the file is there: %v", a.View.State, a.View.Reason, there())
		}
		s.change(func() { s.passwords["1"] = "other" })
		time.Sleep(20 * time.Minute)
		if a, _ := s.fleet.Agent(one("1")); a.View.State != session.Parked || there() {
			t.Errorf("%v: the file is there: %v", a.View.State, there())
		}
		s.stop()
	})
}
