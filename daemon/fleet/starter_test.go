package fleet_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// stored leaves sessions of the first n agents behind, as a process before would
// have: the later in the list, the longer ago was the last contact.
func (s *site) stored(n int) {
	s.t.Helper()
	now := time.Now()
	for i, a := range s.cfg.Agents[:n] {
		rec := session.Record{Key: session.NewKey([]byte("key of " + a.ID.Login)), Started: now.Add(-time.Hour), SignIns: 1,
			LastContact: now.Add(-time.Duration(i) * time.Millisecond), SecretHash: s.store.Hash(a.Password)}
		if err := s.store.Save(s.t.Context(), a.ID, rec); err != nil {
			s.t.Fatal(err)
		}
		s.numbers[a.ID.Login] = a.Number
	}
}

// Stored sessions go first, the one that was silent for the longest time before
// the others, 20 every 10 ms; agents without one follow.
func TestStartsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 100)
		s.cfg.Platforms[0].SignIn.Rate = 10_000
		s.stored(70)
		s.start()
		began := time.Now()
		time.Sleep(time.Minute)
		polls := s.polls()
		for i, a := range s.cfg.Agents {
			took := polls[a.ID.Login].Sub(began)
			want := time.Duration((69-i)/20) * 10 * time.Millisecond
			if i >= 70 { // signed in, which takes 100 ms
				if want = 30*time.Millisecond + s.takes; took < want {
					t.Errorf("agent %d of no session polled after %v, before the last stored session", i, took)
				}
				continue
			}
			if took != want {
				t.Errorf("agent %d polled after %v, want %v", i, took, want)
			}
		}
		if ins, _, _ := s.operations(); ins != 30 {
			t.Errorf("%d log-ins, want one for each agent without a session", ins)
		}
		s.stop()
	})
}

// A stop while agents are being started signs out every session, those of agents
// that have not been started included, and signs nobody in.
func TestStopWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1000)
		s.takes = time.Millisecond
		s.stored(800)
		s.start()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if n := len(s.polls()); n < 100 || n > 300 {
			t.Fatalf("%d agents run after 100 ms, want about 200", n)
		}
		if left := s.stop(); len(left) > 0 {
			t.Errorf("%d are still signed in", len(left))
		}
		if ins, outs, _ := s.operations(); ins != 0 || outs != 800 || len(s.signedIn()) > 0 {
			t.Errorf("%d log-ins, %d log-outs, %d signed in; want 0, 800, 0", ins, outs, len(s.signedIn()))
		}
	})
}

// A hand-over while agents are being started loses no session: the next process
// goes on with all of them.
func TestHandOverWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 500)
		s.stored(500)
		s.start()
		time.Sleep(100 * time.Millisecond)
		s.restart()
		time.Sleep(time.Minute)
		if ins, outs, _ := s.operations(); ins != 0 || outs != 0 || len(s.polls()) != 500 {
			t.Errorf("%d log-ins, %d log-outs, %d polled; want 0, 0, 500", ins, outs, len(s.polls()))
		}
		s.stop()
	})
}

// An end that begins while a configuration is being applied waits for nobody that
// was not started, and leaves nothing behind.
func TestStopWhileApplying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2000)
		s.takes = time.Millisecond
		s.stored(1000)
		all := s.cfg.Agents
		s.cfg.Agents = all[:1000]
		s.start()
		time.Sleep(50 * time.Millisecond)
		s.cfg.Agents = all
		done := make(chan struct{})
		go func() { s.apply(); close(done) }()
		left := s.stop()
		<-done
		if in := s.signedIn(); len(in) > 0 || len(left) > 0 {
			t.Errorf("%d signed in, %d said to be", len(in), len(left))
		}
	})
}

// Orders to an agent that was not started yet are followed when it is.
func TestOrdersBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 400)
		s.stored(400)
		s.start()
		paused := s.cfg.Agents[0]
		removed := s.cfg.Agents[1]
		renamed := s.cfg.Agents[2]
		if a, ok := s.fleet.Agent(paused.ID); !ok || a.Wish != session.Stay {
			t.Fatalf("%v, %v", a, ok)
		}
		if err := s.fleet.Command(t.Context(), paused.ID, fleet.Pause, "test", "why", 0); err != nil {
			t.Fatal(err)
		}
		s.cfg.Agents = slices.Delete(slices.Clone(s.cfg.Agents), 1, 2)
		s.cfg.Agents[1].Number = "another" // out and in
		s.apply()
		if n := len(s.polls()); n > 100 {
			t.Fatalf("%d agents run already", n)
		}
		time.Sleep(time.Minute)
		in := s.signedIn()
		if _, still := in[paused.ID.Login]; still {
			t.Error("the paused agent is signed in")
		}
		if _, still := in[removed.ID.Login]; still {
			t.Error("the removed agent is signed in")
		}
		if _, ok := s.fleet.Agent(removed.ID); ok {
			t.Error("the removed agent is there")
		}
		if in[renamed.ID.Login] != "another" {
			t.Errorf("the changed agent sits at %q", in[renamed.ID.Login])
		}
		if ins, outs, _ := s.operations(); ins != 1 || outs != 3 || len(in) != 398 {
			t.Errorf("%d log-ins, %d log-outs, %d signed in; want 1, 3, 398", ins, outs, len(in))
		}
		if polled := s.polls()[paused.ID.Login]; !polled.IsZero() {
			t.Error("the paused agent polled")
		}
		s.stop()
	})
}

