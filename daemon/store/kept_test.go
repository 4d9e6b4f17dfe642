package store

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reader is what Store and Memory share for reading what is kept.
type reader interface {
	Publish(context.Context, []Message) error
	Read(context.Context, uint64, Filter, func([]*Event) error, func(Gap) error) error
}

func readers(t *testing.T) map[string]reader {
	t.Helper()
	return map[string]reader{"store": open(t, t.TempDir()), "memory": NewMemory()}
}

func readAll(t *testing.T, s reader, after uint64, f Filter) (data []string, seqs []uint64) {
	t.Helper()
	check(t, s.Read(t.Context(), after, f, Each(func(seq uint64, b []byte) error {
		data, seqs = append(data, string(b)), append(seqs, seq)
		return nil
	}), nil))
	return data, seqs
}

// Read gives what is chosen of what is kept, and ends.
func TestReadEnds(t *testing.T) {
	for name, s := range readers(t) {
		if got, _ := readAll(t, s, 0, Filter{}); got != nil {
			t.Errorf("%s, empty: %v", name, got)
		}
		var all []Message
		for n := range 3 {
			all = append(all, event(1, n), event(2, n))
		}
		check(t, s.Publish(t.Context(), all))
		for _, tt := range []struct {
			after  uint64
			filter Filter
			want   []string
		}{
			{0, Filter{}, []string{"1/0", "2/0", "1/1", "2/1", "1/2", "2/2"}},
			{4, Filter{}, []string{"1/2", "2/2"}},
			{6, Filter{}, nil},
			{99, Filter{Agent: agent(1)}, []string{"1/0", "1/1", "1/2"}},
			{0, Filter{Agent: agent(2)}, []string{"2/0", "2/1", "2/2"}},
			{0, Filter{Types: []string{"huawei.Type_1"}}, []string{"1/1", "2/1"}},
			{0, Filter{Types: []string{"session.*"}}, nil},
			{0, Filter{Agent: agent(3)}, nil},
		} {
			if got, _ := readAll(t, s, tt.after, tt.filter); !cmp.Equal(got, tt.want) {
				t.Errorf("%s: after %d, %+v: %v, want %v", name, tt.after, tt.filter, got, tt.want)
			}
		}
		if err := s.Read(t.Context(), 0, Filter{}, Each(func(uint64, []byte) error { return errEnough }), nil); !errors.Is(err, errEnough) {
			t.Errorf("%s: the callback's error became %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Read(ctx, 0, Filter{}, Each(func(uint64, []byte) error { return nil }), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: after the end of its context: %v", name, err)
		}
	}
}

// Read goes on over many batches, every event once, and does not chase those
// that come meanwhile.
func TestReadOfMany(t *testing.T) {
	const n = 3*readBatch + 7
	for name, s := range readers(t) {
		for part := range slices.Chunk(slices.Collect(func(yield func(Message) bool) {
			for i := range n {
				if !yield(event(i%5, i)) {
					return
				}
			}
		}), 500) {
			check(t, s.Publish(t.Context(), part))
		}
		read, more := 0, 0
		check(t, s.Read(t.Context(), 0, Filter{}, Each(func(seq uint64, _ []byte) error {
			if read++; seq != uint64(read) {
				t.Fatalf("%s: event %d has position %d", name, read, seq)
			}
			if read%500 == 0 {
				more++
				return s.Publish(t.Context(), []Message{event(9, more)})
			}
			return nil
		}), nil))
		if read != n {
			t.Errorf("%s: %d events, want %d", name, read, n)
		}
	}
}
