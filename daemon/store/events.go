package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"agentkeeper/session"
)

// Message is one event on its way to the stream.
type Message struct {
	ID    session.ID // the agent that it is about
	Type  string     // for example "huawei.AgentState_Ready"
	MsgID string     // the same for every attempt to publish this event; repeats within 2 minutes are stored once
	Data  []byte     // as consumers get it; nobody may change it afterwards
	// Received is when the keeper got it, for those who measure the way to a
	// consumer; zero: unknown.
	Received time.Time
}

const headerNode = "Agentkeeper-Node"

// Publish appends events in order; all are durable when it returns nil. After
// any other error but [ErrTooLarge] some may be: publish all of them again,
// under the same MsgIDs. No fence: who took an event from a platform must be
// able to store it.
func (s *Store) Publish(ctx context.Context, events []Message) error {
	var groups []*group
	for part := range slices.Chunk(events, maxBatch) {
		g := newGroup(noShard)
		for _, ev := range part {
			m := &nats.Msg{Subject: eventSubject(ev.ID, ev.Type), Header: nats.Header{}, Data: ev.Data}
			m.Header.Set(headerNode, s.self.Node)
			if ev.MsgID != "" {
				m.Header.Set(headerMsgID, ev.MsgID)
			}
			if err := checkSize(m.Subject+ev.MsgID, ev.Data); err != nil {
				return fmt.Errorf("publish an event of %v: %w", ev.ID, err)
			}
			g.msgs = append(g.msgs, m)
			g.events = append(g.events, &Event{Data: ev.Data, Received: ev.Received, subject: m.Subject})
		}
		groups = append(groups, g)
	}
	for _, g := range groups {
		if err := s.submit(ctx, g); err != nil {
			return fmt.Errorf("publish %d events: %w", len(events), err)
		}
	}
	return nil
}

func (s *Store) submit(ctx context.Context, events *group) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	err = e.events.submit(ctx, events)
	s.failed(e, err)
	return err
}

// LastSeq returns the position of the newest event, 0 where there never was
// one. It does not block, and fails with [ErrUnavailable].
func (s *Store) LastSeq(context.Context) (uint64, error) {
	e, err := s.current()
	if err != nil {
		return 0, err
	}
	return e.tail.last(), nil
}

// Span returns the positions of the oldest event that is kept and of the newest
// that there ever was: what lies before first is gone. It fails as LastSeq.
func (s *Store) Span(ctx context.Context) (first, last uint64, err error) {
	e, err := s.current()
	if err != nil {
		return 0, 0, err
	}
	state, err := e.state(ctx)
	if err != nil {
		return 0, 0, unavailable(fmt.Errorf("ask for the events that are kept: %w", err))
	}
	return state.FirstSeq, state.LastSeq, nil
}

// Event is one event of the stream, as those who follow it get it. All of them
// share it: nobody may change it.
type Event struct {
	Seq  uint64 // its position, from 1 on
	Data []byte // as it was published
	// Stored is when it became durable.
	Stored time.Time
	// Received is [Message].Received; zero where the event was read from the disk.
	Received time.Time

	subject string
}

// Each makes a callback for [Store.Follow] and [Store.Read] out of one that
// takes one event at a time.
func Each(fn func(seq uint64, data []byte) error) func([]*Event) error {
	return func(events []*Event) error {
		for _, ev := range events {
			if err := fn(ev.Seq, ev.Data); err != nil {
				return err
			}
		}
		return nil
	}
}

// Gap is a part of the stream that is gone before a follower could see it: the
// retention dropped it, or the store that it was in was lost. Whether any of
// its events were chosen by the follower's filter, nobody knows any more.
type Gap struct {
	From, To uint64 // positions, both included; 0 and 0 after the loss of a store
}

// Lost reports whether the whole store was lost: the positions begin anew.
func (g Gap) Lost() bool { return g.To == 0 }

// Follow calls fn with every chosen event behind position after, oldest first,
// and then with each new one, until ctx ends or one of the callbacks fails; it
// returns that error. 0 is before the oldest event kept; for new events only,
// begin at [Store.LastSeq]. A position beyond the last event is taken for one
// of a store that was lost, and begins with the oldest. Follow outlasts trouble
// of the store. fn gets the events that are there, a few at a time (64 KiB of
// data, or one that is larger), their positions rising; it may take its time,
// which delays nobody else. With many followers each waits for its turn, at most
// about a tenth of a second for 256. A filter beyond the bounds fails at once.
//
// Where events behind after, or behind the last one that fn has seen, are gone,
// gap is called in their place, before fn goes on behind them; nil is told
// nothing. A follower that begins at 0 has missed nothing at its beginning.
func (s *Store) Follow(ctx context.Context, after uint64, f Filter, fn func(events []*Event) error, gap func(Gap) error) error {
	if err := f.Check(); err != nil {
		return err
	}
	at := newCursor(after, f, fn, gap)
	for {
		changed := s.Changed()
		e, _ := s.current()
		if e != nil {
			err := e.follow(ctx, at, changed)
			var stopped *stoppedError
			if errors.As(err, &stopped) {
				return stopped.err
			}
			s.following(ctx, at, err)
		}
		if err := s.pause(ctx, e, changed); err != nil {
			return err
		}
	}
}

// following says why a follower begins anew. An event that is kept and cannot
// be read holds the follower up, until it is taken for damaged.
func (s *Store) following(ctx context.Context, at *cursor, err error) {
	level := slog.LevelDebug
	if unreadable := new(unreadableError); errors.As(err, &unreadable) && at.stuckAt != unreadable.seq {
		level, at.stuckAt = slog.LevelError, unreadable.seq
	}
	s.log.Log(ctx, level, "store: following the events again", "after", at.after, "error", err)
}

// follow delivers until something fails.
func (e *engine) follow(ctx context.Context, at *cursor, changed <-chan struct{}) error {
	if err := e.enter(ctx, at); err != nil {
		return err
	}
	e.tail.follow()
	defer e.tail.leave()
	for {
		if err := e.tail.wait(ctx, changed, at.after); err != nil {
			return err
		}
		if err := e.next(ctx, at); err != nil {
			return err
		}
	}
}

// pause waits for a change of the engine, or a moment where there is one.
func (s *Store) pause(ctx context.Context, e *engine, changed <-chan struct{}) error {
	var moment <-chan time.Time
	if e != nil {
		moment = time.After(reopenFirst)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-moment:
	}
	return nil
}
