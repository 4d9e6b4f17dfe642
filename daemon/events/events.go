package events

import (
	"container/list"
	"context"
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
	DroppedStore     = "store"     // the store could not take them in time
	DroppedRefused   = "refused"   // likewise, and the platform that pushes them was told: it may send them again
	DroppedTooLarge  = "too_large" // larger than the store takes, or than is read from a platform
	DroppedCut       = "cut"       // perhaps: an answer of the platform broke off after it had begun
	DroppedQueue     = "queue"     // too many events of our own while the store was away
	DroppedRetention = "retention" // older, or more, than the store is to keep; consumers may have seen them
)

// Reasons returns every reason for which events are dropped.
func Reasons() []string {
	return []string{DroppedStore, DroppedRefused, DroppedTooLarge, DroppedCut, DroppedQueue, DroppedRetention}
}

const (
	takeTimeout = 5 * time.Second // an agent's poll waits this long for the store at most
	batchSize   = 500             // events handed to the store at once
	queueLimit  = 50_000          // events of our own that may wait
	retryFirst  = 50 * time.Millisecond
	retryMax    = time.Second
)

// errNotYet is Take's answer for events that are not lost but late.
var errNotYet = errors.New("the store has not taken them yet; they follow when it does")

// Stream is a keeper's Sink. Create it with New, end it with Close.
type Stream struct {
	publisher Publisher
	counter   Counter
	vendorOf  func(platform string) string
	log       *slog.Logger

	ready   chan struct{} // something is queued
	closing chan struct{}
	done    chan struct{}
	end     context.CancelFunc // of every try to publish

	left int // events that the end came too early for; of the publishing goroutine

	mu     sync.Mutex // never held over I/O
	queue  *list.List // of *item, the oldest first
	newest map[session.ID]*item
	own    int  // events of our own in the queue
	losing bool // events were lost since the queue was last empty
}

// New returns a stream into p. vendorOf names the vendor of a platform.
func New(p Publisher, c Counter, vendorOf func(platform string) string, log *slog.Logger) *Stream {
	ctx, end := context.WithCancel(context.Background())
	s := &Stream{
		publisher: p, counter: c, vendorOf: vendorOf, log: log, end: end,
		ready: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		queue: list.New(), newest: map[session.ID]*item{},
	}
	go s.run(ctx)
	return s
}

// Close offers what is queued to the store, for up to five seconds in all.
func (s *Stream) Close() { s.CloseWithin(takeTimeout) }

// CloseWithin is Close with a shorter limit.
func (s *Stream) CloseWithin(most time.Duration) {
	close(s.closing)
	limit := time.AfterFunc(min(most, takeTimeout), s.end)
	<-s.done
	limit.Stop()
	s.end()
}

// Take implements keeper.Sink: it returns when the events are durable, or
// after five seconds. After an error they are lost, which is counted and marked,
// or late.
func (s *Stream) Take(ctx context.Context, id session.ID, events []keeper.Event) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	it := s.item(id, events)
	it.answer = make(chan error, 1)
	s.push(it)
	select {
	case err := <-it.answer:
		return err
	case <-ctx.Done():
	}
	if s.giveUp(it) {
		return fmt.Errorf("events of %v: %w", id, ctx.Err())
	}
	select {
	case err := <-it.answer: // at the last moment
		return err
	default:
		return fmt.Errorf("events of %v: %w", id, errNotYet)
	}
}

// Note implements keeper.Sink. A mark of events that are missing is counted as one
// that was dropped.
func (s *Stream) Note(id session.ID, e keeper.Event) {
	if e.Missing != session.MissingNone {
		s.missing(id, e)
		return
	}
	s.push(s.item(id, []keeper.Event{e}))
}

func (s *Stream) run(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case <-s.ready:
			s.drain(ctx)
		case <-s.closing:
			s.drain(ctx)
			if s.left > 0 {
				s.log.Error("the end came before the store took all events: the rest is lost", "events", s.left)
			}
			return
		}
	}
}

// drain publishes what is queued, many agents' events at a time.
func (s *Stream) drain(ctx context.Context) {
	for {
		batch := s.pop()
		if len(batch) == 0 {
			return
		}
		s.store(ctx, batch)
	}
}

// store returns once the fate of every letter is known: stored, refused for
// good, or the end of ctx. What the store did not answer about may be in the
// stream already, so it is offered again as it was, and nothing overtakes it.
func (s *Stream) store(ctx context.Context, batch []*letter) {
	for wait := retryFirst; ; wait = min(2*wait, retryMax) {
		err := ctx.Err()
		if err == nil {
			err = s.publisher.Publish(ctx, messages(batch))
		}
		switch {
		case err == nil:
			s.stored(batch)
			return
		case ctx.Err() != nil:
			s.abandon(batch, err)
			return
		case refused(err) && len(batch) > 1: // one of them; the others must not suffer
			half := len(batch) / 2
			s.store(ctx, batch[:half])
			s.store(ctx, batch[half:])
			return
		case refused(err):
			s.refused(ctx, batch[0], err)
			return
		}
		s.log.Debug("the store does not take events; offering them again", "events", len(batch), "in", wait.String(), "error", err)
		_ = session.Sleep(ctx, wait) // its end is seen above
	}
}

// refused reports whether the store will not take the events, however often they are offered.
func refused(err error) bool {
	return !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// stored answers those who wait, and says in the log what the stream now says
// of losses.
func (s *Stream) stored(batch []*letter) {
	var lost, agents, marks int
	now := time.Now()
	for _, l := range batch {
		switch gap := l.of.gap; {
		case gap == nil:
			s.counter.EventDelivery(Sink, max(now.Sub(l.received), 0))
		case gap.Reason == DroppedCut || gap.Reason == DroppedTooLarge: // not the store's doing
			marks++
		default:
			marks++
			agents++
			lost += gap.Events
		}
		l.of.settle(nil)
	}
	s.counter.EventsDelivered(Sink, len(batch)-marks)
	if agents > 0 {
		s.log.Warn("the store takes events again; those lost meanwhile are marked in the stream as session.gap", "events", lost, "agents", agents)
	}
}

// refused loses one event that can never be stored, and marks its place.
func (s *Stream) refused(ctx context.Context, l *letter, err error) {
	if l.of.gap != nil { // what marks a loss is small and well-formed
		s.log.Error("the mark of a gap in the events was refused", "agent", l.of.id.String(), "error", err)
		return
	}
	reason := l.of.reason()
	if errors.Is(err, store.ErrTooLarge) {
		reason = DroppedTooLarge
	}
	s.counter.EventsDropped(reason, 1)
	s.log.Error("an event was lost: the store refuses it", "agent", l.of.id.String(), "type", l.message.Type, "sequence", l.sequence, "error", err)
	mark := &item{id: l.of.id, gap: newGap(l.of.id, reason, l)}
	s.store(ctx, []*letter{mark.mark()})
	l.of.settle(err)
}

// abandon gives up at the end of the process.
func (s *Stream) abandon(batch []*letter, err error) {
	for _, l := range batch {
		if l.of.gap == nil {
			s.left++
			s.counter.EventsDropped(l.of.reason(), 1)
		}
		l.of.settle(err)
	}
}
