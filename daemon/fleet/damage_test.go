package fleet_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

func one(login string) session.ID { return session.ID{Platform: "hq", Login: login} }

// restartDamaged is restart, and the next process finds damage.
func (s *site) restartDamaged(d store.Damage) {
	s.t.Helper()
	s.fleet.HandOver(s.t.Context(), "test")
	s.store.Memory = s.store.Restart()
	s.store.SetDamage(d)
	s.start()
}

// Where records may be lost, one agent goes first: the others may have been
// refused before.
func TestLostRecordsSignInOneByOne(t *testing.T) {
	for name, d := range map[string]store.Damage{
		"unknown":                      {Unknown: true},
		"record":                       {Records: []session.ID{one("3")}},
		"budget":                       {Gates: []string{"hq.test:80"}},
		"budget of an earlier version": {Gates: []string{"hq rig hq.test"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, 9)
			s.takes = 5 * time.Second
			s.store.SetDamage(d)
			s.start()
			time.Sleep(4 * time.Second)
			if ins, _, most := s.operations(); ins != 1 || most != 1 {
				t.Errorf("%s: %d sign-ins, %d at once, before the first answer", name, ins, most)
			}
			time.Sleep(time.Minute)
			if n := len(s.signedIn()); n != 9 {
				t.Errorf("%s: %d of 9 signed in", name, n)
			}
			s.stop()
		})
	}
}

// An agent whose order by a person is lost may have been paused: it stays so,
// over restarts, until a person says otherwise.
func TestLostOverridePauses(t *testing.T) {
	for name, damage := range map[string]func(s *site){
		"lost": func(s *site) { s.store.SetDamage(store.Damage{Wishes: []session.ID{one("2")}}) },
		"unreadable": func(s *site) {
			if err := s.store.Put(s.t.Context(), store.Wishes, one("2").String(), []byte("{")); err != nil {
				s.t.Fatal(err)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, 3)
			damage(s)
			s.start()
			time.Sleep(time.Minute)
			s.restart()
			time.Sleep(time.Minute)
			if got := slices.Sorted(maps.Keys(s.signedIn())); !slices.Equal(got, []string{"1", "3"}) {
				t.Errorf("%s: signed in: %v", name, got)
			}
			if a, _ := s.fleet.Agent(one("2")); a.Override == nil || a.Override.Verb != fleet.Pause || a.Why == "" {
				t.Errorf("%s: the pause is not told: %+v", name, a)
			}
			if err := s.fleet.Command(t.Context(), one("2"), fleet.Resume, "me", "checked", 0); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
			if n := len(s.signedIn()); n != 3 {
				t.Errorf("%s: %d signed in after a person's word", name, n)
			}
			s.stop()
		})
	}
}

// A new key of the hashes says nothing about secrets: a refused password is not
// sent again, neither at this start nor at the next.
func TestLostHashKeyIsNoNewSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 3)
		s.passwords["2"] = "another"
		s.start()
		time.Sleep(time.Minute)
		s.operations()
		s.store.salt = "new"
		s.restartDamaged(store.Damage{HashKey: true})
		time.Sleep(time.Hour)
		s.restart()
		time.Sleep(time.Hour)
		if ins, outs, _ := s.operations(); ins != 0 || outs != 0 {
			t.Errorf("%d sign-ins, %d sign-outs", ins, outs)
		}
		if a, _ := s.fleet.Agent(one("2")); a.View.State != session.Parked {
			t.Errorf("the refused agent is %s", a.View.State)
		}
		s.cfg.Agents[1].Password = session.NewSecret("another")
		s.apply()
		time.Sleep(time.Minute)
		if ins, _, _ := s.operations(); ins != 1 {
			t.Errorf("%d sign-ins with a changed secret", ins)
		}
		s.stop()
	})
}

// What was to be stored about damage while the disk is full is not lost for
// this process.
func TestLostOverrideOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		s.store.SetDamage(store.Damage{Wishes: []session.ID{one("2")}})
		s.start()
		s.store.Fail(errors.New("no space left"))
		time.Sleep(time.Minute)
		s.store.Fail(nil)
		time.Sleep(time.Minute)
		if got := slices.Sorted(maps.Keys(s.signedIn())); !slices.Equal(got, []string{"1"}) {
			t.Errorf("signed in: %v", got)
		}
		s.stop()
	})
}
