package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func eventsFile(dir string) string { return fileOf(dir, eventsName) }

// fileOf is the only file of a small stream.
func fileOf(dir, stream string) string { return filepath.Join(streamDir(dir, stream), "msgs", "1.blk") }

// recordsOf returns where each record of a whole block begins, and the end.
func recordsOf(t *testing.T, data []byte) (begins []int) {
	t.Helper()
	for at := 0; at < len(data); at += int(binary.LittleEndian.Uint32(data[at:]) &^ recordHeaders) {
		begins = append(begins, at)
	}
	return append(begins, len(data))
}

// fields are bytes of each part of a record of n bytes.
func fields(n int) map[string]int {
	return map[string]int{
		"length": 0, "length, by far": 2, "headers or not": 3, "position": 4, "position, by far": 11, "deleted or not": 10,
		"time": 13, "subject's length": 20, "subject": 24, "headers' length": recordHead + len("ev.0000.hq/a=2E"), "data": n - 12, "hash": n - 3,
	}
}

// TestADamagedRecordIsCutOut damages every part of every record of a block that
// the server has written, and every byte of one.
func TestADamagedRecordIsCutOut(t *testing.T) {
	data, err := os.ReadFile(eventsFile(populated(t).closed))
	check(t, err)
	whole := newBlock(eventsName, 1, data)
	if whole.check(); whole.cut != 0 || len(whole.whole) != 1 {
		t.Fatalf("%d bytes of a whole block are taken for damaged", whole.cut)
	}
	begins := recordsOf(t, data)
	for i, begin := range begins[:len(begins)-1] {
		n := begins[i+1] - begin
		offsets := slices.Collect(func(yield func(int) bool) {
			for at := range n {
				yield(at)
			}
		})
		if i != 20 {
			offsets = offsets[:0]
			for _, at := range fields(n) {
				offsets = append(offsets, at)
			}
		}
		for _, at := range offsets {
			bad := slices.Clone(data)
			bad[begin+at] ^= 1 << (at % 8)
			b := newBlock(eventsName, 1, bad)
			b.check()
			if got := slices.Concat(b.whole...); b.cut != n || string(got) != string(data[:begin])+string(data[begins[i+1]:]) {
				t.Errorf("byte %d of record %d of %d bytes: cut %d", at, i, n, b.cut)
			}
		}
	}
}

