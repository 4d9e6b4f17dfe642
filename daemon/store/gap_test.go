package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

// tight opens a store that keeps very few events.
func tight(t *testing.T) *Store {
	t.Helper()
	o := options(t, t.TempDir())
	o.EventsMaxBytes = 64 << 10
	s, err := Open(t.Context(), o)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// publishBig publishes n events of 4 KiB, of two agents in turn.
func publishBig(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := 0; i < n; i += 50 {
		batch := make([]Message, 50)
		for j := range batch {
			batch[j] = Message{ID: session.ID{Platform: "p", Login: fmt.Sprint(j % 2)}, Type: "t", Data: make([]byte, 4<<10)}
		}
		check(t, s.Publish(t.Context(), batch))
	}
}

func firstKept(t *testing.T, s *Store) uint64 {
	t.Helper()
	_, seqs := take(t, s, 0, Filter{}, 1)
	return seqs[0]
}

// heard follows until want gaps and one event behind them were told.
func heard(t *testing.T, s *Store, after uint64, f Filter, want int) (gaps []Gap, next uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.Follow(ctx, after, f, Each(func(seq uint64, _ []byte) error {
		next = seq
		if len(gaps) == want {
			return errEnough
		}
		return nil
	}), func(g Gap) error { gaps = append(gaps, g); return nil })
	if !errors.Is(err, errEnough) {
		t.Fatalf("Follow behind %d ended with %v; gaps %v", after, err, gaps)
	}
	return gaps, next
}

// gapsRead are the gaps that somebody is told who reads what is kept.
func gapsRead(t *testing.T, s *Store, after uint64, f Filter) (gaps []Gap) {
	t.Helper()
	check(t, s.Read(t.Context(), after, f, Each(func(uint64, []byte) error { return nil }), func(g Gap) error { gaps = append(gaps, g); return nil }))
	return gaps
}

func TestGapAtTheBeginning(t *testing.T) {
	s := tight(t)
	publishBig(t, s, 100)
	first := firstKept(t, s)
	if first < 50 {
		t.Fatalf("the oldest kept is %d", first)
	}
	one := Filter{Agent: session.ID{Platform: "p", Login: "1"}}
	tests := []struct {
		after  uint64
		filter Filter
		want   []Gap
	}{
		{0, Filter{}, nil},
		{first - 1, Filter{}, nil},
		{first - 2, Filter{}, []Gap{{first - 1, first - 1}}},
		{3, Filter{}, []Gap{{4, first - 1}}},
		{3, Filter{Types: []string{"t"}}, []Gap{{4, first - 1}}},
		{3, one, []Gap{{4, first - 1}}},
		{1000, Filter{}, []Gap{{}}},
	}
	for _, tt := range tests {
		got, next := heard(t, s, tt.after, tt.filter, len(tt.want))
		if diff := cmp.Diff(tt.want, got); diff != "" || next < first || next > first+1 {
			t.Errorf("behind %d, %+v: event %d of %d; gaps (-want +got):\n%s", tt.after, tt.filter, next, first, diff)
		}
		if diff := cmp.Diff(tt.want, gapsRead(t, s, tt.after, tt.filter)); diff != "" {
			t.Errorf("read behind %d, %+v: gaps (-want +got):\n%s", tt.after, tt.filter, diff)
		}
	}
	if !(Gap{}).Lost() || (Gap{1, 1}).Lost() {
		t.Error("the loss of a store is not told from that of events")
	}
}

// A follower that stands still while the retention overtakes it is told when it
// goes on; one that has seen all of its own events is not.
func TestGapWhileFollowing(t *testing.T) {
	for name, f := range map[string]Filter{"all": {}, "one agent": {Agent: session.ID{Platform: "p", Login: "1"}}} {
		s := tight(t)
		publishBig(t, s, 50)
		var last uint64
		var gaps []Gap
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := s.Follow(ctx, 0, f, Each(func(seq uint64, _ []byte) error {
			switch {
			case last == 0:
				publishBig(t, s, 1500) // more than is on the way to the follower
			case len(gaps) == 0 && seq > last+2:
				t.Errorf("%s: %d follows %d and nobody told why", name, seq, last)
			case len(gaps) > 0 && seq >= 1500:
				return errEnough
			}
			last = seq
			return nil
		}), func(g Gap) error {
			if g.From != last+1 || g.To <= last {
				t.Errorf("%s: gap %+v behind %d", name, g, last)
			}
			gaps, last = append(gaps, g), g.To
			return nil
		})
		cancel()
		if !errors.Is(err, errEnough) || len(gaps) == 0 {
			t.Errorf("%s: Follow ended with %v at %d; gaps %v", name, err, last, gaps)
		}
	}
}

func TestOthersEventsAreNoGap(t *testing.T) {
	t.Parallel()
	s := tight(t)
	quiet := session.ID{Platform: "p", Login: "quiet"}
	check(t, s.Publish(t.Context(), []Message{{ID: quiet, Type: "t", Data: []byte("1")}}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := 0
	err := s.Follow(ctx, 0, Filter{Agent: quiet}, Each(func(uint64, []byte) error {
		if n++; n == 2 {
			return errEnough
		}
		go func() {
			until(t, "the follower waits again", func() bool {
				s.engine.tail.mu.Lock()
				defer s.engine.tail.mu.Unlock()
				return s.engine.tail.waited
			})
			publishBig(t, s, 200)
			_ = s.Publish(ctx, []Message{{ID: quiet, Type: "t", Data: []byte("2")}}) // its absence is seen
		}()
		return nil
	}), func(g Gap) error { return fmt.Errorf("told of a gap: %+v", g) })
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}
}

func TestRetentionIsCounted(t *testing.T) {
	t.Parallel()
	var dropped atomic.Int64
	o := options(t, t.TempDir())
	o.EventsMaxBytes, o.EventsExpired = 64<<10, func(n int) { dropped.Add(int64(n)) }
	s, err := Open(t.Context(), o)
	check(t, err)
	publishBig(t, s, 100)
	first := firstKept(t, s)
	deadline := time.After(patience)
	for tick := time.Tick(50 * time.Millisecond); dropped.Load() != int64(first-1); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("%d events counted, %d were dropped", dropped.Load(), first-1)
		}
	}
	check(t, s.Close())
}

func TestRetentionAfterALostStore(t *testing.T) {
	var told []int
	r := retention{dropped: func(n int) { told = append(told, n) }}
	for _, first := range []uint64{40, 40, 45, 1, 3} {
		r.see(first)
	}
	if diff := cmp.Diff([]int{5, 2}, told); diff != "" {
		t.Error(diff)
	}
}

// Followers that take nothing delay neither the writes nor another follower.
func TestDeadFollowersDelayNobody(t *testing.T) {
	s := open(t, t.TempDir())
	publishBig(t, s, 500)
	ctx, cancel := context.WithCancel(t.Context())
	var dead, stuck sync.WaitGroup
	for range 20 {
		stuck.Add(1)
		dead.Go(func() {
			_ = s.Follow(ctx, 0, Filter{}, Each(func(uint64, []byte) error { stuck.Done(); <-ctx.Done(); return errEnough }), nil) // ends with ctx
		})
	}
	stuck.Wait()
	publishBig(t, s, 1500)
	if data, _ := take(t, s, 0, Filter{}, 2000); len(data) != 2000 || s.Err() != nil {
		t.Errorf("%d events, %v", len(data), s.Err())
	}
	cancel()
	dead.Wait()
}
