package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// publisher records what it is given; it can fail, and take its time.
type publisher struct {
	mu    sync.Mutex
	got   []store.Message
	calls int
	fail  func([]store.Message) error
	takes time.Duration
	lies  bool // some that fail are stored all the same
}

func (p *publisher) Publish(ctx context.Context, events []store.Message) error {
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.fail != nil {
		if err := p.fail(events); err != nil {
			if p.lies && p.calls%2 == 0 {
				p.got = append(p.got, events...)
			}
			return err
		}
	}
	p.got = append(p.got, events...)
	return nil
}

type counter struct {
	mu        sync.Mutex
	dropped   map[string]int
	delivered int
	took      []time.Duration
}

func (c *counter) EventsDelivered(_ string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered += n
}

func (c *counter) EventDelivery(_ string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = append(c.took, took)
}

func (c *counter) EventsDropped(reason string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped[reason] += n
}

func newStream(p *publisher) (*Stream, *counter) {
	c := &counter{dropped: map[string]int{}}
	return New(p, c, func(string) string { return "huawei" }, slog.New(slog.DiscardHandler)), c
}

var agent = session.ID{Platform: "hq", Login: "291"}

func event(n uint64, data string) keeper.Event {
	return keeper.Event{Event: session.Event{Type: "AgentState_Ready", Data: json.RawMessage(data)}, Sequence: n,
		Received: time.Date(2026, 3, 2, 9, 0, 0, 5e8, time.UTC)}
}

func TestCloudEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		s, _ := newStream(p)
		if err := s.Take(t.Context(), agent, []keeper.Event{event(7, `{"workNo":"291","n":1.50}`)}); err != nil {
			t.Fatal(err)
		}
		own := event(8, `{}`)
		own.Type, own.Own = "signed_in", true
		own.Time = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		s.Note(agent, own)
		broken := event(9, `not json`)
		_ = s.Take(t.Context(), agent, []keeper.Event{broken})
		s.Close()
		var got []string
		for _, m := range p.got {
			got = append(got, m.Type+" "+m.MsgID+" "+string(m.Data))
		}
		want := []string{
			`huawei.AgentState_Ready hq/291/7 {"specversion":"1.0","id":"hq/291/7","source":"/platforms/hq/agents/291","type":"huawei.AgentState_Ready","time":"2026-03-02T09:00:00.5Z","recordedtime":"2026-03-02T09:00:00.5Z","datacontenttype":"application/json","sequence":7,"data":{"workNo":"291","n":1.50}}`,
			`session.signed_in hq/291/8 {"specversion":"1.0","id":"hq/291/8","source":"/platforms/hq/agents/291","type":"session.signed_in","time":"2026-03-02T08:00:00Z","recordedtime":"2026-03-02T09:00:00.5Z","datacontenttype":"application/json","sequence":8,"data":{}}`,
			`huawei.AgentState_Ready hq/291/9 {"specversion":"1.0","id":"hq/291/9","source":"/platforms/hq/agents/291","type":"huawei.AgentState_Ready","time":"2026-03-02T09:00:00.5Z","recordedtime":"2026-03-02T09:00:00.5Z","datacontenttype":"application/json","sequence":9,"data":"not json"}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Take returns when the event is durable; Note does not wait; the order of one
// agent is kept over both.
func TestOrderAndWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{takes: 100 * time.Millisecond}
		s, _ := newStream(p)
		began := time.Now()
		s.Note(agent, event(1, `{}`))
		if took := time.Since(began); took != 0 {
			t.Errorf("Note waited %v", took)
		}
		if err := s.Take(t.Context(), agent, []keeper.Event{event(2, `{}`), event(3, `{}`)}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 100*time.Millisecond {
			t.Errorf("Take returned after %v, before the event was durable", took)
		}
		s.Close()
		for i, m := range p.got {
			if want := fmt.Sprintf("hq/291/%d", i+1); m.MsgID != want {
				t.Errorf("event %d is %s, want %s", i, m.MsgID, want)
			}
		}
	})
}

// Many agents share writes, and one event that can never be stored does not
// cost the others theirs.
func TestSharedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{takes: 50 * time.Millisecond, fail: func(events []store.Message) error {
			for _, m := range events {
				if strings.Contains(string(m.Data), "huge") {
					return store.ErrTooLarge
				}
			}
			return nil
		}}
		s, c := newStream(p)
		var agents sync.WaitGroup
		errs := make([]error, 1000)
		for i := range errs {
			agents.Go(func() {
				data := `{}`
				if i == 500 {
					data = `{"x":"huge"}`
				}
				errs[i] = s.Take(t.Context(), session.ID{Platform: "hq", Login: fmt.Sprint(i)}, []keeper.Event{event(1, data)})
			})
		}
		agents.Wait()
		s.Close()
		failed := 0
		for i, err := range errs {
			if err != nil {
				failed++
				if i != 500 && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("agent %d: %v", i, err)
				}
			}
		}
		if !errors.Is(errs[500], store.ErrTooLarge) && !errors.Is(errs[500], context.DeadlineExceeded) {
			t.Errorf("the event that is too large: %v", errs[500])
		}
		if c.dropped[DroppedTooLarge] != 1 || len(p.got) != 1000 { // a mark in its place
			t.Errorf("dropped %v, stored %d of 1000", c.dropped, len(p.got))
		}
	})
}

// gate makes a publisher fail, or hang, until it is opened.
type gate struct {
	mu   sync.Mutex
	open bool
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

func (g *gate) fail([]store.Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		return store.ErrUnavailable
	}
	return nil
}

// line is a stored event in short: its type's last part, and its number or what
// the gap says.
func line(t *testing.T, m store.Message) string {
	t.Helper()
	var c CloudEvent
	if err := json.Unmarshal(m.Data, &c); err != nil {
		t.Fatal(err)
	}
	if c.Type != GapType {
		return fmt.Sprintf("%s %s", m.ID.Login, c.Type[strings.IndexByte(c.Type, '.')+1:]+" "+fmt.Sprint(c.Sequence))
	}
	var g Gap
	if err := json.Unmarshal(c.Data, &g); err != nil {
		t.Fatal(err)
	}
	if g.Last != c.Sequence || c.ID != m.MsgID || g.Agent != m.ID.String() || g.Since.IsZero() || g.Until.Before(g.Since) {
		t.Errorf("a gap that contradicts itself: %s", m.Data)
	}
	return fmt.Sprintf("%s gap %s %d: %d-%d", m.ID.Login, g.Reason, g.Events, g.First, g.Last)
}

func lines(t *testing.T, p *publisher) (out []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		out = append(out, line(t, m))
	}
	return out
}

// A store that fails for a moment costs nothing. One that fails for longer
// costs the events that it was not asked to take in five seconds: they are
// counted, and their places marked before their agents' later events.
func TestStoreInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		p := &publisher{fail: g.fail}
		s, c := newStream(p)
		short := make(chan error, 1)
		go func() { short <- s.Take(t.Context(), agent, []keeper.Event{event(1, `{}`)}) }()
		time.Sleep(3 * time.Second)
		g.set(true)
		if err := <-short; err != nil {
			t.Errorf("a trouble of 3 s: %v", err)
		}

		g.set(false)
		var agents sync.WaitGroup
		for _, login := range []string{"a", "b"} {
			agents.Go(func() {
				id := session.ID{Platform: "hq", Login: login}
				for n := uint64(10); n < 13; n++ {
					began := time.Now()
					err := s.Take(t.Context(), id, []keeper.Event{event(n, `{}`)})
					if took := time.Since(began); err == nil || took != takeTimeout {
						t.Errorf("%s/%d: %v after %v", login, n, err, took)
					}
				}
				own := event(13, `{}`)
				own.Own, own.Type = true, "lost"
				s.Note(id, own)
				if err := s.Take(t.Context(), id, []keeper.Event{event(14, `{}`), event(15, `{}`)}); err == nil {
					t.Errorf("%s/14 was stored", login)
				}
			})
			synctest.Wait() // a is the first in the queue
		}
		agents.Wait()
		if c.dropped[DroppedStore] != 9 {
			t.Errorf("dropped %v while the store was away", c.dropped)
		}
		g.set(true)
		if err := s.Take(t.Context(), agent, []keeper.Event{event(16, `{}`)}); err != nil {
			t.Error(err)
		}
		s.Close()
		want := []string{
			"291 AgentState_Ready 1",
			"a AgentState_Ready 10", // on its way when the trouble began: late, not lost
			"b gap store 3: 10-12", "a gap store 2: 11-12",
			"a lost 13", "b lost 13", "a gap store 2: 14-15", "b gap store 2: 14-15",
			"291 AgentState_Ready 16",
		}
		got := lines(t, p)
		if diff := cmp.Diff(sortedByAgent(want), sortedByAgent(got)); diff != "" {
			t.Error(diff)
		}
		if c.dropped[DroppedStore] != 9 || len(c.dropped) != 1 {
			t.Errorf("dropped %v, want what the gaps say", c.dropped)
		}
	})
}

// What a platform pushes and the store does not take is refused: the mark does not
// call it lost, for the platform may send it again.
func TestPushedEventsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		p := &publisher{fail: g.fail}
		s, c := newStream(p)
		s.Note(session.ID{Platform: "hq", Login: "a"}, event(1, `{}`)) // on its way while the store fails
		synctest.Wait()
		pushed := event(1, `{}`)
		pushed.Again = true
		if err := s.Take(t.Context(), agent, []keeper.Event{pushed}); err == nil {
			t.Error("a store that fails took an event")
		}
		_ = s.Take(t.Context(), agent, []keeper.Event{event(2, `{}`)})
		g.set(true)
		pushed.Sequence = 3
		if err := s.Take(t.Context(), agent, []keeper.Event{pushed}); err != nil {
			t.Error(err)
		}
		s.Close()
		want := []string{"291 gap refused 1: 1-1", "291 gap store 1: 2-2", "291 AgentState_Ready 3", "a AgentState_Ready 1"}
		if diff := cmp.Diff(want, sortedByAgent(lines(t, p))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{DroppedRefused: 1, DroppedStore: 1}, c.dropped); diff != "" {
			t.Error(diff)
		}
	})
}

// sortedByAgent keeps the order of each agent.
func sortedByAgent(lines []string) []string {
	out := slices.Clone(lines)
	slices.SortStableFunc(out, func(a, b string) int {
		return strings.Compare(a[:strings.IndexByte(a, ' ')], b[:strings.IndexByte(b, ' ')])
	})
	return out
}

// What the store hangs over is offered again under the same ids, until it says
// what became of it.
func TestStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{takes: 8 * time.Second}
		s, c := newStream(p)
		err := s.Take(t.Context(), agent, []keeper.Event{event(1, `{}`)})
		if !errors.Is(err, errNotYet) {
			t.Errorf("Take of an event on its way: %v", err)
		}
		time.Sleep(takeTimeout)
		if got := lines(t, p); len(got) != 1 || len(c.dropped) != 0 {
			t.Errorf("stored %v, dropped %v", got, c.dropped)
		}
		s.Close()
	})
}

// A loss in the middle of one poll's events is marked in its place.
func TestTooLargeIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{fail: func(events []store.Message) error {
			if slices.ContainsFunc(events, func(m store.Message) bool { return strings.Contains(string(m.Data), "huge") }) {
				return store.ErrTooLarge
			}
			return nil
		}}
		s, c := newStream(p)
		err := s.Take(t.Context(), agent, []keeper.Event{event(1, `{}`), event(2, `{}`), event(3, `"huge"`), event(4, `{}`)})
		if !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("Take: %v", err)
		}
		s.Close()
		want := []string{"291 AgentState_Ready 1", "291 AgentState_Ready 2", "291 gap too_large 1: 3-3", "291 AgentState_Ready 4"}
		if diff := cmp.Diff(want, lines(t, p)); diff != "" || c.dropped[DroppedTooLarge] != 1 {
			t.Errorf("dropped %v; %s", c.dropped, diff)
		}
	})
}

// What was lost on its way to us is marked in its place, one mark for what follows
// each other, and counted; it is nothing that the store did.
func TestMissingIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: true}
		p := &publisher{fail: g.fail}
		s, c := newStream(p)
		missing := func(n uint64, why session.Missing) {
			e := event(n, "")
			e.Own, e.Missing = true, why
			s.Note(agent, e)
		}
		if err := s.Take(t.Context(), agent, []keeper.Event{event(1, `{}`)}); err != nil {
			t.Fatal(err)
		}
		g.set(false)
		s.Note(session.ID{Platform: "hq", Login: "z"}, event(1, `{}`)) // what the store hangs over
		time.Sleep(time.Second)
		missing(2, session.MissingCut)
		missing(3, session.MissingCut)
		missing(4, session.MissingTooLarge)
		g.set(true)
		if err := s.Take(t.Context(), agent, []keeper.Event{event(5, `{}`)}); err != nil {
			t.Fatal(err)
		}
		s.Close()
		want := []string{"291 AgentState_Ready 1", "291 gap cut 2: 2-3", "291 gap too_large 1: 4-4", "291 AgentState_Ready 5", "z AgentState_Ready 1"}
		if diff := cmp.Diff(want, sortedByAgent(lines(t, p))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{DroppedCut: 2, DroppedTooLarge: 1}, c.dropped); diff != "" {
			t.Error(diff)
		}
		for _, m := range p.got {
			if possible := strings.Contains(string(m.Data), `"possible":true`); possible != strings.Contains(string(m.Data), `"cut"`) {
				t.Errorf("%s", m.Data)
			}
		}
	})
}

// What cannot be stored before the end is counted, and the end is in time.
func TestCloseInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newStream(&publisher{fail: (&gate{}).fail})
		for n := range uint64(2000) {
			s.Note(session.ID{Platform: "hq", Login: fmt.Sprint(n)}, event(n, `{}`))
		}
		began := time.Now()
		s.Close()
		if took := time.Since(began); took != takeTimeout || c.dropped[DroppedStore] != 2000 {
			t.Errorf("Close took %v, dropped %v", took, c.dropped)
		}
	})
}

// Events of our own wait without limit in time, but not in number; what is
// beyond is one mark for each agent.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		p := &publisher{fail: g.fail}
		s, c := newStream(p)
		for n := range uint64(queueLimit + batchSize + 100) {
			own := event(n, `{}`)
			own.Own, own.Type = true, "lost"
			s.Note(agent, own)
		}
		c.mu.Lock()
		dropped := c.dropped[DroppedQueue]
		c.mu.Unlock()
		if dropped < 100 || dropped > batchSize+100 {
			t.Errorf("%d events dropped at the queue", dropped)
		}
		g.set(true)
		time.Sleep(2 * retryMax)
		s.Close()
		got := lines(t, p)
		if want := fmt.Sprintf("291 gap queue %d: ", dropped); len(got) != queueLimit+batchSize+100-dropped+1 || !strings.HasPrefix(got[len(got)-1], want) {
			t.Errorf("%d events stored, the last %s; want %s", len(got), got[len(got)-1], want)
		}
	})
}

// Agents of a store that comes and goes: whatever is not in the stream is
// counted and marked, in the agent's order.
func TestNothingIsLostInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		p := &publisher{fail: g.fail, takes: 20 * time.Millisecond}
		p.lies = true // what was stored may be answered as if it was not
		s, c := newStream(p)
		var agents sync.WaitGroup
		const events = 60
		for i := range 50 {
			agents.Go(func() {
				id := session.ID{Platform: "hq", Login: fmt.Sprint(i)}
				for n := uint64(1); n <= events; n++ {
					_ = s.Take(t.Context(), id, []keeper.Event{event(n, `{}`)})
					time.Sleep(time.Duration(i+1) * 10 * time.Millisecond)
				}
			})
		}
		for _, d := range []time.Duration{2, 21, 2, 9, 4, 31, 2} {
			g.set(d%2 == 0)
			time.Sleep(d * time.Second)
		}
		g.set(true)
		agents.Wait()
		s.Close()
		next, stored := map[string]uint64{}, map[string]bool{}
		lost := 0
		for _, m := range p.got {
			var c CloudEvent
			var gap Gap
			_ = json.Unmarshal(m.Data, &c)
			if stored[m.MsgID] {
				continue // offered again, as the store recognises by its id
			}
			first := c.Sequence
			if c.Type == GapType {
				_ = json.Unmarshal(c.Data, &gap)
				first, lost = gap.First, lost+gap.Events
			}
			if first != next[m.ID.Login]+1 {
				t.Fatalf("%s follows %d of agent %s", line(t, m), next[m.ID.Login], m.ID.Login)
			}
			next[m.ID.Login] = c.Sequence
			stored[m.MsgID] = true
		}
		for login, last := range next {
			if last != events {
				t.Errorf("agent %s ends at %d", login, last)
			}
		}
		if lost == 0 || lost != c.dropped[DroppedStore] || len(next) != 50 {
			t.Errorf("the stream says %d lost, the counter %v", lost, c.dropped)
		}
		t.Logf("%d events of %d lost, counted and marked", lost, 50*events)
	})
}

// What became durable is counted, with the time since the platform's answer.
func TestDurableIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{takes: 20 * time.Millisecond}
		s, c := newStream(p)
		e := event(1, `{}`)
		e.Received = time.Now().Add(-30 * time.Millisecond)
		_ = s.Take(t.Context(), agent, []keeper.Event{e, e})
		s.Note(agent, e)
		s.Close()
		want := []time.Duration{50 * time.Millisecond, 50 * time.Millisecond, 70 * time.Millisecond}
		if diff := cmp.Diff(want, c.took); diff != "" || c.delivered != 3 {
			t.Errorf("%d events durable after (-want +got):\n%s", c.delivered, diff)
		}
	})
}

// Whatever bytes a platform sends, consumers get JSON in UTF-8.
func TestEventsAreUTF8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		s, _ := newStream(p)
		for n, data := range []string{"{\"name\":\"cut \xe5\xba\"}", "no \xff JSON"} {
			if err := s.Take(t.Context(), agent, []keeper.Event{event(uint64(n+1), data)}); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		for _, m := range p.got {
			if !utf8.Valid(m.Data) || !json.Valid(m.Data) {
				t.Errorf("stored %q", m.Data)
			}
		}
	})
}
