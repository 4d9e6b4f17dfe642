package store

import (
	"slices"
	"sync"
	"time"
)

const (
	// unreadableFor is how long an event that the server keeps and cannot give is
	// asked for: it may lack a file descriptor for a moment. Then it is damaged for
	// good.
	unreadableFor = 30 * time.Second
	unreadableMax = 10_000 // events that are remembered
)

// unreadable remembers the events that could not be read. A damaged one would
// hold its followers up until the retention drops it; they are told of a gap in
// its place.
type unreadable struct {
	lost func(n uint64) // is told of each damaged event once; nil: nobody

	mu    sync.Mutex
	since map[uint64]time.Time // zero: damaged, and told
}

// damaged takes note that an event could not be read and reports whether it
// never will be.
func (u *unreadable) damaged(seq uint64, now time.Time) bool {
	u.mu.Lock()
	since, known := u.since[seq]
	if u.since == nil || len(u.since) >= unreadableMax {
		u.since = map[uint64]time.Time{}
	}
	lost := known && (since.IsZero() || now.Sub(since) >= unreadableFor)
	switch {
	case lost:
		u.since[seq] = time.Time{}
	case !known:
		u.since[seq] = now
	}
	u.mu.Unlock()
	if lost && !since.IsZero() && u.lost != nil {
		u.lost(1)
	}
	return lost
}

// skipped takes note of a damaged event that the server has passed over.
func (u *unreadable) skipped(seq uint64) {
	u.mu.Lock()
	since, known := u.since[seq]
	if u.since == nil || len(u.since) >= unreadableMax {
		u.since = map[uint64]time.Time{}
	}
	u.since[seq] = time.Time{}
	u.mu.Unlock()
	if (!known || !since.IsZero()) && u.lost != nil {
		u.lost(1)
	}
}

// known lists the events that are damaged, in order.
func (u *unreadable) known() (list []uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for seq, since := range u.since {
		if since.IsZero() {
			list = append(list, seq)
		}
	}
	slices.Sort(list)
	return list
}
