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
// oldest first, and gap where some are gone, and returns: it is [Store.Follow]
// without waiting for more. It fails with [ErrUnavailable], ctx's error or that
// of a callback.
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
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err = at.readBatch(ctx, stream, consumer, state.LastSeq); err != nil {
			return err
		}
	}
	return nil
}

// readBatch hands events over up to position last, and reports whether there may
// be more.
func (c *cursor) readBatch(ctx context.Context, stream jetstream.Stream, from jetstream.Consumer, last uint64) (more bool, err error) {
	if c.after >= last {
		return false, nil
	}
	batch, err := from.FetchNoWait(readBatch)
	if err != nil {
		return false, err
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		seq := meta.Sequence.Stream
		if seq > last {
			return false, nil
		}
		if err := c.overtaken(ctx, stream, seq); err != nil {
			return false, err
		}
		if err := c.take(seq, m.Subject(), m.Data()); err != nil {
			return false, err
		}
		more = true
	}
	return more, batch.Error()
}

// Read is as for [Store].
func (m *Memory) Read(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error, gap func(Gap) error) error {
	if err := errors.Join(m.Err(), ctx.Err()); err != nil {
		return err
	}
	events, first, _ := m.disk.kept()
	err := newCursor(after, f, fn, gap).all(events, first)
	var told *stoppedError
	if errors.As(err, &told) {
		return told.err
	}
	return err
}
