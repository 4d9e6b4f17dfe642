package store

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// consumersOf counts the consumers that a stream has in the server.
func consumersOf(t *testing.T, s *Store, stream string) int {
	t.Helper()
	e, err := s.current()
	check(t, err)
	str, err := e.js.Stream(t.Context(), stream)
	check(t, err)
	return str.CachedInfo().State.Consumers
}

// settles waits until a count is at most n, and fails when it stays above.
func settles(t *testing.T, what string, n int, count func() int) {
	t.Helper()
	deadline := time.After(patience)
	for tick := time.Tick(10 * time.Millisecond); count() > n; {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("%s: %d, want at most %d", what, count(), n)
		}
	}
}

func readAll(t *testing.T, s *Store, after uint64, f Filter) (data []string, seqs []uint64) {
	t.Helper()
	check(t, s.Read(t.Context(), after, f, Each(func(seq uint64, b []byte) error {
		data, seqs = append(data, string(b)), append(seqs, seq)
		return nil
	}), nil))
	return data, seqs
}

// However many came and went, and however they went, nothing of theirs is left:
// no consumer in the server, no goroutine, and the other programs' places are
// untouched.
func TestReadersLeaveNothingBehind(t *testing.T) {
	s := open(t, t.TempDir())
	var all []Message
	for n := range 50 {
		all = append(all, event(n%5, n))
	}
	check(t, s.Publish(t.Context(), all))
	one := Filter{Agent: agent(1)}
	churn := func(n int) {
		for range n {
			for _, f := range []Filter{{}, one} {
				readAll(t, s, 0, f)
				ctx, cancel := context.WithCancel(t.Context())
				_ = s.Follow(ctx, 0, f, func([]*Event) error { cancel(); return nil }, nil)     // hangs up
				_ = s.Follow(t.Context(), 0, f, func([]*Event) error { return errEnough }, nil) // a write failed
				_ = s.Read(t.Context(), 0, f, func([]*Event) error { return errEnough }, nil)   // likewise
				_ = s.Follow(context.WithoutCancel(ctx), 0, f, Each(func(uint64, []byte) error { return errEnough }), nil)
			}
			_, err := s.Load(t.Context())
			check(t, err)
			if n := consumersOf(t, s, eventsName) + consumersOf(t, s, keeperName); n > 2 {
				t.Fatalf("%d consumers in the server", n)
			}
		}
	}
	churn(3)
	before := runtime.NumGoroutine()
	churn(40)
	for _, stream := range []string{eventsName, keeperName} {
		settles(t, "consumers of "+stream, 0, func() int { return consumersOf(t, s, stream) })
	}
	settles(t, "goroutines", before, runtime.NumGoroutine)
}

// Programs that have taken every place for consumers that the server gives take
// none from those who follow the events here.
func TestReadersNeedNoConsumer(t *testing.T) {
	s := open(t, t.TempDir())
	check(t, s.Publish(t.Context(), []Message{event(1, 0), event(2, 0), event(1, 1)}))
	e, err := s.current()
	check(t, err)
	stream, err := e.js.Stream(t.Context(), eventsName)
	check(t, err)
	config := stream.CachedInfo().Config
	config.MaxConsumers = 1
	_, err = e.js.UpdateStream(t.Context(), config)
	check(t, err)
	_, err = e.js.CreateConsumer(t.Context(), eventsName, jetstream.ConsumerConfig{Durable: "somebody", AckPolicy: jetstream.AckExplicitPolicy})
	check(t, err)
	if _, err = e.js.CreateConsumer(t.Context(), eventsName, jetstream.ConsumerConfig{Durable: "more", AckPolicy: jetstream.AckExplicitPolicy}); err == nil {
		t.Fatal("the server takes a second consumer: this test tests nothing")
	}
	if got, _ := readAll(t, s, 0, Filter{}); len(got) != 3 {
		t.Errorf("Read: %v", got)
	}
	if got, _ := take(t, s, 0, Filter{Agent: agent(1)}, 2); len(got) != 2 {
		t.Errorf("Follow: %v", got)
	}
}

func BenchmarkMatcher(b *testing.B) {
	event := &Event{subject: eventSubject(agent(1), "huawei.AgentState_Ready")}
	f := Filter{}
	for i := range MaxPatterns {
		f.Types = append(f.Types, strings.Repeat("huawei.AgentState_", 2)+string(rune('a'+i))+"*")
	}
	m := f.compile()
	for b.Loop() {
		m.matches(event)
	}
}

// Names are compared in full, also those that a subject cuts short.
func TestTypesAreComparedInFull(t *testing.T) {
	long := "ecss.call/" + strings.Repeat("x", 220)
	for _, tt := range []struct {
		pattern, typ string
		want         bool
	}{
		{"ecss.call/changed", "ecss.call/changed", true},
		{"ecss.call/*", "ecss.call/changed", true},
		{"ecss.call.changed", "ecss.call/changed", false},
		{"ecss.вызов/*", "ecss.вызов/новый", true},
		{long + "a", long + "a", true},
		{long + "a", long + "b", false},
		{long + "*", long + "b", true},
		{long + "a*", long + "b", false},
		{"ecss.*", long + "b", true},
		{"huawei.*", long + "b", false},
		{"*", long + "b", true},
	} {
		data, err := json.Marshal(map[string]string{"type": tt.typ})
		if err != nil {
			t.Fatal(err)
		}
		ev := &Event{Data: data, subject: eventSubject(agent(1), tt.typ)}
		if got := (Filter{Types: []string{tt.pattern}}).compile().matches(ev); got != tt.want {
			t.Errorf("%.30s… against %.30s…: %v", tt.pattern, tt.typ, got)
		}
	}
}