// TestADamagedRecordCostsOneEvent damages one record in each of its parts: that
// event is told as lost, once, and nothing else is lost.
func TestADamagedRecordCostsOneEvent(t *testing.T) {
	im := populated(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data, err := os.ReadFile(eventsFile(im.closed))
	check(t, err)
	begins := recordsOf(t, data)
	for what := range fields(100) {
		from := []string{im.killed, im.closed}[random.IntN(2)]
		i := []int{0, random.IntN(im.events), im.events - 1}[random.IntN(3)]
		t.Run(fmt.Sprintf("%s/%d/%s", filepath.Base(from), i, what), func(t *testing.T) {
			dir := copyOf(t, from)
			at := fields(begins[i+1] - begins[i])[what]
			flip(t, eventsFile(dir), int64(begins[i]+at))
			if d := toldOrWhole(t, dir, im); d.Events != 1 {
				t.Errorf("told of %d lost events, want 1", d.Events)
			}
		})
	}
}

// TestADamagedRecordOfTheKeeper damages records of agents and what the server
// noted about removed ones. Nothing is lost, and the server goes on writing.
func TestADamagedRecordOfTheKeeper(t *testing.T) {
	im := populated(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, from := range []string{im.killed, im.closed} {
		data, err := os.ReadFile(fileOf(from, keeperName))
		check(t, err)
		begins := recordsOf(t, data)
		for range 4 {
			i := random.IntN(len(begins) - 1)
			at := begins[i] + random.IntN(begins[i+1]-begins[i])
			t.Run(fmt.Sprintf("%s/%d/%d", filepath.Base(from), i, at-begins[i]), func(t *testing.T) {
				dir := copyOf(t, from)
				flip(t, fileOf(dir, keeperName), int64(at))
				if d := toldOrWhole(t, dir, im); d.Restored > 1 {
					t.Errorf("%d records had to be written again, want at most 1", d.Restored)
				}
			})
		}
	}
}

// TestPositionsAreNotGivenAgain loses the newest event: the next one comes behind
// it, so that no follower takes it for one that it has seen.
func TestPositionsAreNotGivenAgain(t *testing.T) {
	im := populated(t)
	dir := copyOf(t, im.closed)
	info, err := os.Stat(eventsFile(dir))
	check(t, err)
	flip(t, eventsFile(dir), info.Size()-20)
	s := open(t, dir)
	check(t, s.Publish(t.Context(), []Message{event(0, 99)}))
	data, seqs := take(t, s, uint64(im.events), Filter{}, 1)
	if diff := cmp.Diff([]string{"0/99"}, data); diff != "" || seqs[0] != uint64(im.events)+1 {
		t.Errorf("position %d (-want +got):\n%s", seqs[0], diff)
	}
}

// TestNoWholeRecordIsLeftToTheServer: what cannot be recognised is not touched.
func TestNoWholeRecordIsLeftToTheServer(t *testing.T) {
	dir := copyOf(t, populated(t).closed)
	garble(t, 0, 1)(eventsFile(dir))
	before, err := os.ReadFile(eventsFile(dir))
	check(t, err)
	mendFiles(settings{dir: dir, log: options(t, dir).Log})
	after, err := os.ReadFile(eventsFile(dir))
	check(t, err)
	if string(before) != string(after) {
		t.Error("the block was changed")
	}
}

// readPast reads until nothing holds it up, and returns the events' texts and the
// gaps.
func readPast(t *testing.T, e *engine, f Filter) (data []string, gaps []Gap) {
	t.Helper()
	for {
		data, gaps = nil, nil
		err := e.readEvents(t.Context(), newCursor(0, f, func(events []*Event) error {
			for _, ev := range events {
				data = append(data, string(ev.Data))
			}
			return nil
		}, func(g Gap) error { gaps = append(gaps, g); return nil }))
		if !stuck(t, e, err) {
			return data, gaps
		}
	}
}

// TestAFollowerOfOneAgentPassesDamage damages each event of one agent in turn.
// The server has an index that hides the damage, or it does not have the event
// any more: either way the follower gets the others and is told of a gap. One in
// the middle that the server passes over is found by those who read all events.
func TestAFollowerOfOneAgentPassesDamage(t *testing.T) {
	im := populated(t)
	clean := open(t, copyOf(t, im.closed))
	f := Filter{Agent: agent(5)}
	own, seqs := take(t, clean, 0, f, 3)
	check(t, clean.Close())
	data, err := os.ReadFile(eventsFile(im.closed))
	check(t, err)
	begins := recordsOf(t, data)
	for _, hidden := range []bool{true, false} {
		for i, seq := range seqs {
			t.Run(fmt.Sprintf("hidden %v, event %d", hidden, i), func(t *testing.T) {
				dir := copyOf(t, im.closed)
				flip(t, eventsFile(dir), int64(begins[seq]-12))
				set := settings{dir: dir, maxAge: 24 * time.Hour, maxBytes: 1 << 30, log: options(t, dir).Log}
				if !hidden {
					mendFiles(set)
				}
				e, err := openEngine(t.Context(), set)
				check(t, err)
				defer e.close()
				var lost uint64
				e.unreadable.lost = func(n uint64) { lost += n }
				if hidden && i < len(seqs)-1 {
					if all, gaps := readPast(t, e, Filter{}); len(all) != im.events-1 || len(gaps) != 1 {
						t.Errorf("a follower of all gets %d events and is told of %v", len(all), gaps)
					}
				}
				got, gaps := readPast(t, e, f)
				if all, gaps := readPast(t, e, Filter{}); len(all) != im.events-1 || len(gaps) != 1 {
					t.Errorf("a later follower of all gets %d events and is told of %v", len(all), gaps)
				}
				if hidden != (lost == 1) {
					t.Errorf("%d events are counted as lost", lost)
				}
				if diff := cmp.Diff(slices.Delete(slices.Clone(own), i, i+1), got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if len(gaps) != 1 || gaps[0].To != seq || gaps[0].From > seq {
					t.Errorf("told of %v, want a gap up to %d", gaps, seq)
				}
			})
		}
	}
}

// BenchmarkCheckBlock is what a start takes to read a file of events.
func BenchmarkCheckBlock(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	for range 20 {
		batch := make([]Message, 1000)
		for i := range batch {
			batch[i] = Message{ID: agent(i), Type: "t", Data: make([]byte, 300)}
		}
		check(b, s.Publish(b.Context(), batch))
	}
	check(b, s.Close())
	data, err := os.ReadFile(eventsFile(dir))
	check(b, err)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		found := newBlock(eventsName, 1, data)
		if found.check(); found.cut != 0 {
			b.Fatalf("%d bytes are taken for damaged", found.cut)
		}
	}
}
