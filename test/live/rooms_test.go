package live

import (
	"fmt"
	"testing"

	"agentkeeper/test/rig"
)

// TestRooms does the service's main job with the program as it is built for Linux,
// and as it is for other systems: agents come online, tell their events, obey, are
// adopted after a kill and sign out. Without the room on sockets every agent has a
// goroutine; with it the number of agents shows in no count of goroutines.
func TestRooms(t *testing.T) {
	t.Parallel()
	for tags, crowded := range map[string]bool{"": false, "noepoll": true} {
		t.Run("tags="+tags, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := rig.Build(t.Context(), dir, tags); err != nil {
				t.Fatal(err)
			}
			names := logins(1000, fleetSize)
			s := newSite(t, simulate(t, "huawei", names, "--tls", "--hold", "2s"), names)
			s.place = []string{"options: {hold: 2s}"}
			s.write()
			launch := func() *service {
				k := s.launchAs(rig.Command(dir+"/agentkeeper", "run", "-c", s.path()))
				s.await(k)
				s.awaitOnline(k)
				return k
			}
			k := launch()
			within(t, patience, "goroutines in agents that wait", func() error { return k.crowded(crowded) })
			s.event(k)
			s.ordered(k, "1002", "pause", fleetSize-1)
			s.ordered(k, "1002", "resume", fleetSize)
			before := s.platform.huawei()
			k.kill()
			k = launch()
			s.wantAdopted(k, before, "after kill -9")
			k.stop()
			if n := signedIn(s.platform.huawei()); n != 0 {
				t.Errorf("%d agents are signed in after the stop", n)
			}
		})
	}
}

// event has the platform report something, and waits until the service counts it.
func (s *site) event(k *service) {
	s.t.Helper()
	const series = `agentkeeper_events_received_total{platform="hq"}`
	before, err := k.metric(series)
	if err == nil {
		err = s.platform.Order("agents/1001/event", `{"type":"AgentState_Ready"}`)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	within(s.t, patience, "an event", func() error {
		now, err := k.metric(series)
		if err == nil && now <= before {
			err = fmt.Errorf("%v events, as before", now)
		}
		return err
	})
}

// ordered gives an agent of the site a person's order, after which so many are
// signed in.
func (s *site) ordered(k *service, login, verb string, want int) {
	s.t.Helper()
	status, answer, err := k.control("POST", "/api/v1/agents/hq/"+login+"/"+verb+"?wait=60s", `{"reason":"test"}`)
	if err != nil || status != 200 {
		s.t.Fatalf("%s %s: %d %v: %s", verb, login, status, err, answer)
	}
	if err := signedInError(s.platform, want); err != nil {
		s.t.Errorf("after %s: %v", verb, err)
	}
}

// crowded returns nil when there are as many goroutines as agents, or not.
func (s *service) crowded(want bool) error {
	n, err := s.metric("go_goroutines")
	if err == nil && (n >= fleetSize) != want {
		err = fmt.Errorf("%v goroutines for %d agents", n, fleetSize)
	}
	return err
}
