package live

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

const reloadGauge = "agentkeeper_config_last_reload_successful"

// TestReloads reloads far more often than anybody does in a day, then changes
// one thing at a time: nobody is touched but whom the change is about.
func TestReloads(t *testing.T) {
	t.Parallel()
	names := logins(1000, fleetSize+1)
	s := newSite(t, simulate(t, "huawei", names, "--tls", "--hold", "2s"), names[:fleetSize])
	s.place = []string{"options: {hold: 2s}"}
	s.write()
	k := s.runOnline()

	s.reloadOften(k, 300, 15*time.Second)
	s.breakAndMend(k)

	added := names[fleetSize]
	s.changes(k, "one agent added", func() { s.add(added, ""); s.password(added, secret) }, map[string]sim.Count{added: {SignIns: 1}})
	s.changes(k, "one agent removed", func() { s.remove(names[0]) }, map[string]sim.Count{names[0]: {SignOuts: 1}})
	s.changes(k, "one agent's status", func() { s.remove(names[1]); s.add(names[1], "status: 3") }, map[string]sim.Count{names[1]: {SignIns: 1, SignOuts: 1}})
	s.changes(k, "the order of the agents", func() { s.remove(names[5]); s.add(names[5], "") }, nil)
}

// reloadOften sends n HUPs spread over d.
func (s *site) reloadOften(k *service, n int, d time.Duration) {
	s.t.Helper()
	before, sessions := s.platform.huawei(), k.agents()
	tick := time.NewTicker(d / time.Duration(n))
	defer tick.Stop()
	for range n {
		k.signal(syscall.SIGHUP)
		<-tick.C
	}
	within(s.t, patience, "the end of the reloads", func() error {
		return errors.Join(k.says("reloaded", 1), k.shows(reloadGauge, 1))
	})
	after := s.platform.huawei()
	if diff := cmp.Diff(map[string]sim.Count{}, touched(before, after)); diff != "" {
		s.t.Fatalf("operations caused by %d reloads (-want +got):\n%s", n, diff)
	}
	if diff := cmp.Diff(sessions, k.agents()); diff != "" {
		s.t.Fatalf("agents after %d reloads (-before +after):\n%s", n, diff)
	}
	within(s.t, patience, "polls of all agents after the reloads", func() error { return polledSince(s.platform, after, len(s.members)) })
	s.t.Logf("%d HUPs, %d reloads carried out: 0 sign-ins, 0 sign-outs, %d polls meanwhile, largest gap %v", n, len(k.logged("reloaded")),
		after.Total.Polls-before.Total.Polls, time.Duration(after.Total.LargestGap).Round(time.Millisecond))
}

// touched is what the platform was asked for between two looks, by agent;
// agents without a sign-in or sign-out are left out.
func touched(before, after state[huawei.AgentState]) map[string]sim.Count {
	all := map[string]sim.Count{}
	for login, c := range after.Counts {
		b := before.Counts[login]
		if d := (sim.Count{SignIns: c.SignIns - b.SignIns, SignOuts: c.SignOuts - b.SignOuts}); d != (sim.Count{}) {
			all[login] = d
		}
	}
	return all
}

// breakAndMend reloads with a mistake: all stays as it was, and is told.
func (s *site) breakAndMend(k *service) {
	s.t.Helper()
	before := s.platform.huawei()
	writeFile(s.t, s.path(), s.yaml()+"listne: 127.0.0.1:1\n")
	k.signal(syscall.SIGHUP)
	within(s.t, patience, "the failed reload", func() error { return k.shows(reloadGauge, 0) })
	place := regexp.MustCompile(regexp.QuoteMeta(s.path()) + `:\d+:1: .*listne`)
	within(s.t, patience, "the log of the failed reload", func() error {
		failed := k.logged("reload failed; the old configuration stays")
		if len(failed) != 1 || !place.MatchString(failed[0].text("error")) {
			return fmt.Errorf("got %v, want one line that names FILE:LINE:COL", failed)
		}
		return nil
	})
	if err := k.online(len(s.members)); err != nil {
		s.t.Fatal(err)
	}
	s.write()
	k.signal(syscall.SIGHUP)
	within(s.t, patience, "the mended reload", func() error { return k.shows(reloadGauge, 1) })
	if diff := cmp.Diff(map[string]sim.Count{}, touched(before, s.platform.huawei())); diff != "" {
		s.t.Fatalf("operations caused by a broken configuration (-want +got):\n%s", diff)
	}
}

// changes reloads a changed configuration and waits until the platform has
// counted what is wanted; more than that fails the test.
func (s *site) changes(k *service, what string, change func(), want map[string]sim.Count) {
	s.t.Helper()
	if want == nil {
		want = map[string]sim.Count{}
	}
	before := s.platform.huawei()
	change()
	s.write()
	reloads := len(k.logged("reloaded"))
	k.signal(syscall.SIGHUP)
	within(s.t, patience, what+": the reload", func() error { return k.says("reloaded", reloads+1) })
	within(s.t, patience, what+": the platform's counts", func() error {
		if diff := cmp.Diff(want, touched(before, s.platform.huawei())); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
	s.awaitOnline(k)
	after := s.platform.huawei()
	within(s.t, patience, what+": polls of all", func() error { return polledSince(s.platform, after, len(s.members)) })
	if diff := cmp.Diff(want, touched(before, s.platform.huawei())); diff != "" {
		s.t.Fatalf("%s: two polls later (-want +got):\n%s", what, diff)
	}
	s.t.Logf("%s: the platform counts %d sign-ins and sign-outs of %d agents, wanted %d", what, len(touched(before, after)), len(s.members), len(want))
}

// TestSecretFiles changes password files without a reload: an agent that is
// online is not touched, one that was refused comes back within ten seconds.
func TestSecretFiles(t *testing.T) {
	t.Parallel()
	names := logins(291, 5)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	s.password(names[4], "wrong")
	k := s.run()
	within(t, patience, "the parking", func() error { return k.is(names[4], "parked", "refused") })
	within(t, patience, "the others", func() error { return signedInError(s.platform, 4) })

	before := s.platform.huawei()
	s.password(names[0], "changed here and not there")
	// By rename, as secret managers do.
	writeFile(t, s.path()+".new", secret+"\n")
	if err := os.Rename(s.path()+".new", s.dir+"/secrets/"+names[4]); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	within(t, patience, "the parked agent's return", func() error { return k.is(names[4], "online", "") })
	took := time.Since(began)
	if took > 10*time.Second {
		t.Errorf("a mended secret acted after %v, want 10 s at most", took)
	}
	within(t, patience, "the notice of the other secret", func() error { return k.says("a secret changed", 2) })
	after := s.platform.huawei()
	within(t, patience, "polls of all", func() error { return polledSince(s.platform, after, 5) })
	if diff := cmp.Diff(map[string]sim.Count{names[4]: {SignIns: 1}}, touched(before, s.platform.huawei())); diff != "" {
		t.Errorf("operations caused by new secrets (-want +got):\n%s", diff)
	}
	t.Logf("a mended secret acted after %v", took.Round(time.Millisecond))
}

func signedInError(pl *platform, want int) error {
	if got := signedIn(pl.huawei()); got != want {
		return fmt.Errorf("%d signed in, want %d", got, want)
	}
	return nil
}
