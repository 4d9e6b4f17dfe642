package webhook

import (
	"slices"
	"time"
)

const (
	maxEvents = 1000    // in one hook's window
	maxBytes  = 8 << 20 // likewise, but for one event
)

// lane holds one agent's events that are not delivered, in order.
type lane struct {
	key   string
	queue []event
	busy  bool // a request with the first event is in flight
	fails int  // of the first event, in a row
	due   time.Time
	err   string // why it failed last

	since   time.Time // when it failed first
	denied  int       // how often in a row it was answered 4xx
	content bool      // the last such answer was about the event itself: 400, 413, 415 or 422
	skipped bool      // a person gave it up while a request was in flight
}

// window holds what a hook has read and not delivered. It is a value without
// clock, lock or I/O.
type window struct {
	lanes   map[string]*lane
	ready   []*lane // may be sent, the one that waits longest first
	waiting []*lane // failed, and not due yet
	events  int
	bytes   int
}

func newWindow() window { return window{lanes: map[string]*lane{}} }

func (w *window) full() bool { return w.events >= maxEvents || w.bytes >= maxBytes }

// add takes an event; events come in the order of their positions.
func (w *window) add(e event) {
	l := w.lanes[e.source]
	if l == nil {
		l = &lane{key: e.source}
		w.lanes[e.source] = l
		w.ready = append(w.ready, l)
	}
	l.queue = append(l.queue, e)
	w.events++
	w.bytes += len(e.data)
}

// take chooses the lane to be served next: a ready one, or else, where early
// allows it, the one that waits and is due first. nil: none.
func (w *window) take(early bool) *lane {
	var l *lane
	switch {
	case len(w.ready) > 0:
		l = w.ready[0]
		w.ready = slices.Delete(w.ready, 0, 1)
	case early && len(w.waiting) > 0:
		l = slices.MinFunc(w.waiting, func(a, b *lane) int { return a.due.Compare(b.due) })
		w.waiting = slices.DeleteFunc(w.waiting, func(x *lane) bool { return x == l })
	default:
		return nil
	}
	l.busy = true
	return l
}

// delivered takes the lane's first event out; the next one is ready.
func (w *window) delivered(l *lane) {
	w.events--
	w.bytes -= len(l.queue[0].data)
	l.queue[0] = event{}
	l.queue = l.queue[1:]
	l.busy, l.skipped = false, false
	l.content = false
	l.fails, l.denied = 0, 0
	l.err = ""
	l.due, l.since = time.Time{}, time.Time{}
	if len(l.queue) == 0 {
		delete(w.lanes, l.key)
		return
	}
	w.ready = append(w.ready, l)
}

// drop takes the lane's first event out undelivered; the next one is ready.
func (w *window) drop(l *lane) {
	is := func(x *lane) bool { return x == l }
	w.ready, w.waiting = slices.DeleteFunc(w.ready, is), slices.DeleteFunc(w.waiting, is)
	w.delivered(l)
}

// failed lets the lane wait; again makes it ready at once.
func (w *window) failed(l *lane, due time.Time) {
	l.busy, l.due = false, due
	w.waiting = append(w.waiting, l)
}

func (w *window) again(l *lane) {
	l.busy = false
	w.ready = append(w.ready, l)
}

// wake makes the lanes ready that are due, and those that are chosen.
func (w *window) wake(now time.Time, chosen func(*lane) bool) {
	w.waiting = slices.DeleteFunc(w.waiting, func(l *lane) bool {
		if l.due.After(now) && !chosen(l) {
			return false
		}
		w.ready = append(w.ready, l)
		return true
	})
}

// due returns when the next waiting lane is; zero: none waits.
func (w *window) due() (at time.Time) {
	for _, l := range w.waiting {
		if at.IsZero() || l.due.Before(at) {
			at = l.due
		}
	}
	return at
}

// oldest returns the lane whose first event has the lowest position, nil where
// there is none.
func (w *window) oldest() (first *lane) {
	for _, l := range w.lanes {
		if first == nil || l.queue[0].seq < first.queue[0].seq {
			first = l
		}
	}
	return first
}

// failing returns the oldest lane whose first event has a failed request, nil
// where there is none.
func (w *window) failing() (first *lane) {
	for _, l := range w.lanes {
		if l.fails > 0 && (first == nil || l.queue[0].seq < first.queue[0].seq) {
			first = l
		}
	}
	return first
}

// failingOf returns the lane of an agent whose first event has a failed request, nil
// where there is none.
func (w *window) failingOf(agent string) *lane {
	for _, l := range w.lanes {
		if l.fails > 0 && l.queue[0].agent() == agent {
			return l
		}
	}
	return nil
}

// heads are the positions of the lanes' first events.
func (w *window) heads() map[string]uint64 {
	heads := make(map[string]uint64, len(w.lanes))
	for key, l := range w.lanes {
		heads[key] = l.queue[0].seq
	}
	return heads
}