// The counts are those of a walk over all agents, whatever they go through.
func TestCountsAreThoseOfAWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 60)
		s.passwords["7"] = "another"
		s.stored(20)
		s.start()
		check := func(when string) {
			t.Helper()
			synctest.Wait()
			want := map[string]int{}
			signedIn := 0
			for _, a := range s.fleet.Agents() {
				want[fmt.Sprint(a.View.State, a.View.Reason, a.Wish, a.View.Queued)]++
				if !a.View.Started.IsZero() {
					signedIn++
				}
			}
			got := map[string]int{}
			for _, p := range s.fleet.Platforms() {
				for _, c := range p.Counts {
					got[fmt.Sprint(c.State, c.Reason, c.Wish, c.Queued)] += c.Agents
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: counted %v, walked %v", when, got, want)
			}
			if tally := s.fleet.Tally(); tally.SignedIn != signedIn || tally.Agents != len(s.fleet.Agents()) {
				t.Errorf("%s: %+v, walked %d signed in", when, tally, signedIn)
			}
		}
		for i := range 20 {
			check(fmt.Sprint("start ", i))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		check("online")
		for _, verb := range []fleet.Verb{fleet.Pause, fleet.SignOut, fleet.Resume, fleet.SignIn} {
			if err := s.fleet.Command(t.Context(), s.cfg.Agents[3].ID, verb, "test", "why", 0); err != nil {
				t.Fatal(err)
			}
			check(string(verb))
			time.Sleep(15 * time.Second)
			check(string(verb) + " later")
		}
		s.cfg.Agents = slices.Clone(s.cfg.Agents)[10:]
		s.cfg.Agents[5].Number = "another"
		s.apply()
		for i := range 30 {
			check(fmt.Sprint("reload ", i))
			time.Sleep(time.Second)
		}
		stopped := make(chan struct{})
		go func() { s.stop(); close(stopped) }()
		for i := range 5 {
			time.Sleep(50 * time.Millisecond)
			check(fmt.Sprint("stopping ", i))
		}
		<-stopped
		check("stopped")
	})
}

// Pages are the list in parts.
func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 25)
		s.start()
		var got []session.ID
		for after := (session.ID{}); ; {
			part := s.fleet.Page(after, 10)
			for _, a := range part {
				got = append(got, a.ID)
			}
			if len(part) < 10 {
				break
			}
			after = part[9].ID
		}
		var want []session.ID
		for _, a := range s.fleet.Agents() {
			want = append(want, a.ID)
		}
		if len(want) != 25 || !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if part := s.fleet.Page(session.ID{Platform: "hq", Login: "9a"}, 1); len(part) != 1 || part[0].ID.Login != "10" {
			t.Errorf("behind a name that is no agent's: %v", part)
		}
		s.stop()
	})
}

// What a scrape costs, beside what it cost when each walked the agents.
func BenchmarkCount10000(b *testing.B) {
	s := newSite(nil, 10_000)
	for _, a := range s.cfg.Agents {
		_ = s.store.Save(context.Background(), a.ID, session.Record{Key: session.NewKey([]byte("key of " + a.ID.Login)), LastContact: time.Now()})
		s.numbers[a.ID.Login] = a.Number
	}
	s.open(b)
	for s.fleet.Tally().Online < 10_000 {
		time.Sleep(100 * time.Millisecond)
	}
	b.Run("walked", func(b *testing.B) {
		for b.Loop() {
			counts := map[session.State]int{}
			for _, a := range s.fleet.Agents() {
				counts[a.View.State]++
			}
		}
	})
	b.Run("counted", func(b *testing.B) {
		for b.Loop() {
			s.fleet.Platforms()
		}
	})
	s.fleet.HandOver(b.Context(), "benchmark")
}

// Another bound for connections, and other addresses that they come from, touch no
// session: they are for the next connections.
func TestReloadOfDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 5)
		s.cfg.Platforms[0].Dials = config.Dials{Concurrent: 1}
		s.start()
		time.Sleep(time.Minute)
		s.operations()
		place, _, _ := s.fleet.Place("hq")
		leave, err := place.Dials.Enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		s.cfg.Platforms[0].Dials = config.Dials{Concurrent: 2, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.2")}}
		if plan := s.fleet.Plan(&s.cfg); len(plan.Leave) != 5 {
			t.Errorf("%+v, want all left", plan)
		}
		s.apply()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		another, err := place.Dials.Enter(ctx, false)
		if err != nil {
			t.Fatal("the old bound rules")
		}
		another()
		time.Sleep(time.Minute)
		if ins, outs, _ := s.operations(); ins != 0 || outs != 0 {
			t.Errorf("%d log-ins, %d log-outs", ins, outs)
		}
		s.stop()
	})
}
