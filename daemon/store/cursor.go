package store

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// cursor is how far one follower has come, and whom it tells.
type cursor struct {
	filter *matcher
	fn     func(events []*Event) error
	gap    func(Gap) error
	after  uint64
	upTo   uint64 // hand nothing over behind this position; 0: no end
	oldest bool   // begin with the oldest kept, whichever that is
	// stuckAt is the last position that could not be read and was told of.
	stuckAt uint64
}

func newCursor(after uint64, f Filter, fn func([]*Event) error, gap func(Gap) error) *cursor {
	if gap == nil {
		gap = func(Gap) error { return nil }
	}
	return &cursor{filter: f.compile(), fn: fn, gap: gap, after: after, oldest: after == 0}
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
	c.oldest, c.after = false, max(first, 1)-1
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
	return stopped(c.gap(gone))
}

// tell tells of what is gone between the cursor and a position. Whether any of it
// was chosen, nobody knows any more.
func (c *cursor) tell(gone []Gap, upTo uint64) error {
	for _, g := range gone {
		if g.To <= c.after || g.From > upTo {
			continue
		}
		c.after = max(c.after, g.From-1)
		if err := c.dropped(g.To + 1); err != nil {
			return err
		}
	}
	return nil
}

// take hands over those of the events that are chosen. The events are all that
// there are behind the cursor: where positions are missing, they are gone.
func (c *cursor) take(events []*Event) error {
	for len(events) > 0 {
		if err := c.dropped(events[0].Seq); err != nil {
			return err
		}
		n := 1
		for n < len(events) && events[n].Seq == events[n-1].Seq+1 {
			n++
		}
		if err := c.give(events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// give hands over those of the events that are chosen. Positions that are
// missing in between are those of other agents' events.
func (c *cursor) give(events []*Event) error {
	chosen := make([]*Event, 0, len(events))
	for _, ev := range events {
		if (c.upTo == 0 || ev.Seq <= c.upTo) && c.filter.matches(ev) {
			chosen = append(chosen, ev)
		}
	}
	if len(chosen) > 0 {
		if err := c.fn(chosen); err != nil {
			return &stoppedError{err}
		}
	}
	c.after = events[len(events)-1].Seq
	return nil
}

// enter asks the server which positions it has and brings the cursor there.
func (e *engine) enter(ctx context.Context, at *cursor) error {
	state, err := e.state(ctx)
	if err != nil {
		return err
	}
	return at.begin(state.FirstSeq, state.LastSeq)
}

// next hands over the next events behind the cursor, from memory where it has
// them, else from the disk.
func (e *engine) next(ctx context.Context, at *cursor) error {
	if err := e.tail.turn(ctx); err != nil {
		return err
	}
	if events, ok := e.tail.behind(at.after); ok {
		return at.take(events)
	}
	return e.catchUp(ctx, at)
}

// catchUp reads from the disk and hands over a few events behind the cursor.
func (e *engine) catchUp(ctx context.Context, at *cursor) error {
	upTo := e.tail.last() // what is behind that may be written while the server looks
	subject := at.filter.subject()
	events, err := e.old.read(ctx, subject, at.after+1)
	if err == nil && len(events) == 0 && subject != "" && at.after < upTo {
		subject, events, err = e.past(ctx, subject, at.after+1)
	}
	if err != nil {
		return err
	}
	if subject == "" && len(events) > 0 {
		if err := e.noteSkipped(ctx, at.after, events); err != nil {
			return err
		}
		return at.take(events)
	}
	// The positions say nothing here: other agents' events lie between, or none is
	// left. What the retention has dropped behind the cursor, the follower missed.
	state, err := e.state(ctx)
	if err != nil {
		return err
	}
	if len(events) > 0 {
		return e.giveSome(ctx, at, events, state)
	}
	return e.none(ctx, at, state, subject, upTo)
}

// none follows a read from the disk that found no event behind the cursor, though
// events up to upTo were written before.
func (e *engine) none(ctx context.Context, at *cursor, state jetstream.StreamState, subject string, upTo uint64) error {
	if err := at.dropped(state.FirstSeq); err != nil {
		return err
	}
	switch {
	case at.after >= upTo:
		return nil
	case subject == "":
		return e.unread(ctx, at, state)
	}
	gone, err := e.gone(ctx, state)
	if err != nil {
		return err
	}
	if err := at.tell(gone, upTo); err != nil {
		return err
	}
	at.after = max(at.after, upTo)
	return nil
}

// past looks for what lies behind a position where the server finds none of an
// agent's events: where there may be one that it cannot read, it reads the events
// of all, which come to a stop before it, and returns no subject.
func (e *engine) past(ctx context.Context, subject string, from uint64) (string, []*Event, error) {
	ended, err := e.old.ended(ctx, subject, from)
	if err != nil || ended {
		return subject, nil, err
	}
	events, err := e.old.read(ctx, "", from)
	return "", events, err
}

// unread deals with the next event behind the cursor, which the server keeps and
// does not give. Positions in front of it may be known to be gone.
func (e *engine) unread(ctx context.Context, at *cursor, state jetstream.StreamState) error {
	gone, err := e.gone(ctx, state)
	if err != nil {
		return err
	}
	next := at.after + 1
	for _, hole := range gone {
		if hole.From <= next && next <= hole.To {
			next = hole.To + 1
		}
	}
	if next > at.after+1 {
		return at.dropped(next)
	}
	if e.unreadable.damaged(next, time.Now()) {
		return at.dropped(next + 1)
	}
	return &unreadableError{next}
}

// giveSome hands over one agent's events, and tells of what is gone between
// them.
func (e *engine) giveSome(ctx context.Context, at *cursor, events []*Event, state jetstream.StreamState) error {
	if err := at.dropped(min(state.FirstSeq, events[0].Seq)); err != nil {
		return err
	}
	gone, err := e.gone(ctx, state)
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		return at.give(events)
	}
	for _, ev := range events {
		if err := at.tell(gone, ev.Seq); err != nil {
			return err
		}
		if err := at.give([]*Event{ev}); err != nil {
			return err
		}
	}
	return nil
}
