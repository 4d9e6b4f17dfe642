package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// readBatch is how many events are asked for at once.
const readBatch = 500

// Read calls fn with every chosen event that is kept now behind position after,
// oldest first, and returns: it is [Store.Follow] without waiting for more. It
// fails with [ErrUnavailable], ctx's error or fn's.
func (s *Store) Read(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	err = e.readEvents(ctx, after, f, fn)
	var told *readError
	switch {
	case errors.As(err, &told):
		return told.err
	case err != nil && ctx.Err() == nil:
		return unavailable(fmt.Errorf("read the events: %w", err))
	}
	return err
}

// readError carries the error of Read's callback.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

func (e *engine) readEvents(ctx context.Context, after uint64, f Filter, fn func(uint64, []byte) error) error {
	stream, err := e.js.Stream(ctx, eventsName)
	if err != nil {
		return err
	}
	last := stream.CachedInfo().State.LastSeq
	if after > last {
		after = 0
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{f.subject()},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		return err
	}
	for after < last {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := consumer.FetchNoWait(readBatch)
		if err != nil {
			return err
		}
		n := 0
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			if n, after = n+1, meta.Sequence.Stream; after > last {
				break
			}
			if !f.matches(m.Subject()) {
				continue
			}
			if err := fn(after, m.Data()); err != nil {
				return &readError{err}
			}
		}
		if err := batch.Error(); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
	return nil
}

// Read is as for [Store].
func (m *Memory) Read(ctx context.Context, after uint64, f Filter, fn func(seq uint64, data []byte) error) error {
	if err := m.Err(); err != nil {
		return err
	}
	m.disk.mu.Lock()
	events, last := slices.Clone(m.disk.events), m.disk.last
	m.disk.mu.Unlock()
	if after > last {
		after = 0
	}
	for _, ev := range events {
		if ev.seq <= after || !strings.HasPrefix(ev.subject, strings.TrimSuffix(f.subject(), ">")) || !f.matches(ev.subject) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(ev.seq, ev.data); err != nil {
			return err
		}
	}
	return nil
}
