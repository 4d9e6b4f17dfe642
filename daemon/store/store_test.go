package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"agentkeeper/session"
)

// testLog shows the store's log lines with the test that they belong to.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func options(t testing.TB, dir string) Options {
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	return Options{Dir: dir, Node: "n1", Log: log}
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // tests that care close it themselves
	return s
}

func agent(n int) session.ID { return session.ID{Platform: "hq", Login: fmt.Sprintf("a.%d", n)} }

// filled returns a record without a zero field: one that is added to
// session.Record or session.Memo must survive too.
func filled(t testing.TB, n int) session.Record {
	t.Helper()
	r := session.Record{Key: session.NewKey([]byte{'k', 0, 0xff, byte(n)})}
	fill(t, reflect.ValueOf(&r).Elem(), n)
	return r
}

func fill(t testing.TB, v reflect.Value, n int) {
	switch at := v.Addr().Interface().(type) {
	case *session.Key:
	case *session.Op:
		*at = session.OpSignOut
	case *time.Time:
		*at = time.Date(2026, 10, 1, 9, 0, n%60, 123456789, time.UTC)
	default:
		fillKind(t, v, n)
	}
}

func fillKind(t testing.TB, v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n+i)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n+i)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text ", n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n + 1))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(n%100 + 1))
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("no value for a %v", v.Type())
	}
}

func sameRecords(t testing.TB, got, want map[session.ID]session.Record) {
	t.Helper()
	reveal := cmp.Transformer("reveal", func(k session.Key) string { return k.Reveal() })
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
}

func load(t testing.TB, s *Store) map[session.ID]session.Record {
	t.Helper()
	all, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is how long a test waits for what must come: the machine may stand
// still for a while, or be slow by far.
const patience = 2 * time.Minute

// quick does something a few times until it takes no longer than it may: a
// machine that stands still for a moment is not to blame for all of them.
func quick(t *testing.T, most time.Duration, fn func()) {
	t.Helper()
	var took []time.Duration
	for range 5 {
		began := time.Now()
		fn()
		took = append(took, time.Since(began))
		if took[len(took)-1] <= most {
			return
		}
	}
	t.Errorf("took %v, want at most %v", took, most)
}

// together runs fn n times at once and fails on the first error.
func together(t testing.TB, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for i := range n {
		wg.Go(func() { errs <- fn(i) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		check(t, err)
	}
}

func TestStateSurvivesRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	want := map[session.ID]session.Record{}
	for i := range 50 {
		want[agent(i)] = filled(t, i)
		check(t, s.Save(t.Context(), agent(i), filled(t, i+1)))
		check(t, s.Save(t.Context(), agent(i), want[agent(i)]))
	}
	check(t, s.Forget(t.Context(), agent(7)))
	check(t, s.Forget(t.Context(), agent(1000)))
	delete(want, agent(7))
	check(t, s.Put(t.Context(), Gates, "hq.one", []byte("budget")))
	check(t, s.Put(t.Context(), Gates, "gone", []byte("x")))
	check(t, s.Put(t.Context(), Gates, "gone", nil))
	check(t, s.Put(t.Context(), Wishes, agent(3).String(), []byte("pause")))
	check(t, s.Put(t.Context(), Wishes, agent(4).String(), []byte("x")))
	check(t, s.Put(t.Context(), Wishes, agent(4).String(), nil))
	hash := s.Hash(session.NewSecret("pw"))
	for restart := range 3 {
		sameRecords(t, load(t, s), want)
		gates, err := s.All(t.Context(), Gates)
		check(t, err)
		if diff := cmp.Diff(map[string][]byte{"hq.one": []byte("budget")}, gates); diff != "" {
			t.Errorf("gates after %d restarts (-want +got):\n%s", restart, diff)
		}
		wishes, err := s.All(t.Context(), Wishes)
		check(t, err)
		if diff := cmp.Diff(map[string][]byte{agent(3).String(): []byte("pause")}, wishes); diff != "" {
			t.Errorf("wishes after %d restarts (-want +got):\n%s", restart, diff)
		}
		if got := s.Hash(session.NewSecret("pw")); got != hash || got == s.Hash(session.NewSecret("other")) {
			t.Errorf("hash %q, want %q and another for another secret", got, hash)
		}
		check(t, s.Close())
		s = open(t, dir)
		check(t, s.Save(t.Context(), agent(restart), want[agent(restart)]))
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	s := open(t, t.TempDir())
	check(t, s.Close())
	if err := s.Save(t.Context(), agent(1), filled(t, 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Save after Close: %v", err)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Load after Close: %v", err)
	}
}

func TestDirectoryIsHeldByOne(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(t.Context(), options(t, dir)); !errors.Is(err, ErrLocked) {
		t.Fatalf("a second Open: %v, want ErrLocked", err)
	}
	check(t, s.Close())
	open(t, dir)
}

func TestOtherModeIsRefused(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "mode"), []byte("cluster\n"), 0o600))
	_, err := Open(t.Context(), options(t, dir))
	if err == nil || !strings.Contains(err.Error(), `"cluster"`) {
		t.Fatalf("got %v, want an error that names the mode", err)
	}
	check(t, os.Remove(filepath.Join(dir, "mode")))
	open(t, dir) // the refusal gave the lock back
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	check(t, os.MkdirAll(filepath.Join(dir, "restored"), 0o777))
	check(t, os.WriteFile(filepath.Join(dir, "restored", "copy"), nil, 0o666))
	check(t, os.Chmod(filepath.Join(dir, "restored", "copy"), 0o666))
	defer unix.Umask(unix.Umask(0))
	s := open(t, dir)
	for i := range 5 {
		check(t, s.Save(t.Context(), agent(i), filled(t, i)))
	}
	together(t, 400, func(i int) error { return s.Publish(t.Context(), []Message{event(i, 0)}) })
	ownersAlone(t, dir)
	check(t, s.Close())
	ownersAlone(t, dir)
}

