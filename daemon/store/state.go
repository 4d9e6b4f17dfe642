package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"agentkeeper/session"
)

// pair is a key with its value.
type pair struct {
	key   string
	value []byte
}

// read returns the living keys that match filter. Without a running server it
// returns what Open could read, or fails with ErrUnavailable.
func (s *Store) read(ctx context.Context, kind string) (pairs []pair, err error) {
	s.mu.Lock()
	e, trouble, snapshot := s.engine, s.err, s.snapshot
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

// Save stores an agent's record; it is durable when Save returns nil. It
// blocks for the disk, and fails with [ErrUnavailable], [ErrFenced],
// [ErrTooLarge] or ctx's error.
func (s *Store) Save(ctx context.Context, id session.ID, r session.Record) error {
	data, err := encodeRecord(r)
	if err != nil {
		return err
	}
	return s.write(ctx, shardOf(id), agentKey("sess", id), data)
}

// Forget removes an agent's record as durably as Save stores it.
func (s *Store) Forget(ctx context.Context, id session.ID) error {
	return s.write(ctx, shardOf(id), agentKey("sess", id), nil)
}

// Load reads all agents' records. A record that cannot be read is left out,
// with a line in the log.
func (s *Store) Load(ctx context.Context) (map[session.ID]session.Record, error) {
	pairs, err := s.read(ctx, "sess")
	if err != nil {
		return nil, err
	}
	return records(s.log, pairs), nil
}

func records(log *slog.Logger, pairs []pair) map[session.ID]session.Record {
	all := make(map[session.ID]session.Record, len(pairs))
	for _, p := range pairs {
		id, nameErr := agentOf(p.key)
		r, err := decodeRecord(p.value)
		if err = errors.Join(nameErr, err); err != nil {
			log.Error("store: left out a record that cannot be read", "key", p.key, "error", err)
			continue
		}
		all[id] = r
	}
	return all
}

// SaveWish stores a person's override for an agent as durably as Save; an empty
// state removes it.
func (s *Store) SaveWish(ctx context.Context, id session.ID, state []byte) error {
	return s.write(ctx, shardOf(id), agentKey("wish", id), state)
}

// LoadWishes reads all overrides.
func (s *Store) LoadWishes(ctx context.Context) (map[session.ID][]byte, error) {
	pairs, err := s.read(ctx, "wish")
	if err != nil {
		return nil, err
	}
	return wishes(s.log, pairs), nil
}

func wishes(log *slog.Logger, pairs []pair) map[session.ID][]byte {
	all := make(map[session.ID][]byte, len(pairs))
	for _, p := range pairs {
		id, err := agentOf(p.key)
		if err != nil {
			log.Error("store: left out an override that cannot be read", "key", p.key, "error", err)
			continue
		}
		all[id] = p.value
	}
	return all
}

// SaveGate stores a platform's lock-out budget as durably as Save, without a
// fence; an empty state removes it.
func (s *Store) SaveGate(ctx context.Context, platform string, state []byte) error {
	return s.write(ctx, noShard, gateKey(platform), state)
}

// LoadGates reads the budgets of all platforms.
func (s *Store) LoadGates(ctx context.Context) (map[string][]byte, error) {
	pairs, err := s.read(ctx, "gate")
	if err != nil {
		return nil, err
	}
	return byPlatform(s.log, "gate.", pairs), nil
}

// SavePlatform stores what is needed to sign a platform's agents out when it is
// configured no longer, as durably as Save, without a fence; an empty state
// removes it. It must hold no secret.
func (s *Store) SavePlatform(ctx context.Context, platform string, state []byte) error {
	return s.write(ctx, noShard, platformKey(platform), state)
}

// LoadPlatforms reads what is stored of all platforms.
func (s *Store) LoadPlatforms(ctx context.Context) (map[string][]byte, error) {
	pairs, err := s.read(ctx, "platform")
	if err != nil {
		return nil, err
	}
	return byPlatform(s.log, "platform.", pairs), nil
}

func platformKey(platform string) string { return "platform." + token(platform) }

func gateKey(platform string) string { return "gate." + token(platform) }

// byPlatform reads the names of platforms behind a prefix of the keys.
func byPlatform(log *slog.Logger, prefix string, pairs []pair) map[string][]byte {
	all := make(map[string][]byte, len(pairs))
	for _, p := range pairs {
		platform, err := untoken(strings.TrimPrefix(p.key, prefix))
		if err != nil {
			log.Error("store: left out what is stored of a platform, whose name cannot be read", "key", p.key, "error", err)
			continue
		}
		all[platform] = p.value
	}
	return all
}
