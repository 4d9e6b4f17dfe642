package live

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestOutage takes the platform away for 20 s: the sessions outlive that, and
// nobody signs in again.
func TestOutage(t *testing.T) {
	t.Parallel()
	const agents = 50
	names := logins(1000, agents)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "2s"), names)
	s.place = []string{"options: {hold: 2s}"}
	s.write()
	k := s.runOnline()
	before := s.platform.huawei()
	s.platform.order("outage", `{"for":"20s","mode":"refuse"}`)
	within(t, patience, "failed polls", func() error {
		n, err := k.metric(`agentkeeper_contacts_total{platform="hq",result="outage"}`)
		if err == nil && n == 0 {
			err = errors.New("none")
		}
		return err
	})
	const up = `agentkeeper_platform_up{platform="hq"}`
	within(t, patience, "the metric of the outage", func() error { return k.shows(up, 0) })
	within(t, patience, "polls of all after the outage", func() error { return polledSince(s.platform, before, agents) })
	within(t, patience, "the metric of its end", func() error { return k.shows(up, 1) })
	after := s.platform.huawei()
	within(t, patience, "more polls of all", func() error { return polledSince(s.platform, after, agents) })
	s.awaitOnline(k)
	after = s.platform.huawei()
	if got := touched(before, after); len(got) != 0 {
		t.Errorf("an outage of 20 s caused operations: %v", got)
	}
	t.Logf("%d agents, refused for 20 s: %d sign-ins, %d sign-outs, largest gap %v", agents, after.Total.SignIns-before.Total.SignIns,
		after.Total.SignOuts-before.Total.SignOuts, time.Duration(after.Total.LargestGap).Round(time.Millisecond))
}

// TestMassReturn takes the platform away for longer than its window: every
// agent has to sign in again, one canary first, the others by rate.
func TestMassReturn(t *testing.T) {
	t.Parallel()
	const (
		agents   = 40
		rate     = 10
		takes    = 600 * time.Millisecond // the platform's work on a sign-in
		canaries = 1
	)
	names := logins(1000, agents)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s", "--window", "5s", "--guid-interval", "3s", "--operation-time", takes.String()), names)
	s.signIn = fmt.Sprintf("rate: %d, concurrent: 20", rate)
	s.place = []string{"window: 5s", "options: {hold: 1s}", "backoff: {initial: 500ms, max: 2s}"}
	s.write()
	k := s.runOnline()
	before := s.platform.huawei()
	s.platform.order("outage", `{"for":"12s","mode":"refuse"}`)
	within(t, patience, "the loss of every session", func() error {
		return k.shows(`agentkeeper_agents{platform="hq",state="online"}`, 0)
	})
	within(t, patience, "all agents back", func() error {
		if err := k.online(agents); err != nil {
			return err
		}
		return signedInError(s.platform, agents)
	})
	after := s.platform.huawei()
	var times []time.Time
	for login, c := range touched(before, after) {
		if c.SignIns != 1 {
			t.Errorf("agent %s: %d sign-ins, want one", login, c.SignIns)
		}
		history := after.Agents[login].SignIns
		times = append(times, history[len(history)-1])
	}
	if len(times) != agents {
		t.Fatalf("%d agents signed in again, want %d", len(times), agents)
	}
	slices.SortFunc(times, time.Time.Compare)
	if lead := times[1].Sub(times[0]); lead < takes {
		t.Errorf("the second sign-in came %v after the canary's, want at least %v: its answer must be waited for", lead, takes)
	}
	// The whole of them, because a busy machine bunches what was sent evenly.
	least := time.Duration(agents-canaries-2) * time.Second / rate * 3 / 4
	if d := times[len(times)-1].Sub(times[canaries]); d < least {
		t.Errorf("%d sign-ins within %v, want a rate of %d per second", agents-canaries, d, rate)
	}
	t.Logf("%d agents back: canary alone for %v, all within %v at a rate of %d/s, %d violations", agents,
		times[1].Sub(times[0]).Round(time.Millisecond), times[len(times)-1].Sub(times[0]).Round(time.Millisecond), rate, len(after.Violations))
}