func ownersAlone(t *testing.T, dir string) {
	t.Helper()
	files := 0
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files++
		return err
	}))
	if files < 10 {
		t.Errorf("only %d files seen", files)
	}
}

func TestStolenShardFencesItsAgentsOff(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 300 {
		check(t, s.Save(t.Context(), agent(i), filled(t, i)))
	}
	stolen := shardOf(agent(5))
	thief := keyMsg(shardKey(stolen), []byte(`{"node":"n2","boot":"x"}`))
	check(t, s.engine.keeper.submit(t.Context(), newGroup(noShard, thief)))

	errs := make([]error, 300)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = s.Save(t.Context(), agent(i), filled(t, i+1)) })
	}
	wg.Wait()
	for i, err := range errs {
		if lost := shardOf(agent(i)) == stolen; lost != errors.Is(err, ErrFenced) || (!lost && err != nil) {
			t.Errorf("agent %d, its shard lost: %v: %v", i, lost, err)
		}
	}
	if err := s.Put(t.Context(), Wishes, agent(5).String(), []byte("x")); !errors.Is(err, ErrFenced) {
		t.Errorf("SaveWish: %v, want ErrFenced", err)
	}
	check(t, s.Publish(t.Context(), []Message{event(5, 1)}))
	check(t, s.Err())
}

// TestTooLargeIsRefused tries the largest value and the longest name, and one
// byte more of each.
func TestTooLargeIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	long := func(n int) session.ID { // whose key has n bytes
		return session.ID{Platform: "hq", Login: strings.Repeat("x", n-len("wish.0000.hq/"))}
	}
	named := func(n int) Message { // whose subject and identifier have n bytes
		m := event(1, 0)
		m.MsgID = strings.Repeat("m", n-len(eventSubject(m.ID, m.Type)))
		return m
	}
	big := make([]byte, maxPayload)
	for more, want := range map[int]error{0: nil, 1: ErrTooLarge} {
		for name, err := range map[string]error{
			"value":           s.Put(t.Context(), Wishes, agent(1).String(), big[:maxValue+more]),
			"event":           s.Publish(t.Context(), []Message{{ID: agent(1), Type: strings.Repeat("é", 500), Data: big[:maxValue+more]}}),
			"name":            s.Put(t.Context(), Wishes, long(maxSubject+more).String(), []byte("x")),
			"name and record": s.Save(t.Context(), long(maxSubject+more), filled(t, 1)),
			"identifier":      s.Publish(t.Context(), []Message{named(maxSubject + more)}),
		} {
			if !errors.Is(err, want) {
				t.Errorf("%s, %d above the bound: %v, want %v", name, more, err, want)
			}
		}
	}
	check(t, s.Err())
}

func TestContextEndsTheWait(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Save(ctx, agent(1), filled(t, 1)); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Save: %v, want nil or context.Canceled", err)
	}
	if err := s.Follow(ctx, 0, Filter{}, Each(func(uint64, []byte) error { return nil }), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow: %v, want context.Canceled", err)
	}
}

func TestEmptyStoreOpensFast(t *testing.T) {
	quick(t, 2*time.Second, func() { open(t, t.TempDir()) })
}
