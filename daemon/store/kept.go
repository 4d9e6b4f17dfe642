package store

import (
	"context"
	"errors"
	"fmt"
)

// Read calls fn with every chosen event that is kept now behind position after,
// oldest first, and returns: it is [Store.Follow] without waiting for more, gaps
// included. It fails with [ErrUnavailable], ctx's error, a callback's or that of
// a filter beyond the bounds.
func (s *Store) Read(ctx context.Context, after uint64, f Filter, fn func(events []*Event) error, gap func(Gap) error) error {
	if err := f.Check(); err != nil {
		return err
	}
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
	if err := e.enter(ctx, at); err != nil {
		return err
	}
	last := e.tail.last()
	at.upTo = last
	for at.after < last {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.next(ctx, at); err != nil {
			return err
		}
	}
	return ctx.Err()
}
