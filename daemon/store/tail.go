package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"agentkeeper/session"
)

// The bounds of what followers cost. A turn hands at most sliceBytes to one
// follower, and there are so many turns a second for all of them together: a
// follower that is alone never waits, of 256 each gets a turn about every tenth
// of a second.
const (
	tailEvents  = 8192
	tailBytes   = 4 << 20 // of data, but for one event
	sliceEvents = 256
	sliceBytes  = 64 << 10 // of data, but for one event
	turns       = 2500     // a second, of all followers together
	turnBurst   = 16
)

// tail is the newest part of the stream in memory, as the committer wrote it.
// All who follow the events share it, so that a new event is read from the disk
// for none of them; while nobody follows them it is empty. It has no goroutine, and a follower holds its lock for no
// longer than it takes to copy a few pointers.
type tail struct {
	pace *rate.Limiter

	mu        sync.Mutex
	followers int
	events    []*Event // positions without a hole, up to newest
	bytes     int
	newest    uint64 // position of the newest durable event
	grown     chan struct{}
	waited    bool // somebody waits for grown
}

func newTail(newest uint64) *tail {
	return &tail{pace: rate.NewLimiter(turns, turnBurst), newest: newest, grown: make(chan struct{})}
}

// follow counts somebody who follows the events, until leave.
func (t *tail) follow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers++
}

func (t *tail) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.followers--; t.followers == 0 {
		t.drop(len(t.events))
	}
}

// drop forgets the oldest events. With the lock held.
func (t *tail) drop(n int) {
	for i, ev := range t.events[:n] {
		t.bytes -= len(ev.Data)
		t.events[i] = nil
	}
	if t.events = t.events[n:]; len(t.events) == 0 {
		t.events = nil
	}
}

// add takes events that became durable, and their acknowledgements. Events that
// were rejected, or stored before, are left out.
func (t *tail) add(events []*Event, acks []ack) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, ev := range events {
		if acks[i].err != nil || acks[i].seq <= t.newest {
			continue
		}
		if acks[i].seq != t.newest+1 { // those between are only on the disk
			t.drop(len(t.events))
		}
		ev.Seq, ev.Stored = acks[i].seq, now
		t.newest = ev.Seq
		if t.followers > 0 {
			t.events, t.bytes = append(t.events, ev), t.bytes+len(ev.Data)
		}
	}
	for len(t.events) > 1 && (len(t.events) > tailEvents || t.bytes > tailBytes) {
		t.drop(1)
	}
}

// announce wakes those who wait for what add took.
func (t *tail) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waited {
		close(t.grown)
		t.grown, t.waited = make(chan struct{}), false
	}
}

func (t *tail) last() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest
}

// behind returns the next few events behind a position, none where there is no
// newer one; false where the tail does not reach back so far.
func (t *tail) behind(after uint64) ([]*Event, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if after >= t.newest {
		return nil, true
	}
	first := t.newest + 1 - uint64(len(t.events))
	if after+1 < first {
		return nil, false
	}
	from := t.events[after+1-first:]
	n, bytes := 0, 0
	for n < min(len(from), sliceEvents) {
		if bytes += len(from[n].Data); n > 0 && bytes > sliceBytes {
			break
		}
		n++
	}
	return append([]*Event(nil), from[:n]...), true
}

var errChanged = errors.New("the store changed")

// wait returns when there is an event behind a position, or with an error when
// ctx ends or changed is closed.
func (t *tail) wait(ctx context.Context, changed <-chan struct{}, after uint64) error {
	for {
		t.mu.Lock()
		newest, grown := t.newest, t.grown
		if newest <= after {
			t.waited = true
		}
		t.mu.Unlock()
		if newest > after {
			return ctx.Err()
		}
		select {
		case <-grown:
		case <-changed:
			return errChanged
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turn waits until it is this follower's turn.
func (t *tail) turn(ctx context.Context) error {
	place := t.pace.Reserve()
	err := session.Sleep(ctx, place.Delay())
	if err != nil {
		place.Cancel()
	}
	return err
}
