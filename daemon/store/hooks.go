package store

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
)

// SaveHook stores a webhook's position as durably as Save, behind the fence of
// the hook's shard; an empty state removes it.
func (s *Store) SaveHook(ctx context.Context, name string, state []byte) error {
	return s.write(ctx, hookShard(name), hookKey(name), state)
}

// LoadHooks reads the positions of all webhooks.
func (s *Store) LoadHooks(ctx context.Context) (map[string][]byte, error) {
	pairs, err := s.read(ctx, "hook")
	if err != nil {
		return nil, err
	}
	return hooks(s.log, pairs), nil
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

// hookShard spreads the hooks over the shards as agents are.
func hookShard(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte("hook/" + name))
	return int(h.Sum32() % shards)
}

func hookKey(name string) string { return fmt.Sprintf("hook.%04d.%s", hookShard(name), token(name)) }

func hooks(log *slog.Logger, pairs []pair) map[string][]byte {
	all := make(map[string][]byte, len(pairs))
	for _, p := range pairs {
		name, err := untoken(p.key[strings.LastIndexByte(p.key, '.')+1:])
		if err != nil {
			log.Error("store: left out a webhook's position that cannot be read", "key", p.key, "error", err)
			continue
		}
		all[name] = p.value
	}
	return all
}

// SaveHook is as for [Store].
func (m *Memory) SaveHook(ctx context.Context, name string, state []byte) error {
	return m.write(ctx, hookKey(name), state)
}

// LoadHooks is as for [Store].
func (m *Memory) LoadHooks(context.Context) (map[string][]byte, error) {
	pairs, err := m.read("hook.")
	return hooks(slog.New(slog.DiscardHandler), pairs), err
}

// Span is as for [Store].
func (m *Memory) Span(context.Context) (first, last uint64, err error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	first = m.disk.last + 1
	if len(m.disk.events) > 0 {
		first = m.disk.events[0].Seq
	}
	return first, m.disk.last, m.Err()
}

// Drop removes the events up to a position, as the retention does.
func (m *Memory) Drop(upTo uint64) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	for len(m.disk.events) > 0 && m.disk.events[0].Seq <= upTo {
		m.disk.events = m.disk.events[1:]
	}
}
