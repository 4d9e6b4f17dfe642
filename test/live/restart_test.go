package live

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"agentkeeper/test/sim/huawei"
)

// fleetSize is how many agents the tests of restarts and reloads have.
const fleetSize = 200

// TestKilled kills the service three times. Every session is adopted: the
// platform counts no sign-in, and hears from every agent again at once.
func TestKilled(t *testing.T) {
	t.Parallel()
	names := logins(1000, fleetSize)
	s := newSite(t, simulate(t, "huawei", names, "--tls", "--hold", "2s"), names)
	s.place = []string{"options: {hold: 2s}"}
	s.write()
	k := s.runOnline()
	for i := range 3 {
		k.kill()
		before := s.platform.huawei()
		k = s.launch()
		s.wantAdopted(k, before, fmt.Sprintf("after kill -9 no. %d", i+1))
	}
	k.stop()
	if n := signedIn(s.platform.huawei()); n != 0 {
		t.Errorf("%d agents are signed in after the stop", n)
	}
}

// TestHandedOver replaces the service three times as an upgrade does: USR2, and
// the next process at once, tried again for as long as the first has the store.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	names := logins(1000, fleetSize)
	s := newSite(t, simulate(t, "huawei", names, "--tls", "--hold", "2s"), names)
	s.place = []string{"options: {hold: 2s}"}
	s.write()
	k := s.runOnline()
	for i := range 3 {
		before := s.platform.huawei()
		k.signal(syscall.SIGUSR2)
		next, refused := s.succeed(k)
		if n := signedIn(s.platform.huawei()); n != fleetSize {
			t.Fatalf("%d agents are signed in after the hand-over, want %d", n, fleetSize)
		}
		s.wantAdopted(next, before, fmt.Sprintf("after USR2 no. %d (%d early starts ended with 75)", i+1, refused))
		k = next
	}
}

// succeed starts processes until one gets the store of k, which must end with
// exit code 0.
func (s *site) succeed(k *service) (next *service, refused int) {
	s.t.Helper()
	within(s.t, patience, "the next process", func() error {
		next = s.launch()
		within(s.t, patience, "the next process's start", func() error {
			err := next.ready()
			if next.ended() { // looked at last: it may end at any instant
				return nil
			}
			return err
		})
		if !next.ended() {
			return nil
		}
		refused++
		next.wantCode(patience, 75)
		return fmt.Errorf("%d starts refused", refused)
	})
	k.wantCode(patience, 0)
	return next, refused
}

// wantAdopted waits until the platform has heard from every agent again and
// compares its counts with those before.
func (s *site) wantAdopted(k *service, before state[huawei.AgentState], when string) {
	s.t.Helper()
	within(s.t, patience, "polls of all agents "+when, func() error { return polledSince(s.platform, before, len(s.members)) })
	took := time.Since(k.began)
	s.await(k)
	s.awaitOnline(k)
	after := s.platform.huawei()
	if signIns, signOuts := after.Total.SignIns-before.Total.SignIns, after.Total.SignOuts-before.Total.SignOuts; signIns != 0 || signOuts != 0 {
		s.t.Fatalf("%s: %d sign-ins and %d sign-outs, want none", when, signIns, signOuts)
	}
	for login, a := range k.agents() {
		if a.Session == nil || !a.Session.Adopted {
			s.t.Fatalf("%s: agent %s is not shown as adopted: %+v", when, login, a)
		}
	}
	within(s.t, patience, when+", the count of adoptions", func() error {
		return k.shows(`agentkeeper_sessions_adopted_total{platform="hq",result="ok"}`, float64(len(s.members)))
	})
	s.t.Logf("%s: %d agents, %d sign-ins, %d sign-outs, %d violations, first polls of all after %v, largest gap %v",
		when, len(s.members), after.Total.SignIns-before.Total.SignIns, after.Total.SignOuts-before.Total.SignOuts,
		len(after.Violations), took.Round(time.Millisecond), time.Duration(after.Total.LargestGap).Round(time.Millisecond))
}

// polledSince returns nil when all agents have polled since before.
func polledSince(pl *platform, before state[huawei.AgentState], agents int) error {
	var now state[huawei.AgentState]
	if err := pl.look(&now); err != nil {
		return err
	}
	heard := 0
	for login, c := range now.Counts {
		if b := before.Counts[login]; c.Polls > b.Polls || (c.Messages > b.Messages && now.Agents[login].Push) {
			heard++
		}
	}
	if heard < agents {
		return fmt.Errorf("%d of %d agents have polled", heard, agents)
	}
	return nil
}
