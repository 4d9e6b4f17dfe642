package storetest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

func load(t testing.TB, m *Memory) map[session.ID]session.Record {
	t.Helper()
	all, err := m.Load(t.Context())
	check(t, err)
	return all
}

// heard follows until want gaps and one event behind them were told.
func heard(t *testing.T, s contract, after uint64, f store.Filter, want int) (gaps []store.Gap, next uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.Follow(ctx, after, f, store.Each(func(seq uint64, _ []byte) error {
		next = seq
		if len(gaps) == want {
			return errEnough
		}
		return nil
	}), func(g store.Gap) error { gaps = append(gaps, g); return nil })
	if !errors.Is(err, errEnough) {
		t.Fatalf("Follow behind %d ended with %v; gaps %v", after, err, gaps)
	}
	return gaps, next
}

// gapsRead are the gaps that somebody is told who reads what is kept.
func gapsRead(t *testing.T, s contract, after uint64, f store.Filter) (gaps []store.Gap) {
	t.Helper()
	check(t, s.Read(t.Context(), after, f, store.Each(func(uint64, []byte) error { return nil }), func(g store.Gap) error { gaps = append(gaps, g); return nil }))
	return gaps
}

func TestMemoryTellsGaps(t *testing.T) {
	m := NewMemory()
	for i := range 3 * keptEvents / 2000 {
		batch := make([]store.Message, 1000)
		for j := range batch {
			batch[j] = store.Message{ID: agent(i), Type: "t"}
		}
		check(t, m.Publish(t.Context(), batch))
	}
	first := m.disk.events[0].Seq
	for after, want := range map[uint64][]store.Gap{0: nil, 5: {{From: 6, To: first - 1}}, 1 << 40: {{}}} {
		got, next := heard(t, m, after, store.Filter{}, len(want))
		if diff := cmp.Diff(want, got); diff != "" || next != first {
			t.Errorf("behind %d: event %d of %d; gaps (-want +got):\n%s", after, next, first, diff)
		}
		if diff := cmp.Diff(want, gapsRead(t, m, after, store.Filter{})); diff != "" {
			t.Errorf("read behind %d: gaps (-want +got):\n%s", after, diff)
		}
	}
}

func TestMemoryKeepsWhatIsDurable(t *testing.T) {
	first := NewMemory()
	want := map[session.ID]session.Record{agent(1): record(1)}
	check(t, first.Save(t.Context(), agent(1), record(1)))
	check(t, first.Save(t.Context(), agent(2), record(2)))
	check(t, first.Forget(t.Context(), agent(2)))
	check(t, first.Put(t.Context(), store.Gates, "hq.1", []byte("g")))
	check(t, first.Put(t.Context(), store.Wishes, agent(1).String(), []byte("w")))
	check(t, first.Publish(t.Context(), []store.Message{message(1, 1)}))

	second := first.Restart()
	if diff := cmp.Diff(want, load(t, second), cmp.Transformer("reveal", func(k session.Key) string { return k.Reveal() })); diff != "" {
		t.Error(diff)
	}
	gates, err := second.All(t.Context(), store.Gates)
	check(t, err)
	wishes, err := second.All(t.Context(), store.Wishes)
	check(t, err)
	if diff := cmp.Diff(map[string][]byte{"hq.1": []byte("g")}, gates); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string][]byte{agent(1).String(): []byte("w")}, wishes); diff != "" {
		t.Error(diff)
	}
	if got, _ := take(t, second, 0, store.Filter{}, 1); got[0] != "1/1" {
		t.Errorf("event %q", got)
	}
	if err := first.Save(t.Context(), agent(1), record(1)); !errors.Is(err, store.ErrFenced) {
		t.Errorf("a write by the process before: %v, want ErrFenced", err)
	}
	if second.Writes() != 5 {
		t.Errorf("%d writes, want 5", second.Writes())
	}
	if secret := session.NewSecret("pw"); first.Hash(secret) != second.Hash(secret) || second.Hash(session.Secret{}) != "" {
		t.Error("hashes differ over a restart")
	}
}

func TestMemoryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		full := errors.New("disk full")
		m.Delay(time.Second)
		go func() {
			time.Sleep(500 * time.Millisecond)
			m.Fail(full)
			time.Sleep(time.Minute)
			m.Fail(nil)
		}()
		changed, began := m.Changed(), time.Now()
		if err := m.Save(t.Context(), agent(1), session.Record{}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, full) {
			t.Errorf("Save that a failure overtook: %v", err)
		}
		<-changed
		if err := m.Publish(t.Context(), []store.Message{message(1, 1)}); !errors.Is(err, store.ErrUnavailable) || time.Since(began) != time.Second {
			t.Errorf("Publish: %v after %v", err, time.Since(began))
		}
		<-m.Changed()
		check(t, m.Err())
		if got := load(t, m); len(got) != 0 {
			t.Errorf("%d records of failed writes", len(got))
		}
		began = time.Now()
		check(t, m.Save(t.Context(), agent(1), session.Record{}))
		if took := time.Since(began); took != time.Second {
			t.Errorf("a write took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := m.Forget(ctx, agent(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Forget: %v", err)
		}
		check(t, m.Close())
		if err := m.Err(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestMemoryForgetsIDsWithTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		for _, wait := range []time.Duration{0, dedupWindow - 1, 1, 0} {
			time.Sleep(wait)
			check(t, m.Publish(t.Context(), []store.Message{message(1, 1), {ID: agent(1), Type: "no id"}}))
		}
		if last, err := m.LastSeq(t.Context()); err != nil || last != 2+4 {
			t.Errorf("%d events, %v; want two with the id and four without", last, err)
		}
	})
}

func TestMemoryFollowGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		go func() {
			for n := range 5 {
				time.Sleep(time.Second)
				if n == 2 {
					m.Fail(errors.New("away"))
					time.Sleep(time.Minute)
					m.Fail(nil)
				}
				_ = m.Publish(t.Context(), []store.Message{message(1, n)}) // missing ones are seen below
			}
		}()
		got, seqs := take(t, m, 0, store.Filter{}, 2)
		if diff := cmp.Diff([]string{"1/0", "1/1"}, got); diff != "" {
			t.Error(diff)
		}
		time.Sleep(2 * time.Minute)
		got, _ = take(t, m, seqs[1], store.Filter{}, 3)
		if diff := cmp.Diff([]string{"1/2", "1/3", "1/4"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMemoryKeepsTheNewestEvents(t *testing.T) {
	m := NewMemory()
	for range 13 {
		batch := make([]store.Message, keptEvents/10)
		for i := range batch {
			batch[i] = store.Message{ID: agent(1), Type: "t"}
		}
		check(t, m.Publish(t.Context(), batch))
	}
	_, seqs := take(t, m, 0, store.Filter{}, 1)
	if oldest := seqs[0]; oldest == 1 || len(m.disk.events) < keptEvents {
		t.Errorf("oldest %d of %d events", oldest, len(m.disk.events))
	}
}
