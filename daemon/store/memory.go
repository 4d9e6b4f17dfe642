package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"agentkeeper/session"
)

const memoryEvents = 100_000 // kept by Memory

// Memory is a store without a disk, with the methods of [Store] and their
// promises, for tests in virtual time: it has no goroutine and uses only
// package time. Its failures and delays are whatever a test says.
type Memory struct {
	mu      sync.Mutex // never held during a wait
	disk    *disk
	err     error
	delay   time.Duration
	damage  Damage
	changed chan struct{}
}

// disk is what outlives a Memory: the next one goes on with it.
type disk struct {
	mu     sync.Mutex
	owner  *Memory // the only one that may write
	keys   map[string][]byte
	events []*Event
	last   uint64
	ids    map[string]time.Time // of the events in the dedup window
	recent []recentID           // the same, oldest first
	grown  chan struct{}        // closed by the next event
	saves  int
}

type recentID struct {
	id string
	at time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return onDisk(&disk{keys: map[string][]byte{}, ids: map[string]time.Time{}, grown: make(chan struct{})})
}

func onDisk(d *disk) *Memory {
	m := &Memory{disk: d, changed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owner = m
	return m
}

// Restart returns the store as the next process finds it: all that was durable
// and nothing else. From then on every write of m fails with [ErrFenced].
func (m *Memory) Restart() *Memory { return onDisk(m.disk) }

// Fail makes every later call fail with [ErrUnavailable] around err, as a full
// disk would; nil ends the trouble. Nothing is written meanwhile.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = nil
	if err != nil {
		m.err = unavailable(err)
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// Delay makes every later write take d; it is durable at the end of it.
func (m *Memory) Delay(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay = d
}

// Writes counts the durable writes of keys so far, by all processes.
func (m *Memory) Writes() int {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.saves
}

// Err is as for [Store].
func (m *Memory) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Changed is as for [Store].
func (m *Memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Close makes every later call fail with [ErrUnavailable].
func (m *Memory) Close() error {
	m.Fail(fmt.Errorf("%w: closed", ErrUnavailable))
	return nil
}

// Hash is as for [Store], with a key that is the same in every Memory.
func (m *Memory) Hash(secret session.Secret) string { return keyedHash([]byte("memory"), secret) }

// Save is as for [Store].
func (m *Memory) Save(ctx context.Context, id session.ID, r session.Record) error {
	data, err := encodeRecord(r)
	if err != nil {
		return err
	}
	return m.write(ctx, agentKey("sess", id), data)
}

// Forget is as for [Store].
func (m *Memory) Forget(ctx context.Context, id session.ID) error {
	return m.write(ctx, agentKey("sess", id), nil)
}

// Load is as for [Store].
func (m *Memory) Load(context.Context) (map[session.ID]session.Record, error) {
	pairs, err := m.read("sess.")
	return records(slog.New(slog.DiscardHandler), pairs), err
}

// SaveWish is as for [Store].
func (m *Memory) SaveWish(ctx context.Context, id session.ID, state []byte) error {
	return m.write(ctx, agentKey("wish", id), state)
}

// LoadWishes is as for [Store].
func (m *Memory) LoadWishes(context.Context) (map[session.ID][]byte, error) {
	pairs, err := m.read("wish.")
	return wishes(slog.New(slog.DiscardHandler), pairs), err
}

// SaveGate is as for [Store].
func (m *Memory) SaveGate(ctx context.Context, platform string, state []byte) error {
	return m.write(ctx, gateKey(platform), state)
}

// LoadGates is as for [Store].
func (m *Memory) LoadGates(context.Context) (map[string][]byte, error) {
	pairs, err := m.read("gate.")
	return byPlatform(slog.New(slog.DiscardHandler), "gate.", pairs), err
}

// SavePlatform is as for [Store].
func (m *Memory) SavePlatform(ctx context.Context, platform string, state []byte) error {
	return m.write(ctx, platformKey(platform), state)
}

// LoadPlatforms is as for [Store].
func (m *Memory) LoadPlatforms(context.Context) (map[string][]byte, error) {
	pairs, err := m.read("platform.")
	return byPlatform(slog.New(slog.DiscardHandler), "platform.", pairs), err
}

// begin waits as long as a write takes, and fails as one would.
func (m *Memory) begin(ctx context.Context) error {
	m.mu.Lock()
	err, delay := m.err, m.delay
	m.mu.Unlock()
	if err != nil || delay <= 0 {
		return err
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return m.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Memory) write(ctx context.Context, key string, value []byte) error {
	if err := checkSize(key, value); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owner != m {
		return ErrFenced
	}
	d.keys[key] = slices.Clone(value)
	d.saves++
	return nil
}

func (m *Memory) read(prefix string) (pairs []pair, err error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(d.keys)) {
		if strings.HasPrefix(key, prefix) && len(d.keys[key]) > 0 {
			pairs = append(pairs, pair{key, slices.Clone(d.keys[key])})
		}
	}
	return pairs, nil
}

// Publish is as for [Store].
func (m *Memory) Publish(ctx context.Context, events []Message) error {
	for _, ev := range events {
		if err := checkSize(eventSubject(ev.ID, ev.Type)+ev.MsgID, ev.Data); err != nil {
			return err
		}
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.disk.append(events, time.Now())
	return nil
}

func (d *disk) append(events []Message, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ev := range events {
		if !d.repeated(ev.MsgID, now) {
			d.last++
			d.events = append(d.events, &Event{
				Seq: d.last, Data: slices.Clone(ev.Data), Stored: now, Received: ev.Received, subject: eventSubject(ev.ID, ev.Type),
			})
		}
	}
	if over := len(d.events) - memoryEvents; over > memoryEvents/10 {
		d.events = slices.Clone(d.events[over:])
	}
	close(d.grown)
	d.grown = make(chan struct{})
}

// repeated notes an event's id and tells whether it is in the window already.
func (d *disk) repeated(id string, now time.Time) bool {
	for len(d.recent) > 0 && now.Sub(d.recent[0].at) >= dedupWindow {
		delete(d.ids, d.recent[0].id)
		d.recent = d.recent[1:]
	}
	if _, known := d.ids[id]; known || id == "" {
		return known
	}
	d.ids[id] = now
	d.recent = append(d.recent, recentID{id, now})
	return false
}

// LastSeq is as for [Store].
func (m *Memory) LastSeq(context.Context) (uint64, error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.last, m.Err()
}

// Follow is as for [Store].
func (m *Memory) Follow(ctx context.Context, after uint64, f Filter, fn func(events []*Event) error, gap func(Gap) error) error {
	if err := f.Check(); err != nil {
		return err
	}
	at := newCursor(after, f, fn, gap)
	for {
		changed := m.Changed()
		events, first, grown := m.disk.kept()
		err := m.Err()
		if err == nil {
			err = at.all(events, first)
		}
		var stopped *stoppedError
		if errors.As(err, &stopped) {
			return stopped.err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		case <-changed:
		}
	}
}

// all hands over what is chosen of the events kept, which begin at first.
func (c *cursor) all(events []*Event, first uint64) error {
	if err := c.begin(first, first+uint64(len(events))-1); err != nil {
		return err
	}
	for part := range slices.Chunk(events[c.after+1-first:], sliceEvents) {
		if err := c.take(part); err != nil {
			return err
		}
	}
	return nil
}

// kept returns the events, the position of the first (of the next where there
// is none) and what announces more.
func (d *disk) kept() (events []*Event, first uint64, grown <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.events, d.last + 1 - uint64(len(d.events)), d.grown
}
