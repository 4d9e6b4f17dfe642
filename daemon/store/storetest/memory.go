// Package storetest is for tests: [Memory] keeps the promises of [store.Store]
// without a disk, a goroutine or a server, so that they hold in virtual time,
// and fails when a test says so. Its own tests hold the two to one contract.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

const (
	keptEvents  = 100_000
	dedupWindow = 2 * time.Minute // in which an event's MsgID is recognised
	sliceEvents = 256             // that a reader gets at once
)

// Memory is a store without a disk, with the methods of [store.Store] and their
// promises but for the bounds of sizes.
type Memory struct {
	mu      sync.Mutex // never held during a wait
	disk    *disk
	err     error
	delay   time.Duration
	damage  store.Damage
	changed chan struct{}
}

// disk is what outlives a Memory: the next one goes on with it.
type disk struct {
	mu     sync.Mutex
	owner  *Memory // the only one that may write
	values map[store.Kind]map[string][]byte
	writes int
	events []event
	last   uint64               // position of the newest event
	ids    map[string]time.Time // of the events in the dedup window
	recent []recentID           // the same, oldest first
	grown  chan struct{}        // closed by the next event
}

type event struct {
	store.Event
	id  session.ID
	typ string
}

type recentID struct {
	id string
	at time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return onDisk(&disk{values: map[store.Kind]map[string][]byte{}, ids: map[string]time.Time{}, grown: make(chan struct{})})
}

func onDisk(d *disk) *Memory {
	m := &Memory{disk: d, changed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owner = m
	return m
}

// Restart returns the store as the next process finds it: all that was durable
// and nothing else. From then on every write of m fails with [store.ErrFenced].
func (m *Memory) Restart() *Memory { return onDisk(m.disk) }

// Fail makes every later call fail with [store.ErrUnavailable] around err, as a
// full disk would; nil ends the trouble. Nothing is written meanwhile.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = nil
	if err != nil {
		m.err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
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

// SetDamage makes Damage tell of d, as a start on a damaged disk does.
func (m *Memory) SetDamage(d store.Damage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.damage = d
}

// Drop removes the events up to a position, as the retention does.
func (m *Memory) Drop(upTo uint64) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	for len(m.disk.events) > 0 && m.disk.events[0].Seq <= upTo {
		m.disk.events = m.disk.events[1:]
	}
}

// Writes counts the durable writes of values so far, by all processes.
func (m *Memory) Writes() int {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.writes
}

// Err is as for [store.Store].
func (m *Memory) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Changed is as for [store.Store].
func (m *Memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Damage is as for [store.Store].
func (m *Memory) Damage() store.Damage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.damage
}

// Close makes every later call fail with [store.ErrUnavailable].
func (m *Memory) Close() error {
	m.Fail(errors.New("closed"))
	return nil
}

// Hash is as for [store.Store], with a key that is the same in every Memory.
func (m *Memory) Hash(secret session.Secret) string {
	if secret.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte("memory " + secret.Reveal()))
	return hex.EncodeToString(sum[:])
}

// Save is as for [store.Store].
func (m *Memory) Save(ctx context.Context, id session.ID, r session.Record) error {
	return store.SaveRecord(ctx, m, id, r)
}

// Forget is as for [store.Store].
func (m *Memory) Forget(ctx context.Context, id session.ID) error {
	return m.Put(ctx, store.Records, id.String(), nil)
}

// Load is as for [store.Store].
func (m *Memory) Load(ctx context.Context) (map[session.ID]session.Record, error) {
	return store.LoadRecords(ctx, m, slog.New(slog.DiscardHandler))
}

// Put is as for [store.Store].
func (m *Memory) Put(ctx context.Context, kind store.Kind, name string, value []byte) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owner != m {
		return store.ErrFenced
	}
	if d.values[kind] == nil {
		d.values[kind] = map[string][]byte{}
	}
	d.values[kind][name] = slices.Clone(value)
	if len(value) == 0 {
		delete(d.values[kind], name)
	}
	d.writes++
	return nil
}

