package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

func event(agentNo, n int) Message {
	return Message{
		ID: agent(agentNo), Type: fmt.Sprintf("huawei.Type_%d", n%3),
		MsgID: fmt.Sprintf("%d/%d", agentNo, n), Data: fmt.Appendf(nil, "%d/%d", agentNo, n),
	}
}

var errEnough = errors.New("enough")

// take returns the next n chosen events and their positions.
func take(t testing.TB, s *Store, after uint64, f Filter, n int) (data []string, seqs []uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.Follow(ctx, after, f, Each(func(seq uint64, b []byte) error {
		data, seqs = append(data, string(b)), append(seqs, seq)
		if len(data) == n {
			return errEnough
		}
		return nil
	}), nil)
	if !errors.Is(err, errEnough) {
		t.Fatalf("Follow ended with %v after %d of %d events", err, len(data), n)
	}
	return data, seqs
}

func TestEventsInOrderOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for range 2 { // the repeat is recognised
		together(t, 40, func(i int) error {
			for n := 0; n < 20; n += 4 {
				batch := []Message{event(i, n), event(i, n+1), event(i, n+2), event(i, n+3)}
				if err := s.Publish(t.Context(), batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if last, err := s.LastSeq(t.Context()); err != nil || last != 800 {
		t.Fatalf("LastSeq: %d, %v; want 800", last, err)
	}
	check(t, s.Close())
	s = open(t, dir)
	data, seqs := take(t, s, 0, Filter{}, 800)
	next := map[string]int{}
	for i, d := range data {
		who, n, _ := strings.Cut(d, "/")
		if want := fmt.Sprint(next[who]); n != want {
			t.Fatalf("event %q of agent %s, want %s", d, who, want)
		}
		next[who]++
		if seqs[i] != uint64(i+1) {
			t.Fatalf("position %d of event %d", seqs[i], i+1)
		}
	}
}

func TestFollowSeesNewEvents(t *testing.T) {
	s := open(t, t.TempDir())
	check(t, s.Publish(t.Context(), []Message{event(1, 0)}))
	last, err := s.LastSeq(t.Context())
	check(t, err)
	go func() {
		for n := 1; n < 4; n++ {
			_ = s.Publish(context.WithoutCancel(t.Context()), []Message{event(1, n)}) // missing ones are seen below
		}
	}()
	got, _ := take(t, s, last, Filter{Types: []string{"huawei.*"}}, 3)
	if diff := cmp.Diff([]string{"1/1", "1/2", "1/3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLimitsOfEventsFollowTheOptions(t *testing.T) {
	dir := t.TempDir()
	for _, limit := range []struct {
		age   time.Duration
		bytes int64
	}{{time.Hour, 1 << 20}, {time.Minute, 2 << 20}, {30 * time.Hour, 1 << 40}} {
		o := options(t, dir)
		o.EventsMaxAge, o.EventsMaxBytes = limit.age, limit.bytes
		s, err := Open(t.Context(), o)
		check(t, err)
		stream, err := s.engine.js.Stream(t.Context(), eventsName)
		check(t, err)
		got := stream.CachedInfo().Config
		if got.MaxAge != limit.age || got.MaxBytes != limit.bytes || got.Duplicates > dedupWindow {
			t.Errorf("got %v, %d, window %v; want %+v", got.MaxAge, got.MaxBytes, got.Duplicates, limit)
		}
		check(t, s.Close())
	}
}

func TestOldestEventsGoFirst(t *testing.T) {
	o := options(t, t.TempDir())
	o.EventsMaxBytes = 64 << 10
	s, err := Open(t.Context(), o)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	for range 40 {
		check(t, s.Publish(t.Context(), []Message{{ID: session.ID{Platform: "p", Login: "l"}, Type: "t", Data: make([]byte, 4<<10)}}))
	}
	_, seqs := take(t, s, 0, Filter{}, 1)
	if seqs[0] < 20 {
		t.Errorf("the oldest kept is %d", seqs[0])
	}
}
