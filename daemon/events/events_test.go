package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
		own.Type, own.Own, own.Time = "signed_in", true, time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
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
		if c.dropped[DroppedTooLarge] != 1 || len(p.got) != 999 {
			t.Errorf("dropped %v, stored %d of 999", c.dropped, len(p.got))
		}
	})
}

// A store that fails or hangs costs the events, counted, and never more than
// the time limit.
func TestStoreInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, p := range map[string]*publisher{
			"fails": {fail: func([]store.Message) error { return store.ErrUnavailable }},
			"hangs": {takes: time.Hour},
		} {
			s, c := newStream(p)
			began := time.Now()
			err := s.Take(t.Context(), agent, []keeper.Event{event(1, `{}`), event(2, `{}`)})
			if took := time.Since(began); err == nil || took > takeTimeout {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			s.Close()
			if c.dropped[DroppedStore] != 2 {
				t.Errorf("%s: dropped %v", name, c.dropped)
			}
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{takes: time.Hour}
		s, c := newStream(p)
		for i := range queueLimit + batchSize + 100 {
			s.Note(agent, event(uint64(i), `{}`))
		}
		c.mu.Lock()
		dropped := c.dropped[DroppedQueue]
		c.mu.Unlock()
		if dropped < 100 || dropped > batchSize+100 {
			t.Errorf("%d events dropped at the queue", dropped)
		}
		s.Close()
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