// begin waits as long as a write takes, and fails as one would.
func (m *Memory) begin(ctx context.Context) error {
	m.mu.Lock()
	err, delay := m.err, m.delay
	m.mu.Unlock()
	if err != nil || delay <= 0 {
		return err
	}
	select {
	case <-time.After(delay):
		return m.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// All is as for [store.Store].
func (m *Memory) All(_ context.Context, kind store.Kind) (map[string][]byte, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	all := map[string][]byte{}
	maps.Copy(all, m.disk.values[kind])
	return all, nil
}

// Publish is as for [store.Store].
func (m *Memory) Publish(ctx context.Context, events []store.Message) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.disk.append(events, time.Now())
	return nil
}

func (d *disk) append(events []store.Message, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ev := range events {
		if !d.repeated(ev.MsgID, now) {
			d.last++
			stored := store.Event{Seq: d.last, Data: slices.Clone(ev.Data), Stored: now, Received: ev.Received}
			d.events = append(d.events, event{stored, ev.ID, ev.Type})
		}
	}
	if over := len(d.events) - keptEvents; over > keptEvents/10 {
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

// LastSeq is as for [store.Store].
func (m *Memory) LastSeq(ctx context.Context) (uint64, error) {
	_, last, err := m.Span(ctx)
	return last, err
}

// Span is as for [store.Store].
func (m *Memory) Span(context.Context) (first, last uint64, err error) {
	events, first, _ := m.disk.kept()
	return first, first + uint64(len(events)) - 1, m.Err()
}

// Follow is as for [store.Store].
func (m *Memory) Follow(ctx context.Context, after uint64, f store.Filter, fn func(events []*store.Event) error, gap func(store.Gap) error) error {
	if err := f.Check(); err != nil {
		return err
	}
	at := reader{after: after, oldest: after == 0, filter: f, fn: fn, gap: gap}
	for {
		changed := m.Changed()
		events, first, grown := m.disk.kept()
		if m.Err() == nil {
			if err := at.read(events, first); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		case <-changed:
		}
	}
}

// Read is as for [store.Store].
func (m *Memory) Read(ctx context.Context, after uint64, f store.Filter, fn func(events []*store.Event) error, gap func(store.Gap) error) error {
	if err := errors.Join(f.Check(), m.Err(), ctx.Err()); err != nil {
		return err
	}
	events, first, _ := m.disk.kept()
	at := reader{after: after, oldest: after == 0, filter: f, gap: gap, fn: func(events []*store.Event) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(events)
	}}
	return errors.Join(at.read(events, first), ctx.Err())
}

// kept returns the events, the position of the first (of the next where there
// is none) and what announces more.
func (d *disk) kept() (events []event, first uint64, grown <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.events, d.last + 1 - uint64(len(d.events)), d.grown
}

// reader is how far somebody has come who reads the events.
type reader struct {
	after  uint64
	oldest bool // begin with the oldest kept, whichever that is
	filter store.Filter
	fn     func(events []*store.Event) error
	gap    func(store.Gap) error // nil: tell nothing
}

// read tells what is gone behind the reader, and hands over what is chosen of the
// events kept, which begin at first.
func (r *reader) read(events []event, first uint64) error {
	if err := r.enter(first, first+uint64(len(events))-1); err != nil {
		return err
	}
	for part := range slices.Chunk(events[r.after+1-first:], sliceEvents) {
		var chosen []*store.Event
		for i := range part {
			if r.filter.Matches(part[i].id, part[i].typ) {
				chosen = append(chosen, &part[i].Event)
			}
		}
		if len(chosen) > 0 {
			if err := r.fn(chosen); err != nil {
				return err
			}
		}
		r.after = part[len(part)-1].Seq
	}
	return nil
}

// enter brings the reader to a place that the stream has.
func (r *reader) enter(first, last uint64) error {
	lost, gone := !r.oldest && r.after > last, store.Gap{}
	switch {
	case lost:
	case r.oldest || first <= r.after+1:
		r.after, r.oldest = max(r.after, first-1), false
		return nil
	default:
		gone = store.Gap{From: r.after + 1, To: first - 1}
	}
	r.after = first - 1
	if r.gap == nil {
		return nil
	}
	return r.gap(gone)
}
