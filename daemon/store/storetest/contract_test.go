package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// contract is what a Store and a Memory share.
type contract interface {
	store.Values
	Publish(ctx context.Context, events []store.Message) error
	Span(ctx context.Context) (first, last uint64, err error)
	Follow(ctx context.Context, after uint64, f store.Filter, fn func([]*store.Event) error, gap func(store.Gap) error) error
	Read(ctx context.Context, after uint64, f store.Filter, fn func([]*store.Event) error, gap func(store.Gap) error) error
}

// both is a store and a Memory.
func both(t *testing.T) map[string]contract {
	t.Helper()
	return map[string]contract{"store": open(t, t.TempDir()), "memory": NewMemory()}
}

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() }) // tests that care close it themselves
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func agent(n int) session.ID { return session.ID{Platform: "hq", Login: fmt.Sprintf("a.%d", n)} }

func record(n int) session.Record {
	return session.Record{Key: session.NewKey([]byte{'k', 0, 0xff, byte(n)}), Sequence: uint64(n), Memo: session.Memo{Fails: n}}
}

func message(agentNo, n int) store.Message {
	return store.Message{
		ID: agent(agentNo), Type: fmt.Sprintf("huawei.Type_%d", n%3),
		MsgID: fmt.Sprintf("%d/%d", agentNo, n), Data: fmt.Appendf(nil, "%d/%d", agentNo, n),
	}
}

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

var errEnough = errors.New("enough")

