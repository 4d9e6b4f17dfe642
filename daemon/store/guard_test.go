package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limitFiles lets this process open at most so many more files.
func limitFiles(t *testing.T, more int) (restore func()) {
	t.Helper()
	var limit unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	lowest, err := os.Open(os.DevNull)
	check(t, err)
	check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest.Fd()) + uint64(more), Max: limit.Max}))
	check(t, lowest.Close())
	return func() { check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }
}

// TestServerDeletesWhatItCannotOpen makes the server fail on a stream at its
// start: it deletes the stream, messages and all, and the guard gives it back.
func TestServerDeletesWhatItCannotOpen(t *testing.T) {
	dir := sown(t)
	for _, stream := range []string{keeperName, eventsName} {
		consumers := filepath.Join(streamDir(dir, stream), "obs")
		check(t, os.RemoveAll(consumers))
		check(t, os.WriteFile(consumers, []byte("no directory"), 0o600))
	}
	opensAndWorks(t, dir, mendAgents, mendAgents)
	if aside, _ := filepath.Glob(filepath.Join(dir, "broken-*")); aside != nil {
		t.Errorf("moved aside: %v", aside)
	}
}

// TestStartWithFewFiles starts the server with too few file descriptors: that
// is no reason to lose or move anything.
func TestStartWithFewFiles(t *testing.T) {
	dir := sown(t)
	failed := 0
	for more := range 24 {
		restore := limitFiles(t, more)
		e, err := openMended(t.Context(), settings{dir: dir, maxAge: time.Hour, maxBytes: 1 << 30, log: options(t, dir).Log})
		restore()
		if err != nil {
			failed++
			continue
		}
		e.close()
	}
	if failed == 0 {
		t.Error("every start succeeded")
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "broken-*")); aside != nil {
		t.Errorf("moved aside: %v", aside)
	}
	opensAndWorks(t, dir, mendAgents, mendAgents)
}

func TestStartThatNobodySurvived(t *testing.T) {
	dir := sown(t)
	check(t, guard(settings{dir: dir, log: options(t, dir).Log}))
	for _, stream := range []string{keeperName, eventsName} { // as the server would, and then the process is killed
		check(t, os.RemoveAll(streamDir(dir, stream)))
	}
	opensAndWorks(t, dir, mendAgents, mendAgents)
	if left := guarded(guardDir(dir, keeperName)); len(left) != 0 {
		t.Errorf("the guard still holds %v", left)
	}
}

func TestReopenWaitsForFiles(t *testing.T) {
	s := open(t, sown(t))
	s.engine.srv.Shutdown()
	restore := limitFiles(t, 0)
	await(t, s, false)
	for range 3 {
		select {
		case <-s.Changed(): // another failed attempt
		case <-time.After(patience):
			t.Error("no attempt to reopen")
		}
	}
	restore()
	await(t, s, true)
	if got := load(t, s); len(got) != mendAgents {
		t.Errorf("%d records, want %d", len(got), mendAgents)
	}
}
