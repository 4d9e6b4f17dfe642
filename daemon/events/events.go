// Package events puts the agents' events into the store's stream as
// CloudEvents 1.0, in order per agent, so that consumers find them there.
//
// A vendor's event is durable before its agent polls again, as long as the
// store takes it within a moment; where it does not, the session outranks the
// event: polling goes on and the loss is counted and logged. Our own events
// (session.signed_in …) never make an agent wait.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Publisher is the store's part in this.
type Publisher interface {
	Publish(ctx context.Context, events []store.Message) error
}

// Sink is the stream's name among the consumers that are counted.
const Sink = "store"

// Counter counts what was lost, and what became durable.
type Counter interface {
	EventsDropped(reason string, n int)
	EventsDelivered(sink string, n int)
	EventDelivery(sink string, took time.Duration)
}

// Why events are dropped.
const (
	DroppedStore    = "store"     // the store could not take them in time
	DroppedTooLarge = "too_large" // larger than the store takes
	DroppedQueue    = "queue"     // too many events of our own while the store was away
)

// Reasons returns every reason for which events are dropped.
func Reasons() []string { return []string{DroppedStore, DroppedTooLarge, DroppedQueue} }

const (
	takeTimeout = 5 * time.Second // an agent's poll waits this long for the store at most
	batchSize   = 500             // events handed to the store at once
	queueLimit  = 50_000          // events of our own that may wait
)

// Stream is a keeper's Sink. Create it with New, end it with Close.
type Stream struct {
	publisher Publisher
	counter   Counter
	vendorOf  func(platform string) string
	log       *slog.Logger

	ready chan struct{} // something is queued
	done  chan struct{}
	stop  context.CancelFunc

	mu    sync.Mutex
	queue []item
}

// item is one agent's events on their way, with the one who waits for them.
type item struct {
	messages []store.Message
	received time.Time  // when the platform's answer came
	answer   chan error // nil: nobody waits
}

// New returns a stream into p. vendorOf names the vendor of a platform.
func New(p Publisher, c Counter, vendorOf func(platform string) string, log *slog.Logger) *Stream {
	ctx, stop := context.WithCancel(context.Background())
	s := &Stream{publisher: p, counter: c, vendorOf: vendorOf, log: log, ready: make(chan struct{}, 1), done: make(chan struct{}), stop: stop}
	go s.run(ctx)
	return s
}

// Close offers what is queued to the store, for up to five seconds in all.
func (s *Stream) Close() {
	s.stop()
	<-s.done
}

// Take implements keeper.Sink: it returns when the events are durable, or
// after five seconds.
func (s *Stream) Take(ctx context.Context, id session.ID, events []keeper.Event) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	it := item{messages: s.messages(id, events), received: received(events), answer: make(chan error, 1)}
	s.push(it)
	select {
	case err := <-it.answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("events of %v: %w", id, ctx.Err())
	}
}

// Note implements keeper.Sink.
func (s *Stream) Note(id session.ID, e keeper.Event) {
	s.push(item{messages: s.messages(id, []keeper.Event{e}), received: e.Received})
}

// received is when the answer came that brought the events.
func received(events []keeper.Event) time.Time {
	if len(events) == 0 {
		return time.Time{}
	}
	return events[0].Received
}

func (s *Stream) push(it item) {
	s.mu.Lock()
	if it.answer == nil && len(s.queue) >= queueLimit {
		s.mu.Unlock()
		s.counter.EventsDropped(DroppedQueue, len(it.messages))
		return
	}
	s.queue = append(s.queue, it)
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *Stream) run(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case <-s.ready:
			s.drain(context.WithoutCancel(ctx))
		case <-ctx.Done():
			s.finish(context.WithoutCancel(ctx))
			return
		}
	}
}

// finish drains for a while.
func (s *Stream) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	s.drain(ctx)
}

// drain publishes what is queued, many agents' events at a time.
func (s *Stream) drain(ctx context.Context) {
	for {
		batch := s.pop()
		if len(batch) == 0 {
			return
		}
		var messages []store.Message
		for _, it := range batch {
			messages = append(messages, it.messages...)
		}
		err := s.publish(ctx, messages)
		if errors.Is(err, store.ErrTooLarge) && len(batch) > 1 {
			for _, it := range batch { // one of them; the others must not suffer
				s.answer(it, s.publish(ctx, it.messages))
			}
			continue
		}
		for _, it := range batch {
			s.answer(it, err)
		}
	}
}

func (s *Stream) publish(ctx context.Context, messages []store.Message) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	return s.publisher.Publish(ctx, messages)
}

// pop takes the oldest items, together about batchSize events.
func (s *Stream) pop() []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, events := 0, 0
	for n < len(s.queue) && events < batchSize {
		events += len(s.queue[n].messages)
		n++
	}
	batch := s.queue[:n:n]
	s.queue = s.queue[n:]
	return batch
}

func (s *Stream) answer(it item, err error) {
	if err != nil {
		reason := DroppedStore
		if errors.Is(err, store.ErrTooLarge) {
			reason = DroppedTooLarge
		}
		s.counter.EventsDropped(reason, len(it.messages))
		s.log.Debug("events dropped", "events", len(it.messages), "reason", reason, "error", err)
	} else {
		s.durable(it)
	}
	if it.answer != nil {
		it.answer <- err
	}
}

// durable counts events that the store has taken.
func (s *Stream) durable(it item) {
	s.counter.EventsDelivered(Sink, len(it.messages))
	took := max(time.Since(it.received), 0)
	for range it.messages {
		s.counter.EventDelivery(Sink, took)
	}
}

// CloudEvent is an event as consumers get it.
type CloudEvent struct {
	SpecVersion string          `json:"specversion"` // "1.0"
	ID          string          `json:"id"`          // the same over every redelivery
	Source      string          `json:"source"`      // /platforms/hq/agents/291
	Type        string          `json:"type"`        // huawei.AgentState_Ready, session.signed_in
	Time        time.Time       `json:"time"`
	Recorded    time.Time       `json:"recordedtime"` // when we received it, by our clock
	ContentType string          `json:"datacontenttype"`
	Sequence    uint64          `json:"sequence"` // per agent, rising
	Data        json.RawMessage `json:"data"`     // the whole vendor object, untouched
}

func (s *Stream) messages(id session.ID, events []keeper.Event) []store.Message {
	out := make([]store.Message, len(events))
	for i, e := range events {
		c := s.cloudEvent(id, e)
		data, err := json.Marshal(c)
		if err != nil { // the vendor's object is no JSON: keep it as text
			c.Data, _ = json.Marshal(string(e.Data))
			data, _ = json.Marshal(c)
		}
		out[i] = store.Message{ID: id, Type: c.Type, MsgID: c.ID, Data: data}
	}
	return out
}

func (s *Stream) cloudEvent(id session.ID, e keeper.Event) CloudEvent {
	prefix := "session"
	if !e.Own {
		prefix = s.vendorOf(id.Platform)
	}
	at := e.Time
	if at.IsZero() {
		at = e.Received
	}
	data := e.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	return CloudEvent{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s/%d", id, e.Sequence), Source: "/platforms/" + id.Platform + "/agents/" + id.Login,
		Type: prefix + "." + e.Type, Time: at.UTC(), Recorded: e.Received.UTC(), ContentType: "application/json", Sequence: e.Sequence, Data: data,
	}
}
