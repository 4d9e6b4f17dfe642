package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

// TestFilesRemovedUnderARunningStore removes what the store lies in: nothing is
// acknowledged any more that no next process would find, and what this process
// holds is written anew. A write after the removal is refused, or the store had
// noticed before it came: then the next run has it.
func TestFilesRemovedUnderARunningStore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		remove func(t *testing.T, dir string)
	}{
		{"the directory", func(t *testing.T, dir string) { check(t, os.RemoveAll(dir)) }},
		{"all in the directory", func(t *testing.T, dir string) {
			entries, err := os.ReadDir(dir)
			check(t, err)
			for _, e := range entries {
				check(t, os.RemoveAll(filepath.Join(dir, e.Name())))
			}
		}},
		{"the directory, and there is a new one", func(t *testing.T, dir string) {
			check(t, os.Rename(dir, dir+".old"))
			check(t, os.Mkdir(dir, 0o700))
		}},
		{"the records' stream", func(t *testing.T, dir string) { check(t, os.RemoveAll(streamDir(dir, keeperName))) }},
		{"the events' stream", func(t *testing.T, dir string) { check(t, os.RemoveAll(streamDir(dir, eventsName))) }},
		{"the files of messages", func(t *testing.T, dir string) { each(t, dir, "*.blk", remove(t)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "store")
			s := open(t, dir)
			record := session.Record{Sequence: 30}
			for i := range 20 {
				check(t, s.Save(t.Context(), agent(i), session.Record{Sequence: uint64(i)}))
				check(t, s.Publish(t.Context(), []Message{event(i, 0)}))
			}
			check(t, s.Put(t.Context(), Wishes, agent(1).String(), []byte("paused")))
			check(t, s.engine.attached()) // it knows the newest files
			time.Sleep(2 * attachEvery)
			want := contentsOf(t, s)
			noticed := s.Changed()
			tt.remove(t, dir)
			saved := s.Save(t.Context(), agent(30), record)
			published := s.Publish(t.Context(), []Message{event(1, 1)})
			for _, err := range []error{saved, published} {
				if err != nil && !errors.Is(err, ErrUnavailable) {
					t.Errorf("a write: %v", err)
				}
			}
			if saved != nil || published != nil {
				select {
				case <-noticed:
				default:
					t.Error("a write has failed and Err does not tell")
				}
			}
			hears(t, noticed)
			await(t, s, true)
			check(t, s.Publish(t.Context(), []Message{event(1, 2)}))
			check(t, s.Save(t.Context(), agent(31), session.Record{}))
			check(t, s.Forget(t.Context(), agent(31)))
			if saved != nil { // its outcome is unknown
				check(t, s.Forget(t.Context(), agent(30)))
			} else { // the store had noticed, and worked again
				data, err := encodeRecord(record)
				check(t, err)
				want.Records[agent(30).String()] = string(data)
			}
			if _, err := Open(t.Context(), options(t, dir)); !errors.Is(err, ErrLocked) {
				t.Errorf("a second store beside it: %v", err)
			}
			check(t, s.Close())
			next := open(t, dir)
			if diff := cmp.Diff(want, contentsOf(t, next)); diff != "" {
				t.Errorf("in the next run (-want +got):\n%s", diff)
			}
			events, _ := readAll(t, next, 0, Filter{Agent: agent(1)})
			if !slices.Contains(events, "1/2") || (published == nil && !slices.Contains(events, "1/1")) {
				t.Errorf("in the next run the agent's events are %v; of the first one: %v", events, published)
			}
		})
	}
}

// TestNoSecondStoreBesideARemovedOne starts a second one before the first has
// noticed anything.
func TestNoSecondStoreBesideARemovedOne(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"lock":      func(dir string) error { return os.Remove(filepath.Join(dir, "lock")) },
		"directory": os.RemoveAll,
	} {
		dir := filepath.Join(t.TempDir(), "store")
		s := open(t, dir)
		check(t, damage(dir))
		if _, err := Open(t.Context(), options(t, dir)); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: a second store: %v, want ErrLocked", name, err)
		}
		link := filepath.Join(t.TempDir(), "link")
		check(t, os.MkdirAll(dir, 0o700))
		check(t, os.Symlink(dir, link))
		if _, err := Open(t.Context(), options(t, link)); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: a second store by another name: %v, want ErrLocked", name, err)
		}
		check(t, s.Close())
		check(t, open(t, dir).Close())
	}
}

// TestALostLockIsMadeAnew while the store goes on.
func TestALostLockIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	check(t, os.Remove(filepath.Join(dir, "lock")))
	time.Sleep(2 * attachEvery)
	check(t, s.Save(t.Context(), agent(1), session.Record{Sequence: 1}))
	if _, err := lockFile(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("the lock file can be locked by others: %v", err)
	}
}

// TestADirectoryOfSomebodyElse is left to them.
func TestADirectoryOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	check(t, s.Save(t.Context(), agent(1), session.Record{Sequence: 1}))
	check(t, os.Rename(dir, dir+".old"))
	check(t, os.Mkdir(dir, 0o700))
	theirs := &place{dir: dir, log: options(t, dir).Log}
	check(t, theirs.hold())
	time.Sleep(2 * attachEvery)
	if err := s.Save(t.Context(), agent(1), session.Record{Sequence: 2}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Save: %v", err)
	}
	for changed := s.Changed(); !errors.Is(s.Err(), ErrLocked); changed = s.Changed() {
		hears(t, changed)
	}
	theirs.close()
	await(t, s, true)
	check(t, s.Save(t.Context(), agent(1), session.Record{Sequence: 3}))
}
