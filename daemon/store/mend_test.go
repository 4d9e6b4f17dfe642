package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"agentkeeper/session"
)

const mendAgents = 120

var (
	sowing sync.Once
	field  string // below imageRoot; "": it could not be made
)

// sown returns a closed store with records and events in it: a copy of one that
// is made once for all tests.
func sown(t *testing.T) (dir string) {
	t.Helper()
	sowing.Do(func() { field = sow(t) })
	if field == "" {
		t.Fatal("the store could not be made; an earlier test says why")
	}
	return copyOf(t, field)
}

func sow(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(imageRoot, "sown")
	s := open(t, dir)
	together(t, mendAgents, func(i int) error {
		r := session.Record{Sequence: uint64(i + 1), SecretHash: strings.Repeat("x", 500)}
		return errors.Join(s.Save(t.Context(), agent(i), r), s.Publish(t.Context(), []Message{event(i, 0)}))
	})
	check(t, s.Close())
	return dir
}

// each calls fn with every file below dir whose name matches.
func each(t *testing.T, dir, pattern string, fn func(name string)) {
	t.Helper()
	n := 0
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ok, _ := filepath.Match(pattern, filepath.Base(path)); ok && err == nil && !d.IsDir() {
			fn(path)
			n++
		}
		return err
	}))
	if n == 0 {
		t.Fatalf("no %s below %s", pattern, dir)
	}
}

func truncate(t *testing.T, part float64) func(string) {
	return func(name string) {
		info, err := os.Stat(name)
		check(t, err)
		check(t, os.Truncate(name, int64(float64(info.Size())*part)))
	}
}

func garble(t *testing.T, from, to float64) func(string) {
	return func(name string) {
		data, err := os.ReadFile(name)
		check(t, err)
		for i := int(float64(len(data)) * from); i < int(float64(len(data))*to); i++ {
			data[i] ^= 0x5A
		}
		check(t, os.WriteFile(name, data, 0o600))
	}
}

func remove(t *testing.T) func(string) { return func(name string) { check(t, os.Remove(name)) } }

func TestTornStoreOpens(t *testing.T) {
	tests := []struct {
		name    string
		stream  string // "" damages everything
		pattern string
		damage  func(*testing.T) func(string)
		records int // at least so many are left
		events  int
	}{
		{"index lost", "", "index.db", remove, mendAgents, mendAgents},
		{"index garbled", "", "index.db", func(t *testing.T) func(string) { return garble(t, 0, 1) }, mendAgents, mendAgents},
		{"index short", "", "index.db", func(t *testing.T) func(string) { return truncate(t, 0.5) }, mendAgents, mendAgents},
		{"description garbled", "", "meta.inf", func(t *testing.T) func(string) { return garble(t, 0.2, 0.6) }, mendAgents, mendAgents},
		{"description empty", "", "meta.inf", func(t *testing.T) func(string) { return truncate(t, 0) }, mendAgents, mendAgents},
		{"description lost", keeperName, "meta.inf", remove, mendAgents, mendAgents},
		{"checksum lost", eventsName, "meta.sum", remove, mendAgents, mendAgents},
		{"checksum garbled", "", "meta.sum", func(t *testing.T) func(string) { return garble(t, 0, 1) }, mendAgents, mendAgents},
		{"tail cut off", "", "*.blk", func(t *testing.T) func(string) { return truncate(t, 0.999) }, mendAgents - 2, mendAgents - 2},
		{"half cut off", "", "*.blk", func(t *testing.T) func(string) { return truncate(t, 0.5) }, 1, 1},
		{"tail garbled", "", "*.blk", func(t *testing.T) func(string) { return garble(t, 0.999, 1) }, mendAgents - 2, mendAgents - 2},
		{"middle garbled", "", "*.blk", func(t *testing.T) func(string) { return garble(t, 0.5, 0.51) }, 1, 1},
		{"all garbled", "", "*.blk", func(t *testing.T) func(string) { return garble(t, 0, 1) }, 0, 0},
		{"all empty", "", "*.blk", func(t *testing.T) func(string) { return truncate(t, 0) }, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := sown(t)
			below := filepath.Join(dir, "jetstream")
			if tt.stream != "" {
				below = streamDir(dir, tt.stream)
			}
			each(t, below, tt.pattern, tt.damage(t))
			if strings.HasSuffix(tt.pattern, ".blk") { // else the index hides the damage
				each(t, below, "index.db", remove(t))
			}
			opensAndWorks(t, dir, tt.records, tt.events)
		})
	}
}

func opensAndWorks(t *testing.T, dir string, records, events int) {
	t.Helper()
	s := open(t, dir)
	if got := load(t, s); len(got) < records {
		t.Errorf("%d records are left, want %d", len(got), records)
	}
	stream, err := s.engine.js.Stream(t.Context(), eventsName)
	check(t, err)
	if got := stream.CachedInfo().State.Msgs; int(got) < events {
		t.Errorf("%d events are left, want %d", got, events)
	}
	together(t, mendAgents, func(i int) error {
		ev := Message{ID: agent(i), Type: "t", Data: fmt.Append(nil, i)}
		return errors.Join(s.Save(t.Context(), agent(i), session.Record{Sequence: 777}), s.Publish(t.Context(), []Message{ev}))
	})
	check(t, s.Close())
	for id, r := range load(t, open(t, dir)) {
		if r.Sequence != 777 {
			t.Errorf("%v has record %d after the mending", id, r.Sequence)
		}
	}
}

func TestHopelessStoreIsMovedAside(t *testing.T) {
	tests := []struct {
		name    string
		damage  func(t *testing.T, dir string)
		records int
		events  int
	}{
		{"one stream", func(t *testing.T, dir string) {
			check(t, os.RemoveAll(copiesDir(dir, eventsName)))
			each(t, streamDir(dir, eventsName), "meta.inf", garble(t, 0, 1))
		}, mendAgents, 0},
		{"the other one", func(t *testing.T, dir string) {
			for _, name := range []string{copiesDir(dir, keeperName), streamDir(dir, keeperName)} {
				each(t, name, "meta.inf", truncate(t, 0.5))
			}
		}, 0, mendAgents},
		{"everything", func(t *testing.T, dir string) {
			check(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
			check(t, os.WriteFile(filepath.Join(dir, "jetstream"), []byte("x"), 0o600))
		}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := sown(t)
			tt.damage(t, dir)
			opensAndWorks(t, dir, tt.records, tt.events)
			if aside, _ := filepath.Glob(filepath.Join(dir, "broken-*", "*")); len(aside) != 1 {
				t.Errorf("moved aside: %v, want one", aside)
			}
		})
	}
}
