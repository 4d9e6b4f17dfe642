package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

func TestMemoryKeepsWhatIsDurable(t *testing.T) {
	first := NewMemory()
	want := map[session.ID]session.Record{agent(1): filled(t, 1)}
	check(t, first.Save(t.Context(), agent(1), filled(t, 1)))
	check(t, first.Save(t.Context(), agent(2), filled(t, 2)))
	check(t, first.Forget(t.Context(), agent(2)))
	check(t, first.SaveGate(t.Context(), "hq.1", []byte("g")))
	check(t, first.SaveWish(t.Context(), agent(1), []byte("w")))
	check(t, first.Publish(t.Context(), []Message{event(1, 1)}))

	second := first.Restart()
	sameRecords(t, load(t, second), want)
	gates, err := second.LoadGates(t.Context())
	check(t, err)
	wishes, err := second.LoadWishes(t.Context())
	check(t, err)
	if diff := cmp.Diff(map[string][]byte{"hq.1": []byte("g")}, gates); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[session.ID][]byte{agent(1): []byte("w")}, wishes); diff != "" {
		t.Error(diff)
	}
	if got, _ := take(t, second, 0, Filter{}, 1); got[0] != "1/1" {
		t.Errorf("event %q", got)
	}
	if err := first.Save(t.Context(), agent(1), filled(t, 1)); !errors.Is(err, ErrFenced) {
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
		if err := m.Save(t.Context(), agent(1), session.Record{}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, full) {
			t.Errorf("Save that a failure overtook: %v", err)
		}
		<-changed
		if err := m.Publish(t.Context(), []Message{event(1, 1)}); !errors.Is(err, ErrUnavailable) || time.Since(began) != time.Second {
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
		if err := m.Err(); !errors.Is(err, ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestMemoryForgetsIDsWithTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		for _, wait := range []time.Duration{0, dedupWindow - 1, 1, 0} {
			time.Sleep(wait)
			check(t, m.Publish(t.Context(), []Message{event(1, 1), {ID: agent(1), Type: "no id"}}))
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
				_ = m.Publish(t.Context(), []Message{event(1, n)}) // missing ones are seen below
			}
		}()
		got, seqs := take(t, m, 0, Filter{}, 2)
		if diff := cmp.Diff([]string{"1/0", "1/1"}, got); diff != "" {
			t.Error(diff)
		}
		time.Sleep(2 * time.Minute)
		got, _ = take(t, m, seqs[1], Filter{}, 3)
		if diff := cmp.Diff([]string{"1/2", "1/3", "1/4"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMemoryKeepsTheNewestEvents(t *testing.T) {
	m := NewMemory()
	for range 13 {
		batch := make([]Message, memoryEvents/10)
		for i := range batch {
			batch[i] = Message{ID: agent(1), Type: "t"}
		}
		check(t, m.Publish(t.Context(), batch))
	}
	_, seqs := take(t, m, 0, Filter{}, 1)
	if oldest := seqs[0]; oldest == 1 || len(m.disk.events) < memoryEvents {
		t.Errorf("oldest %d of %d events", oldest, len(m.disk.events))
	}
}

// Webhooks' positions are kept and fenced, by both stores alike.
func TestHooks(t *testing.T) {
	type keeper interface {
		SaveHook(context.Context, string, []byte) error
		LoadHooks(context.Context) (map[string][]byte, error)
		Span(context.Context) (first, last uint64, err error)
		Publish(context.Context, []Message) error
	}
	dir := t.TempDir()
	onDisk, memory := open(t, dir), NewMemory()
	for name, s := range map[string]keeper{"store": onDisk, "memory": memory} {
		if first, last, err := s.Span(t.Context()); err != nil || last != 0 || first > 1 {
			t.Errorf("%s: an empty stream is from %d to %d, %v", name, first, last, err)
		}
		check(t, s.SaveHook(t.Context(), "crm.example-1", []byte("one")))
		check(t, s.SaveHook(t.Context(), "gone", []byte("two")))
		check(t, s.SaveHook(t.Context(), "gone", nil))
		check(t, s.Publish(t.Context(), []Message{event(1, 1), event(1, 2)}))
	}
	check(t, onDisk.Close())
	for name, s := range map[string]keeper{"store": open(t, dir), "memory": memory.Restart()} {
		got, err := s.LoadHooks(t.Context())
		check(t, err)
		if diff := cmp.Diff(map[string][]byte{"crm.example-1": []byte("one")}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if first, last, err := s.Span(t.Context()); err != nil || first != 1 || last != 2 {
			t.Errorf("%s: the stream is from %d to %d, %v", name, first, last, err)
		}
	}
	if err := memory.SaveHook(t.Context(), "crm", nil); !errors.Is(err, ErrFenced) {
		t.Errorf("a write by the process before: %v, want ErrFenced", err)
	}
}
