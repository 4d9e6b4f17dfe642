package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"agentkeeper/session"
)

// Message is one event on its way to the stream.
type Message struct {
	ID    session.ID // the agent that it is about
	Type  string     // for example "huawei.AgentState_Ready"
	MsgID string     // the same for every attempt to publish this event; repeats within 2 minutes are stored once
	Data  []byte     // as consumers get it
}

const headerNode = "Agentkeeper-Node"

// Publish appends events in order; all are durable when it returns nil. After
// any other error but [ErrTooLarge] some may be: publish all of them again,
// under the same MsgIDs. No fence: who took an event from a platform must be
// able to store it.
func (s *Store) Publish(ctx context.Context, events []Message) error {
	msgs := make([]*nats.Msg, len(events))
	for i, ev := range events {
		msgs[i] = &nats.Msg{Subject: eventSubject(ev.ID, ev.Type), Header: nats.Header{}, Data: ev.Data}
		msgs[i].Header.Set(headerNode, s.self.Node)
		if ev.MsgID != "" {
			msgs[i].Header.Set(headerMsgID, ev.MsgID)
		}
		if err := checkSize(msgs[i].Subject+ev.MsgID, ev.Data); err != nil {
			return fmt.Errorf("publish an event of %v: %w", ev.ID, err)
		}
	}
	for len(msgs) > 0 {
		n := min(len(msgs), maxBatch)
		if err := s.publish(ctx, msgs[:n]); err != nil {
			return fmt.Errorf("publish %d events: %w", len(events), err)
		}
		msgs = msgs[n:]
	}
	return nil
}

func (s *Store) publish(ctx context.Context, msgs []*nats.Msg) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	return e.events.submit(ctx, newGroup(noShard, msgs...))
}

// LastSeq returns the position of the newest event, 0 where there never was
// one. It fails with [ErrUnavailable] or ctx's error.
func (s *Store) LastSeq(ctx context.Context) (uint64, error) {
	e, err := s.current()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	stream, err := e.js.Stream(ctx, eventsName)
	if err != nil {
		return 0, unavailable(fmt.Errorf("ask for the last event: %w", err))
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// Filter chooses events. The zero Filter chooses all.
type Filter struct {
	Agent session.ID // zero: of all agents
	Types []string   // any of these, each a type or, with "*" at its end, the beginning of types; none: all types
}

// everything reports whether the server delivers all events: types are chosen
// on our side.
func (f Filter) everything() bool { return f.Agent == (session.ID{}) }

// subject returns what the server can filter by.
func (f Filter) subject() string {
	if f.everything() {
		return "ev.>"
	}
	return agentKey("ev", f.Agent) + ".>"
}

// matches compares types as tokens, for which beginnings stay beginnings.
func (f Filter) matches(subject string) bool {
	typ := subject[strings.LastIndexByte(subject, '.')+1:]
	for _, want := range f.Types {
		if start, ok := strings.CutSuffix(want, "*"); ok && (start == "" || strings.HasPrefix(typ, token(start))) {
			return true
		}
		if typ == typeToken(want) {
			return true
		}
	}
	return len(f.Types) == 0
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
// of the store. fn sees positions rise and must not keep data.
//
// Where events behind after, or behind the last one that fn has seen, are gone,
// gap is called in their place, before fn goes on behind them; nil is told
// nothing. A follower that begins at 0 has missed nothing at its beginning.
func (s *Store) Follow(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error, gap func(Gap) error) error {
	at := newCursor(after, f, fn, gap)
	for {
		changed := s.Changed()
		e, _ := s.current()
		if e != nil {
			err := e.follow(ctx, at)
			var stopped *stoppedError
			if errors.As(err, &stopped) {
				return stopped.err
			}
			s.log.Debug("store: following the events again", "after", at.after, "error", err)
		}
		if err := s.pause(ctx, e, changed); err != nil {
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