// take returns the next n chosen events and their positions.
func take(t testing.TB, s contract, after uint64, f store.Filter, n int) (data []string, seqs []uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.Follow(ctx, after, f, store.Each(func(seq uint64, b []byte) error {
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

func TestFollowChooses(t *testing.T) {
	for name, s := range both(t) {
		var all []store.Message
		for n := range 6 {
			all = append(all, message(1, n), message(2, n))
		}
		check(t, s.Publish(t.Context(), all))
		tests := []struct {
			after  uint64
			filter store.Filter
			want   []string
		}{
			{0, store.Filter{}, []string{"1/0", "2/0", "1/1"}},
			{10, store.Filter{}, []string{"1/5", "2/5"}},
			{99, store.Filter{}, []string{"1/0", "2/0"}},
			{0, store.Filter{Agent: agent(2)}, []string{"2/0", "2/1", "2/2", "2/3", "2/4", "2/5"}},
			{4, store.Filter{Agent: agent(1)}, []string{"1/2", "1/3"}},
			{0, store.Filter{Types: []string{"huawei.Type_1"}}, []string{"1/1", "2/1", "1/4", "2/4"}},
			{0, store.Filter{Types: []string{"huawei.Type_1", "huawei.Type_2"}}, []string{"1/1", "2/1", "1/2"}},
			{0, store.Filter{Types: []string{"nothing", "huawei.*"}, Agent: agent(1)}, []string{"1/0", "1/1"}},
			{0, store.Filter{Types: []string{"*"}}, []string{"1/0", "2/0"}},
		}
		for _, tt := range tests {
			got, _ := take(t, s, tt.after, tt.filter, len(tt.want))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: after %d, %+v (-want +got):\n%s", name, tt.after, tt.filter, diff)
			}
		}
	}
}

func readAll(t *testing.T, s contract, after uint64, f store.Filter) (data []string, seqs []uint64) {
	t.Helper()
	check(t, s.Read(t.Context(), after, f, store.Each(func(seq uint64, b []byte) error {
		data, seqs = append(data, string(b)), append(seqs, seq)
		return nil
	}), nil))
	return data, seqs
}

// Read gives what is chosen of what is kept, and ends.
func TestReadEnds(t *testing.T) {
	for name, s := range both(t) {
		if got, _ := readAll(t, s, 0, store.Filter{}); got != nil {
			t.Errorf("%s, empty: %v", name, got)
		}
		var all []store.Message
		for n := range 3 {
			all = append(all, message(1, n), message(2, n))
		}
		check(t, s.Publish(t.Context(), all))
		for _, tt := range []struct {
			after  uint64
			filter store.Filter
			want   []string
		}{
			{0, store.Filter{}, []string{"1/0", "2/0", "1/1", "2/1", "1/2", "2/2"}},
			{4, store.Filter{}, []string{"1/2", "2/2"}},
			{6, store.Filter{}, nil},
			{99, store.Filter{Agent: agent(1)}, []string{"1/0", "1/1", "1/2"}},
			{0, store.Filter{Agent: agent(2)}, []string{"2/0", "2/1", "2/2"}},
			{0, store.Filter{Types: []string{"huawei.Type_1"}}, []string{"1/1", "2/1"}},
			{0, store.Filter{Types: []string{"session.*"}}, nil},
			{0, store.Filter{Agent: agent(3)}, nil},
		} {
			if got, _ := readAll(t, s, tt.after, tt.filter); !cmp.Equal(got, tt.want) {
				t.Errorf("%s: after %d, %+v: %v, want %v", name, tt.after, tt.filter, got, tt.want)
			}
		}
		if err := s.Read(t.Context(), 0, store.Filter{}, store.Each(func(uint64, []byte) error { return errEnough }), nil); !errors.Is(err, errEnough) {
			t.Errorf("%s: the callback's error became %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Read(ctx, 0, store.Filter{}, store.Each(func(uint64, []byte) error { return nil }), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: after the end of its context: %v", name, err)
		}
	}
}

// Read goes on over many batches, every event once, and does not chase those
// that come meanwhile.
func TestReadOfMany(t *testing.T) {
	const n = 3*256 + 7
	for name, s := range both(t) {
		for part := range slices.Chunk(slices.Collect(func(yield func(store.Message) bool) {
			for i := range n {
				if !yield(message(i%5, i)) {
					return
				}
			}
		}), 500) {
			check(t, s.Publish(t.Context(), part))
		}
		read, more := 0, 0
		check(t, s.Read(t.Context(), 0, store.Filter{}, store.Each(func(seq uint64, _ []byte) error {
			if read++; seq != uint64(read) {
				t.Fatalf("%s: event %d has position %d", name, read, seq)
			}
			if read%500 == 0 {
				more++
				return s.Publish(t.Context(), []store.Message{message(9, more)})
			}
			return nil
		}), nil))
		if read != n {
			t.Errorf("%s: %d events, want %d", name, read, n)
		}
	}
}

// Values are kept by kind and name, a webhook's position among them, and a process
// that another has followed cannot write the agents'.
func TestValues(t *testing.T) {
	dir := t.TempDir()
	onDisk, memory := open(t, dir), NewMemory()
	kinds := []store.Kind{store.Records, store.Wishes, store.Gates, store.Platforms, store.Hooks}
	for name, s := range map[string]contract{"store": onDisk, "memory": memory} {
		if first, last, err := s.Span(t.Context()); err != nil || last != 0 || first > 1 {
			t.Errorf("%s: an empty stream is from %d to %d, %v", name, first, last, err)
		}
		for _, kind := range kinds {
			check(t, s.Put(t.Context(), kind, "crm.example-1/é", []byte("before")))
			check(t, s.Put(t.Context(), kind, "crm.example-1/é", []byte(kind.String())))
			check(t, s.Put(t.Context(), kind, "gone", []byte("two")))
			check(t, s.Put(t.Context(), kind, "gone", nil))
		}
		check(t, s.Publish(t.Context(), []store.Message{message(1, 1), message(1, 2)}))
	}
	check(t, onDisk.Close())
	for name, s := range map[string]contract{"store": open(t, dir), "memory": memory.Restart()} {
		for _, kind := range kinds {
			got, err := s.All(t.Context(), kind)
			check(t, err)
			if diff := cmp.Diff(map[string][]byte{"crm.example-1/é": []byte(kind.String())}, got); diff != "" {
				t.Errorf("%s, %s: %s", name, kind, diff)
			}
		}
		if first, last, err := s.Span(t.Context()); err != nil || first != 1 || last != 2 {
			t.Errorf("%s: the stream is from %d to %d, %v", name, first, last, err)
		}
	}
	if err := memory.Put(t.Context(), store.Hooks, "crm", nil); !errors.Is(err, store.ErrFenced) {
		t.Errorf("a write by the process before: %v, want ErrFenced", err)
	}
}

// A filter says of one event what following by it does.
func TestFilterMatches(t *testing.T) {
	long := strings.Repeat("é", 110)
	types := []string{"huawei.Type_1", "huawei.Type_2", "session.lost", "huawei", long, long + "x"}
	var all []store.Message
	for n, typ := range types {
		for who := range 2 {
			data := fmt.Appendf(nil, `{"type":%q,"n":"%d/%d"}`, typ, who, n)
			all = append(all, store.Message{ID: agent(who), Type: typ, Data: data})
		}
	}
	s := open(t, t.TempDir())
	check(t, s.Publish(t.Context(), all))
	for _, f := range []store.Filter{
		{}, {Agent: agent(1)}, {Agent: agent(9)}, {Types: []string{"huawei.*"}}, {Types: []string{"huawei", "session.*"}}, {Types: []string{"*"}, Agent: agent(0)},
		{Types: []string{"huawei.Type_"}}, {Types: []string{long}}, {Types: []string{long + "*"}},
	} {
		var want []string
		for _, m := range all {
			if f.Matches(m.ID, m.Type) {
				want = append(want, string(m.Data))
			}
		}
		if got, _ := readAll(t, s, 0, f); !cmp.Equal(got, want) {
			t.Errorf("%.60v: %d events, Matches says %d", f, len(got), len(want))
		}
	}
}

func TestFilterIsBounded(t *testing.T) {
	many := func(n int, p string) (list []string) {
		for range n {
			list = append(list, p)
		}
		return list
	}
	long := agent(1)
	long.Login = strings.Repeat("x", store.MaxAgentSize)
	stores := both(t)
	for name, tt := range map[string]struct {
		filter store.Filter
		fits   bool
	}{
		"none":              {store.Filter{}, true},
		"most patterns":     {store.Filter{Types: many(store.MaxPatterns, "huawei.*")}, true},
		"one too many":      {store.Filter{Types: many(store.MaxPatterns+1, "huawei.*")}, false},
		"longest pattern":   {store.Filter{Types: []string{strings.Repeat("x", store.MaxPatternSize)}}, true},
		"one byte too long": {store.Filter{Types: []string{strings.Repeat("x", store.MaxPatternSize+1)}}, false},
		"long agent":        {store.Filter{Agent: long}, false},
	} {
		if err := tt.filter.Check(); (err == nil) != tt.fits {
			t.Errorf("%s: %v", name, err)
		}
		if tt.fits {
			continue
		}
		for kind, s := range stores {
			err := s.Read(t.Context(), 0, tt.filter, func([]*store.Event) error { return nil }, nil)
			if err == nil || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s, %s: Read: %v", name, kind, err)
			}
			if err := s.Follow(t.Context(), 0, tt.filter, func([]*store.Event) error { return nil }, nil); err == nil {
				t.Errorf("%s, %s: Follow: %v", name, kind, err)
			}
		}
	}
}
