package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullDisk fills the store's disk under a running service: live sessions
// stay polled, nobody signs in, readiness names the store; with room again all
// comes back by itself, and what the events lack is what is counted and marked.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	names := logins(291, 10)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place, s.top = []string{"options: {hold: 1s}", "backoff: {initial: 500ms, max: 2s}"}, []string{"events: {max_bytes: 4MiB}"}
	s.write()
	disk := filepath.Join(s.dir, "store")
	smallDisk(t, disk)
	k := s.runOnline()

	free := fill(t, disk)
	for _, login := range names {
		s.platform.order("agents/"+login+"/generate", `{"rate":20,"count":400}`)
	}
	within(t, patience, "the store's trouble", func() error { return unready(k) })
	if err := k.shows("agentkeeper_store_up", 0); err != nil {
		t.Error(err)
	}
	full := s.platform.huawei()
	s.platform.order("agents/291/kick", "{}")
	throughout(t, 5*time.Second, "a full disk", func() error {
		return errors.Join(unready(k), signedInError(s.platform, 9))
	})
	early := s.platform.huawei()
	within(t, 2*patience, "polls of the nine others on a full disk", func() error { return polledSince(s.platform, early, 9) })
	middle := s.platform.huawei()
	within(t, 2*patience, "more polls of the nine others on a full disk", func() error { return polledSince(s.platform, middle, 9) })
	after := s.platform.huawei()
	if got := touched(full, after); len(got) != 0 {
		t.Errorf("operations while the store could not be written: %v", got)
	}
	if n := signedIn(after); n != 9 {
		t.Errorf("%d agents are signed in on a full disk, want the nine that were", n)
	}
	if status, _, err := k.get("/-/healthy"); err != nil || status != http.StatusOK {
		t.Errorf("/-/healthy: %d %v, want 200: a restart would not help", status, err)
	}
	if err := k.is("291", "waiting", "lost"); err != nil {
		t.Log("the agent that was signed out:", err)
	}

	free()
	within(t, 2*patience, "readiness with room again", k.ready)
	s.wantGaps(k)
	s.awaitOnline(k)
	within(t, patience, "the metric of the store", func() error { return k.shows("agentkeeper_store_up", 1) })
	within(t, patience, "the return of the tenth", func() error { return signedInError(s.platform, 10) })
	total := s.platform.huawei().Total
	if total.SignIns != 11 || total.SignOuts != 0 {
		t.Errorf("the platform counts %d sign-ins and %d sign-outs, want 11 and 0", total.SignIns, total.SignOuts)
	}
	t.Logf("disk full: 9 sessions polled on, 0 sign-ins; with room again 1 sign-in, %d violations", total.Violations)
}

// wantGaps waits for an event of each agent behind the gaps and compares what is
// missing with what the gaps say and with the counter.
func (s *site) wantGaps(k *service) {
	s.t.Helper()
	for _, m := range s.members[1:] { // the first was signed out
		s.platform.order("agents/"+m.login+"/event", `{"type":"Last","content":null}`)
	}
	all := follow(s.t, k, "0", "")
	within(s.t, 2*patience, "the events behind the gaps", func() error {
		_, events := all.got()
		return atLeast(types(events)["huawei.Last"], len(s.members)-1)
	})
	ids, events := all.got()
	if ids[0] != "1" {
		s.t.Fatalf("the stream begins at %s: the test's events must all fit", ids[0])
	}
	missing := map[string]int{}
	marked := map[string]int{}
	marks := 0
	next, total := map[string]int{}, 0
	for _, e := range events {
		var data struct {
			Agent, Reason string
			Events        int
			Content       struct{ Number int }
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			s.t.Fatalf("%s: %v", e.Data, err)
		}
		switch {
		case e.Type == "session.gap" && (data.Reason != "store" || !strings.HasSuffix(e.Source, "agents/"+strings.TrimPrefix(data.Agent, "hq/"))):
			s.t.Errorf("a gap that says %s in %s", e.Data, e.Source)
		case e.Type == "session.gap":
			marked[e.Source] += data.Events
			total += data.Events
			marks++
		case data.Content.Number > 0:
			missing[e.Source] += data.Content.Number - next[e.Source] - 1
			next[e.Source] = data.Content.Number
		}
	}
	out := "/" + s.members[0].login // lost the word of its end, too, which has no number
	for source, n := range missing {
		if marked[source] != n && !strings.HasSuffix(source, out) {
			s.t.Errorf("%s lacks %d events, its gaps say %d", source, n, marked[source])
		}
	}
	if total == 0 {
		s.t.Error("no event was lost: the disk was not full for long enough")
	}
	if err := k.shows(`agentkeeper_events_dropped_total{reason="store"}`, float64(total)); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("%d events lost on a full disk, marked by %d gaps in the stream, %d events kept", total, marks, len(events))
}

// unready returns nil while the service says that it is not ready because of
// its store.
func unready(k *service) error {
	status, body, err := k.get("/-/ready")
	if err == nil && (status != http.StatusServiceUnavailable || !strings.Contains(body, "store")) {
		err = fmt.Errorf("/-/ready: %d %s", status, body)
	}
	return err
}

// smallDisk mounts a disk of 24 MiB.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m")
	if errors.Is(err, unix.EPERM) {
		t.Skip("only root can mount a small disk to fill")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill takes all room on a disk; the returned function gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if closed := f.Close(); !errors.Is(err, unix.ENOSPC) || closed != nil {
		t.Fatalf("fill the disk: %v, %v", err, closed)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}
