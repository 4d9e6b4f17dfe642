package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// readBatch is how many events are asked for at once.
const readBatch = 500

// Read calls fn with every chosen event that is kept now behind position after,
// oldest first, and returns: it is [Store.Follow] without waiting for more, gaps
// included. It fails with [ErrUnavailable], ctx's error or a callback's.
func (s *Store) Read(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error, gap func(Gap) error) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	err = e.readEvents(ctx, newCursor(after, f, fn, gap))
	var told *stoppedError
	switch {
	case errors.As(err, &told):
		return told.err
	case err != nil && ctx.Err() == nil:
		return unavailable(fmt.Errorf("read the events: %w", err))
	}
	return err
}

func (e *engine) readEvents(ctx context.Context, at *cursor) error {
	stream, err := e.js.Stream(ctx, eventsName)
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
	for at.after < state.LastSeq {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := consumer.FetchNoWait(readBatch)
		if err != nil {
			return err
		}
		n, err := at.takeUpTo(ctx, stream, batch, state.LastSeq)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// takeUpTo hands a batch over, as far as last, and returns how many there were.
func (c *cursor) takeUpTo(ctx context.Context, stream jetstream.Stream, batch jetstream.MessageBatch, last uint64) (n int, err error) {
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return n, err
		}
		if n++; meta.Sequence.Stream > last {
			c.after = last
			break
		}
		if n == 1 || c.filter.everything() { // a batch was kept as a whole
			if err := c.overtaken(ctx, stream, meta.Sequence.Stream); err != nil {
				return n, err
			}
		}
		if err := c.take(meta.Sequence.Stream, m.Subject(), m.Data()); err != nil {
			return n, err
		}
	}
	return n, batch.Error()
}

// Read is as for [Store].
func (m *Memory) Read(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error, gap func(Gap) error) error {
	if err := m.Err(); err != nil {
		return err
	}
	events, first, _ := m.disk.kept()
	err := newCursor(after, f, func(seq uint64, data []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(seq, data)
	}, gap).all(events, first)
	var told *stoppedError
	if errors.As(err, &told) {
		return told.err
	}
	return err
}
