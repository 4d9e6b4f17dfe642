package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"agentkeeper/session"
)

const smallDisk = 24 << 20

// mount gives the test a tiny disk of its own.
func mount(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", smallDisk)); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fillDisk leaves room for so many bytes; the returned function frees the rest.
func fillDisk(t *testing.T, dir string, leave int64) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	var fs unix.Statfs_t
	check(t, unix.Statfs(dir, &fs))
	f, err := os.Create(name)
	check(t, err)
	check(t, unix.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*int64(fs.Bsize)-leave)) //nolint:unconvert // Bsize is an int32 elsewhere
	check(t, f.Close())
	return func() { check(t, os.Remove(name)) }
}

// On a busy machine the server misses the time that it gives its own check.
func TestABusyMachineIsNoTrouble(t *testing.T) {
	s := open(t, t.TempDir())
	e, err := s.current()
	check(t, err)
	together(t, 25_000, func(int) error { return e.health() })
}

// await waits for the store's health to be as wanted.
func await(t *testing.T, s *Store, healthy bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		changed := s.Changed()
		if (s.Err() == nil) == healthy {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("healthy is not %v: %v", healthy, s.Err())
		}
		hears(t, changed)
	}
}

// hears waits for a channel to be closed.
func hears(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatalf("nothing changed for %v", patience)
	}
}

// writeUntilFull saves and publishes until the store refuses, and returns what
// was acknowledged.
func writeUntilFull(t *testing.T, s *Store, workers int) (records map[session.ID]session.Record, events int) {
	t.Helper()
	type result struct {
		acked  int // records of agents worker, worker+1000, …
		events int
		err    error
	}
	results := make([]result, workers)
	together(t, workers, func(w int) error {
		r := &results[w]
		for ; r.err == nil; r.acked++ {
			id := session.ID{Platform: "p", Login: fmt.Sprint(w, "-", r.acked)}
			if r.err = s.Save(t.Context(), id, session.Record{Sequence: 1, SecretHash: strings.Repeat("x", 2000)}); r.err != nil {
				break
			}
			ev := Message{ID: id, Type: "t", MsgID: fmt.Sprint(id), Data: make([]byte, 2000)}
			if r.err = s.Publish(t.Context(), []Message{ev}); r.err == nil {
				r.events++
			}
		}
		if !errors.Is(r.err, ErrUnavailable) {
			return fmt.Errorf("want ErrUnavailable, got %w", r.err)
		}
		return nil
	})
	records = map[session.ID]session.Record{}
	for w, r := range results {
		for n := range r.acked {
			records[session.ID{Platform: "p", Login: fmt.Sprint(w, "-", n)}] = session.Record{Sequence: 1}
		}
		events += r.events
	}
	return records, events
}

func holds(t *testing.T, s *Store, records map[session.ID]session.Record, events int) {
	t.Helper()
	got := load(t, s)
	for id := range records {
		if got[id].Sequence != 1 {
			t.Fatalf("the record of %v is lost (%d of %d are there)", id, len(got), len(records))
		}
	}
	if last, err := s.LastSeq(t.Context()); err != nil || int(last) < events {
		t.Fatalf("%d events, %v; %d were acknowledged", last, err, events)
	}
}

func TestFullDiskHealsByItself(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 300} {
		t.Run(fmt.Sprint(workers, " writers"), func(t *testing.T) {
			dir := mount(t)
			s := open(t, dir)
			free := fillDisk(t, dir, 3<<20)
			records, events := writeUntilFull(t, s, workers)
			if len(records) < 100 {
				t.Errorf("only %d records before the disk was full", len(records))
			}
			await(t, s, false) // one stream may have room for a small write when the other has not
			quick(t, time.Second, func() {
				if err := s.Save(t.Context(), agent(1), filled(t, 1)); !errors.Is(err, ErrUnavailable) {
					t.Errorf("Save on a full disk: %v", err)
				}
			})
			free()
			await(t, s, true)
			check(t, s.Save(t.Context(), agent(1), filled(t, 1)))
			check(t, s.Publish(t.Context(), []Message{event(1, 1)}))
			holds(t, s, records, events)
			check(t, s.Close())
			holds(t, open(t, dir), records, events)
		})
	}
}

func TestOpenOnFullDiskReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := mount(t)
	s := open(t, dir)
	for i := range 50 {
		check(t, s.Save(t.Context(), agent(i), session.Record{Sequence: 1}))
	}
	check(t, s.Close())
	free := fillDisk(t, dir, 0)

	s = open(t, dir)
	if !errors.Is(s.Err(), ErrUnavailable) {
		t.Fatalf("Err on a full disk: %v", s.Err())
	}
	if got := load(t, s); len(got) != 50 {
		t.Fatalf("%d records on a full disk, want 50", len(got))
	}
	free()
	await(t, s, true)
	check(t, s.Save(t.Context(), agent(50), session.Record{Sequence: 1}))
	if got := load(t, s); len(got) != 51 {
		t.Fatalf("%d records afterwards, want 51", len(got))
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "broken-*")); aside != nil {
		t.Errorf("a full disk made the store move %v aside", aside)
	}
}

func TestCloseInTrouble(t *testing.T) {
	dir := mount(t)
	s := open(t, dir)
	fillDisk(t, dir, 1<<20)
	writeUntilFull(t, s, 4)
	began := time.Now()
	check(t, s.Close())
	if took := time.Since(began); took >= silence { // as long as it would wait if it were not closing
		t.Errorf("Close took %v", took)
	}
}

func TestFollowOutlastsTrouble(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	check(t, s.Publish(t.Context(), []Message{event(1, 0)}))
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-time.After(50 * time.Millisecond)
		s.engine.srv.Shutdown()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []string
	err := s.Follow(ctx, 0, Filter{}, Each(func(_ uint64, data []byte) error {
		got = append(got, string(data))
		if len(got) == 1 {
			go publishWhenWell(ctx, s, restarted)
			return nil
		}
		return errEnough
	}), nil)
	if !errors.Is(err, errEnough) || got[1] != "1/1" {
		t.Errorf("Follow: %v, got %v", err, got)
	}
}

// publishWhenWell publishes one event behind a restart of the server.
func publishWhenWell(ctx context.Context, s *Store, restarted <-chan struct{}) {
	<-restarted
	for changed := s.Changed(); s.Publish(ctx, []Message{event(1, 1)}) != nil; changed = s.Changed() {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
