package store

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"

	"agentkeeper/session"
)

// Kind is one kind of value that is kept by name.
type Kind struct {
	prefix string // of its keys
	fenced bool   // its writes, by the shard of the name
	salt   string // before the name, for its shard
}

// The kinds of values. Those of agents are named by the agent's full name.
var (
	// Records are agents' records; see [SaveRecord].
	Records = Kind{prefix: "sess", fenced: true}
	// Wishes are people's overrides for agents.
	Wishes = Kind{prefix: "wish", fenced: true}
	// Gates are the lock-out budgets of platforms, by their address.
	Gates = Kind{prefix: "gate"}
	// Platforms are what is needed to sign a platform's agents out when it is
	// configured no longer. It must hold no secret.
	Platforms = Kind{prefix: "platform"}
	// Works are agents' working states and what persons wish of them.
	Works = Kind{prefix: "work", fenced: true}
	// Hooks are the positions of webhooks.
	Hooks = Kind{prefix: "hook", fenced: true, salt: "hook/"}
	// Commands are requests with a key against sending twice, and their outcomes.
	Commands = Kind{prefix: "command", fenced: true}
)

// String returns the kind's name in the keys.
func (k Kind) String() string { return k.prefix }

// key returns the key of a name and the shard whose token fences it.
func (k Kind) key(name string) (key string, shard int) {
	if !k.fenced {
		return k.prefix + "." + token(name), noShard
	}
	shard = shardOfName(k.salt + name)
	return fmt.Sprintf("%s.%04d.%s", k.prefix, shard, token(name)), shard
}

// nameIn reads the name back from a key that key made.
func (k Kind) nameIn(key string) (string, error) {
	parts, want := strings.Split(key, "."), 2
	if k.fenced {
		want = 3
	}
	if len(parts) != want || parts[0] != k.prefix {
		return "", fmt.Errorf("key %q is none of the kind %s", key, k)
	}
	name, err := untoken(parts[want-1])
	if err != nil {
		return "", fmt.Errorf("key %q: %w", key, err)
	}
	return name, nil
}

// shardOfName must never change: stored keys depend on it.
func shardOfName(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() % shards)
}

// Values keeps values by kind and name: a [Store], or a test's.
type Values interface {
	Put(ctx context.Context, kind Kind, name string, value []byte) error
	All(ctx context.Context, kind Kind) (map[string][]byte, error)
}

// Put stores a value; it is durable when Put returns nil. An empty one removes
// what the name had. Put blocks for the disk, and fails with [ErrUnavailable],
// [ErrFenced], [ErrTooLarge] or ctx's error.
func (s *Store) Put(ctx context.Context, kind Kind, name string, value []byte) error {
	key, shard := kind.key(name)
	return s.write(ctx, shard, key, value)
}

// All reads every value of a kind, by name. One whose name cannot be read is left
// out, with a line in the log. All fails with [ErrUnavailable] or ctx's error.
func (s *Store) All(ctx context.Context, kind Kind) (map[string][]byte, error) {
	pairs, err := s.read(ctx, kind.prefix)
	if err != nil {
		return nil, err
	}
	return s.named(kind, pairs), nil
}

func (s *Store) named(kind Kind, pairs []pair) map[string][]byte {
	all := make(map[string][]byte, len(pairs))
	for _, p := range pairs {
		name, err := kind.nameIn(p.key)
		if err != nil {
			s.log.Error("store: left out a value whose name cannot be read", "key", p.key, "error", err)
			continue
		}
		all[name] = p.value
	}
	return all
}

// SaveRecord stores an agent's record as [Store.Put] does.
func SaveRecord(ctx context.Context, v Values, id session.ID, r session.Record) error {
	data, err := encodeRecord(r)
	if err != nil {
		return err
	}
	return v.Put(ctx, Records, id.String(), data)
}

// LoadRecords reads all agents' records. One that cannot be read is left out,
// with a line in the log. It fails as [Store.All].
func LoadRecords(ctx context.Context, v Values, log *slog.Logger) (map[session.ID]session.Record, error) {
	values, err := v.All(ctx, Records)
	if err != nil {
		return nil, err
	}
	all := make(map[session.ID]session.Record, len(values))
	for name, data := range values {
		id, nameErr := session.ParseID(name)
		r, err := decodeRecord(data)
		if err = errors.Join(nameErr, err); err != nil {
			log.Error("store: left out a record that cannot be read", "name", name, "error", err)
			continue
		}
		all[id] = r
	}
	return all, nil
}

// Save stores an agent's record; see [SaveRecord].
func (s *Store) Save(ctx context.Context, id session.ID, r session.Record) error {
	return SaveRecord(ctx, s, id, r)
}

// Forget removes an agent's record.
func (s *Store) Forget(ctx context.Context, id session.ID) error {
	return s.Put(ctx, Records, id.String(), nil)
}

// Load reads all agents' records; see [LoadRecords].
func (s *Store) Load(ctx context.Context) (map[session.ID]session.Record, error) {
	return LoadRecords(ctx, s, s.log)
}
