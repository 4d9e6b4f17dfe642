package store

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// caughtUp is how long a follower waits for an event until it counts as having
// seen all there are.
const caughtUp = time.Second

// cursor is how far one follower has come, and whom it tells.
type cursor struct {
	filter Filter
	fn     func(seq uint64, data []byte) error
	gap    func(Gap) error
	after  uint64
	oldest bool // begin with the oldest kept, whichever that is
	// behind: chosen events may be waiting behind after. A follower of one agent
	// that waits for the next of its events misses nothing when others are dropped.
	behind bool
}

func newCursor(after uint64, f Filter, fn func(uint64, []byte) error, gap func(Gap) error) *cursor {
	if gap == nil {
		gap = func(Gap) error { return nil }
	}
	return &cursor{filter: f, fn: fn, gap: gap, after: after, oldest: after == 0, behind: true}
}

// stoppedError carries the error of a follower's callback.
type stoppedError struct{ err error }

func (e *stoppedError) Error() string { return e.err.Error() }

func stopped(err error) error {
	if err != nil {
		return &stoppedError{err}
	}
	return nil
}

// begin brings the cursor to a place that the stream has, whose positions run
// from first to last; where it is empty, first is last+1, or 0.
func (c *cursor) begin(first, last uint64) error {
	lost := !c.oldest && c.after > last
	if !lost && !c.oldest {
		return c.dropped(first)
	}
	c.oldest, c.behind, c.after = false, true, max(first, 1)-1
	if lost {
		return stopped(c.gap(Gap{}))
	}
	return nil
}

// dropped tells of what is gone between the cursor and the first event kept.
func (c *cursor) dropped(first uint64) error {
	if first <= c.after+1 {
		return nil
	}
	gone := Gap{From: c.after + 1, To: first - 1}
	c.after = gone.To
	if !c.behind && !c.filter.everything() {
		return nil
	}
	return stopped(c.gap(gone))
}

// take hands one event over.
func (c *cursor) take(seq uint64, subject string, data []byte) error {
	if c.filter.matches(subject) {
		if err := c.fn(seq, data); err != nil {
			return &stoppedError{err}
		}
	}
	c.after, c.behind = seq, true
	return nil
}

// follow delivers until something fails. Each follower has a connection of its
// own: the server cuts off one that takes too little, and that must not be the
// one that the writes go by.
func (e *engine) follow(ctx context.Context, at *cursor) error {
	nc, err := e.dial()
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, eventsName)
	if err != nil {
		return err
	}
	state := stream.CachedInfo().State
	if err := at.begin(state.FirstSeq, state.LastSeq); err != nil {
		return err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{at.filter.subject()},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: at.after + 1,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		if err := e.deliver(ctx, stream, messages, at); err != nil {
			return err
		}
	}
}

func (e *engine) deliver(ctx context.Context, stream jetstream.Stream, from jetstream.MessagesContext, at *cursor) error {
	m, err := at.next(ctx, from)
	if err != nil {
		return err
	}
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if err := at.overtaken(ctx, stream, meta.Sequence.Stream); err != nil {
		return err
	}
	return at.take(meta.Sequence.Stream, m.Subject(), m.Data())
}

// next waits for the next event. After a second without one there was none to
// be had.
func (c *cursor) next(ctx context.Context, from jetstream.MessagesContext) (jetstream.Msg, error) {
	if !c.behind || c.filter.everything() {
		return from.Next(jetstream.NextContext(ctx))
	}
	lagging, cancel := context.WithTimeout(ctx, caughtUp)
	m, err := from.Next(jetstream.NextContext(lagging))
	cancel()
	if err == nil || lagging.Err() == nil || ctx.Err() != nil {
		return m, err
	}
	c.behind = false
	return from.Next(jetstream.NextContext(ctx))
}

// overtaken looks for a gap before the event at seq. A follower of everything
// sees it at once. One of a single agent skips others' events all the time, and
// what the retention has dropped was its own only while it lagged.
func (c *cursor) overtaken(ctx context.Context, stream jetstream.Stream, seq uint64) error {
	switch {
	case seq == c.after+1:
		return nil
	case c.filter.everything():
		return c.dropped(seq)
	case !c.behind:
		return nil
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	return c.dropped(min(info.State.FirstSeq, seq))
}
