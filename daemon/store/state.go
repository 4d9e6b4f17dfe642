package store

import (
	"context"
	"fmt"
	"strings"
)

// pair is a key with its value.
type pair struct {
	key   string
	value []byte
}

// read returns the keys of a kind that have a value. Without a running server it
// returns what Open could read, or fails with ErrUnavailable.
func (s *Store) read(ctx context.Context, kind string) (pairs []pair, err error) {
	s.mu.Lock()
	e := s.engine
	trouble := s.err
	snapshot := s.snapshot
	s.mu.Unlock()
	switch {
	case e != nil:
		err = e.read(ctx, kind+".>", func(key string, value []byte, _ uint64) { pairs = append(pairs, pair{key, value}) })
		if err != nil && ctx.Err() == nil {
			err = unavailable(err)
		}
		return pairs, err
	case snapshot == nil:
		return nil, trouble
	}
	for _, p := range snapshot {
		if strings.HasPrefix(p.key, kind+".") {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

// write makes one key durable.
func (s *Store) write(ctx context.Context, shard int, key string, value []byte) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	if err := checkSize(key, value); err != nil {
		return err
	}
	if err := e.keeper.submit(ctx, newGroup(shard, keyMsg(key, value))); err != nil {
		s.failed(e, err)
		return fmt.Errorf("store %s: %w", key, err)
	}
	return nil
}

func checkSize(subject string, value []byte) error {
	if len(subject) > maxSubject || len(value) > maxValue {
		return fmt.Errorf("%w: a name of %d bytes (at most %d) with %d bytes (at most %d)",
			ErrTooLarge, len(subject), maxSubject, len(value), maxValue)
	}
	return nil
}
