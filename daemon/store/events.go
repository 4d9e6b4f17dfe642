package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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

// subject returns what the server can filter by.
func (f Filter) subject() string {
	if f.Agent == (session.ID{}) {
		return "ev.>"
	}
	return agentKey("ev", f.Agent) + ".>"
}

// chooses decides without the server's help.
func (f Filter) chooses(subject string) bool {
	return strings.HasPrefix(subject, strings.TrimSuffix(f.subject(), ">")) && f.matches(subject)
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

// Follow calls fn with every chosen event behind position after, oldest first,
// and then with each new one, until ctx ends or fn fails; it returns that
// error. 0 is before the oldest event kept; for new events only, begin at
// [Store.LastSeq]. A position beyond the last event is taken for one of a store
// that was lost, and begins with the oldest. Follow outlasts trouble of the
// store. fn sees positions rise and must not keep data.
func (s *Store) Follow(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error) error {
	for {
		changed := s.Changed()
		e, _ := s.current()
		if e != nil {
			err := e.follow(ctx, &after, f, fn)
			var stopped *stoppedError
			if errors.As(err, &stopped) {
				return stopped.err
			}
			s.log.Debug("store: following the events again", "after", after, "error", err)
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

// stoppedError carries the error of Follow's callback.
type stoppedError struct{ err error }

func (e *stoppedError) Error() string { return e.err.Error() }

// follow delivers until something fails and keeps after up to date.
func (e *engine) follow(ctx context.Context, after *uint64, f Filter, fn func(uint64, []byte) error) error {
	stream, err := e.js.Stream(ctx, eventsName)
	if err != nil {
		return err
	}
	if *after > stream.CachedInfo().State.LastSeq {
		*after = 0
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{f.subject()},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: *after + 1,
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
		if err := e.deliver(ctx, messages, after, f, fn); err != nil {
			return err
		}
	}
}

func (e *engine) deliver(ctx context.Context, from jetstream.MessagesContext, after *uint64, f Filter, fn func(uint64, []byte) error) error {
	m, err := from.Next(jetstream.NextContext(ctx))
	if err != nil {
		return err
	}
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if f.matches(m.Subject()) {
		if err := fn(meta.Sequence.Stream, m.Data()); err != nil {
			return &stoppedError{err}
		}
	}
	*after = meta.Sequence.Stream
	return nil
}
