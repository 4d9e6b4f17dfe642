package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
)

// tailOf returns a tail with events of so many bytes each, from position first
// to last.
func tailOf(first, last uint64, size int) *tail {
	t := newTail(first - 1)
	t.follow()
	for seq := first; seq <= last; seq++ {
		t.add([]*Event{{Data: make([]byte, size)}}, []ack{{seq: seq}})
	}
	return t
}

func TestTailIsBounded(t *testing.T) {
	for _, tt := range []struct {
		size, n, most int
	}{{10, 3 * tailEvents, tailEvents}, {64 << 10, 300, tailBytes / (64 << 10)}, {tailBytes + 1, 3, 1}} {
		tail := tailOf(1, uint64(tt.n), tt.size)
		if len(tail.events) > tt.most || tail.bytes > max(tailBytes, tt.size) {
			t.Errorf("%d events of %d bytes: %d kept, %d bytes", tt.n, tt.size, len(tail.events), tail.bytes)
		}
		first := tail.events[0].Seq
		if got, ok := tail.behind(first - 1); !ok || got[0].Seq != first {
			t.Errorf("%d bytes: behind %d: %v", tt.size, first-1, ok)
		}
		if _, ok := tail.behind(first - 2); ok {
			t.Errorf("%d bytes: the tail reaches back to %d", tt.size, first-1)
		}
		if got, ok := tail.behind(uint64(tt.n)); !ok || got != nil {
			t.Errorf("%d bytes: behind the newest: %v", tt.size, got)
		}
	}
}

// One turn is a bounded amount of work.
func TestTailGivesSlices(t *testing.T) {
	for _, tt := range []struct{ size, want int }{{1, sliceEvents}, {1 << 10, sliceBytes / (1 << 10)}, {2 * sliceBytes, 1}} {
		got, ok := tailOf(1, 500, tt.size).behind(499 - uint64(min(400, tailBytes/tt.size-2)))
		if !ok || len(got) != min(tt.want, len(got)) || len(got) < min(tt.want, 29) {
			t.Errorf("%d bytes each: %d events, %v, want %d", tt.size, len(got), ok, tt.want)
		}
	}
}

// What was stored before, or rejected, is not told twice, and a hole is left to
// the disk.
func TestTailTakesWhatIsNew(t *testing.T) {
	tail := tailOf(5, 6, 1)
	tail.add([]*Event{{}, {}, {}}, []ack{{seq: 5}, {err: errEnough}, {seq: 7}})
	if got, ok := tail.behind(4); !ok || len(got) != 3 || got[2].Seq != 7 || tail.last() != 7 {
		t.Errorf("%v, %v, last %d", got, ok, tail.last())
	}
	tail.add([]*Event{{}}, []ack{{seq: 9}})
	if _, ok := tail.behind(7); ok || tail.last() != 9 {
		t.Error("the hole is not noticed")
	}
	if got, ok := tail.behind(8); !ok || len(got) != 1 {
		t.Errorf("behind the hole: %v, %v", got, ok)
	}
}

// One follower is served at once; many share the turns of all.
func TestTurnsAreBounded(t *testing.T) {
	for _, n := range []int{1, 256} {
		synctest.Test(t, func(t *testing.T) {
			tail := newTail(0)
			tail.follow()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var mu sync.Mutex
			var wakes int
			var worst time.Duration
			var all sync.WaitGroup
			changed := make(chan struct{})
			for range n {
				all.Go(func() {
					for after := uint64(0); tail.wait(ctx, changed, after) == nil && tail.turn(ctx) == nil; {
						events, ok := tail.behind(after)
						if !ok {
							t.Error("a follower fell behind the tail")
							return
						}
						mu.Lock()
						wakes++
						for _, ev := range events {
							worst = max(worst, time.Since(ev.Stored))
							after = ev.Seq
						}
						mu.Unlock()
					}
				})
			}
			for seq := uint64(1); ctx.Err() == nil; seq++ { // 1,000 events a second
				tail.add([]*Event{{}}, []ack{{seq: seq}})
				tail.announce()
				_ = session.Sleep(ctx, time.Millisecond)
			}
			all.Wait()
			limit := time.Duration(n) * time.Second / turns * 11 / 10
			if n == 1 {
				limit = 0
			}
			if wakes > 10*turns+turnBurst || worst > limit {
				t.Errorf("%d followers: %d wakes in 10 s, an event waited %v", n, wakes, worst)
			}
		})
	}
}

// While nobody follows, nothing is kept; the newest position is known all the same.
func TestTailWithoutFollowers(t *testing.T) {
	tail := tailOf(1, 3, 10)
	tail.follow()
	tail.leave()
	if got, ok := tail.behind(1); !ok || len(got) != 2 {
		t.Errorf("%d events, %v, while one of two followers is left", len(got), ok)
	}
	tail.leave()
	tail.add([]*Event{{Data: make([]byte, 10)}}, []ack{{seq: 4}})
	if _, ok := tail.behind(3); ok || tail.events != nil || tail.bytes != 0 || tail.last() != 4 {
		t.Errorf("%d events and %d bytes kept for nobody, last %d", len(tail.events), tail.bytes, tail.last())
	}
	tail.follow()
	tail.add([]*Event{{}}, []ack{{seq: 5}})
	if got, ok := tail.behind(4); !ok || len(got) != 1 || got[0].Seq != 5 {
		t.Errorf("%v, %v for a new follower", got, ok)
	}
}

// A follower that was left behind by what memory holds, and one that begins far
// back, see every event once and in order, of one agent too.
func TestCatchUpFromTheDisk(t *testing.T) {
	const n = 1500 // of 4 KiB: more than the tail holds
	for name, f := range map[string]Filter{"all": {}, "one agent": {Agent: session.ID{Platform: "p", Login: "1"}}} {
		s := open(t, t.TempDir())
		publishBig(t, s, n)
		e, _ := s.current()
		if _, ok := e.tail.behind(0); ok {
			t.Fatal("the tail holds everything: this test tests nothing")
		}
		want := n + 100
		step := uint64(1)
		if f.Agent.Login != "" {
			want, step = want/2, 2
		}
		last, got := uint64(0), 0
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := s.Follow(ctx, 0, f, Each(func(seq uint64, _ []byte) error {
			if got > 0 && seq != last+step {
				return fmt.Errorf("%d follows %d", seq, last)
			}
			if last = seq; got == 100 {
				go publishBig(t, s, 100)
			}
			if got++; got == want {
				return errEnough
			}
			return nil
		}), func(g Gap) error { return fmt.Errorf("told of a gap: %+v", g) })
		cancel()
		if !errors.Is(err, errEnough) {
			t.Errorf("%s: %v after %d events", name, err, got)
		}
	}
}
