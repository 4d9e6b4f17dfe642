package store

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestMarkTellsLossFromLimits opens a mark again after a run that wrote events 1
// to 1000, one a second, under a limit of an hour and of 100 MiB.
func TestMarkTellsLossFromLimits(t *testing.T) {
	const age, size = time.Hour, 100 << 20
	state := func(first, last, msgs uint64, bytes int) jetstream.StreamState {
		return jetstream.StreamState{FirstSeq: first, LastSeq: last, Msgs: msgs, Bytes: uint64(bytes)}
	}
	began := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		state jetstream.StreamState
		after time.Duration // since the last event
		age   time.Duration
		size  int64
		least uint64
		most  uint64
	}{
		"all there":                    {state(1, 1000, 1000, 1<<20), 0, age, size, 0, 0},
		"more than marked":             {state(1, 1100, 1100, 1<<20), 0, age, size, 0, 0},
		"the newest gone":              {state(1, 900, 900, 1<<20), 0, age, size, 100, 100},
		"some in the middle":           {state(1, 1000, 950, 1<<20), 0, age, size, 50, 50},
		"the middle and the newest":    {state(1, 900, 850, 1<<20), 0, age, size, 150, 150},
		"the oldest gone":              {state(401, 1000, 600, 1<<20), 0, age, size, 400, 400},
		"the oldest gone by size":      {state(401, 1000, 600, size-100), 0, age, size, 0, 0},
		"a smaller size since":         {state(401, 1000, 600, size/2-100), 0, age, size / 2, 0, 0},
		"the oldest gone by age":       {state(301, 1000, 700, 1<<20), age - 700*time.Second, age, size, 0, 0},
		"some more than by age":        {state(901, 1000, 100, 1<<20), age - 700*time.Second, age, size, 400, 600},
		"all gone by age":              {state(1001, 1000, 0, 0), 2 * age, age, size, 0, 0},
		"all gone":                     {state(0, 0, 0, 0), time.Minute, age, size, 1000, 1000},
		"all gone, positions go on":    {state(1001, 1000, 0, 0), time.Minute, age, size, 1000, 1000},
		"a longer life since":          {state(301, 1000, 700, 1<<20), age - 700*time.Second, 24 * age, size, 0, 0},
		"a shorter life since":         {state(901, 1000, 100, 1<<20), 0, 100 * time.Second, size, 0, 0},
		"the clock was behind, by far": {state(1, 1000, 1000, 1<<20), -48 * time.Hour, age, size, 0, 0},
	} {
		dir := t.TempDir()
		m := openMark(dir, slog.New(slog.DiscardHandler))
		if n := m.missing(jetstream.StreamState{}, began, age, size); n != 0 {
			t.Fatalf("%d missing at the first start", n)
		}
		for seq := uint64(1); seq <= 1000; seq++ {
			m.reach(seq, began.Add(time.Duration(seq)*time.Second), age)
		}
		m.close()
		now := began.Add(1000*time.Second + tt.after)
		m = openMark(dir, slog.New(slog.DiscardHandler))
		if n := m.missing(tt.state, now, tt.age, tt.size); n < tt.least || n > tt.most {
			t.Errorf("%s: %d missing, want %d to %d", name, n, tt.least, tt.most)
		}
		if n := m.missing(tt.state, now, tt.age, tt.size); n != 0 {
			t.Errorf("%s: %d missing once more", name, n)
		}
		m.close()
	}
}

// TestMarkCountsFromTheFirstOfACommit: all events of the first commit can be
// missed, not only its last one.
func TestMarkCountsFromTheFirstOfACommit(t *testing.T) {
	began := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for kept, want := range map[uint64]uint64{0: 72, 1: 71, 17: 55, 24: 48, 71: 1, 72: 0} {
		m := openMark(t.TempDir(), slog.New(slog.DiscardHandler))
		m.missing(jetstream.StreamState{}, began, time.Hour, 1<<30)
		a := after{mark: m, maxAge: time.Hour}
		check(t, a.written(nil, append(batchAcks(24, 24), ack{err: errEnough}, ack{seq: 3}), began)) // the last ones are rejected, and a repeat
		check(t, a.written(nil, batchAcks(72, 48), began.Add(time.Second)))
		state := jetstream.StreamState{FirstSeq: 1, LastSeq: kept, Msgs: kept, Bytes: 1 << 20}
		if n := m.missing(state, began.Add(time.Minute), time.Hour, 1<<30); n != want {
			t.Errorf("%d of 72 are kept: %d missing, want %d", kept, n, want)
		}
		m.close()
	}
}

// TestMarkLooks while the server runs: what goes from the middle is told once, and
// the newest events cannot go.
func TestMarkLooks(t *testing.T) {
	m := openMark(t.TempDir(), slog.New(slog.DiscardHandler))
	defer m.close()
	m.reach(100, time.Now(), time.Hour)
	for i, tt := range []struct {
		first, last, msgs, reached, lost uint64
		fails                            bool
	}{
		{1, 100, 100, 100, 0, false},
		{1, 100, 60, 100, 40, false},
		{1, 110, 70, 100, 0, false},
		{90, 110, 20, 100, 0, false}, // the limits have dropped the holes but one
		{90, 110, 15, 110, 5, false},
		{90, 99, 10, 100, 0, true},
		{90, 99, 10, 99, 0, false}, // events that came after the question
		{111, 110, 0, 110, 0, false},
	} {
		lost, err := m.look(jetstream.StreamState{FirstSeq: tt.first, LastSeq: tt.last, Msgs: tt.msgs}, tt.reached)
		if lost != tt.lost || (err != nil) != tt.fails {
			t.Errorf("look %d: %d lost, %v", i, lost, err)
		}
	}
}

// TestMarkSurvivesDamage: one damaged slot costs what that slot says.
func TestMarkSurvivesDamage(t *testing.T) {
	dir := t.TempDir()
	m := openMark(dir, slog.New(slog.DiscardHandler))
	for seq := uint64(1); seq <= 10; seq++ {
		m.reach(seq, time.Now(), time.Hour)
	}
	m.close()
	image, err := os.ReadFile(filepath.Join(dir, markName))
	check(t, err)
	for at := range image {
		image[at] ^= 4
		check(t, os.WriteFile(filepath.Join(dir, markName), image, 0o600))
		m := openMark(dir, slog.New(slog.DiscardHandler))
		if m.last != 9 && m.last != 10 {
			t.Errorf("byte %d: the last event is %d", at, m.last)
		}
		m.close()
		image[at] ^= 4
	}
}
