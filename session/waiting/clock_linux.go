//go:build !noepoll

package waiting

import "time"

// tick is how exact a wait for time is: it is over at the first tick at or behind
// its end. Tasks that are due together are woken together.
const tick = 10 * time.Millisecond

// wheelSize is how many ticks one turn of the wheel has, about 41 s.
const wheelSize = 4096

// wheel is the queue of all that waits for time: for every tick of a turn a list
// of the seats that are due then, or a whole number of turns later. It is not safe
// for concurrent use.
type wheel struct {
	begin  time.Time
	passed int64 // the last tick whose list was looked at
	lists  [wheelSize]*Seat
	count  int
}

// tickOf returns the first tick at or behind t.
func (w *wheel) tickOf(t time.Time) int64 {
	return int64((t.Sub(w.begin) + tick - 1) / tick)
}

// add puts a seat down for t, and returns the tick at which it is due.
func (w *wheel) add(s *Seat, t time.Time) time.Time {
	s.due = max(w.tickOf(t), w.passed+1)
	head := &w.lists[s.due%wheelSize]
	if s.next = *head; s.next != nil {
		s.next.before = &s.next
	}
	*head, s.before = s, head
	w.count++
	return w.at(s.due)
}

func (w *wheel) at(n int64) time.Time { return w.begin.Add(time.Duration(n) * tick) }

// remove takes a seat out, if it is in.
func (w *wheel) remove(s *Seat) {
	if s.before == nil {
		return
	}
	if *s.before = s.next; s.next != nil {
		s.next.before = s.before
	}
	s.next, s.before = nil, nil
	w.count--
}

// take removes what is due at now and hands it to ready.
func (w *wheel) take(now time.Time, ready func(*Seat)) {
	to := int64(now.Sub(w.begin) / tick)
	for at := max(w.passed+1, to-wheelSize+1); at <= to && w.count > 0; at++ {
		for s := w.lists[at%wheelSize]; s != nil; {
			following := s.next
			if s.due <= to {
				w.remove(s)
				ready(s)
			}
			s = following
		}
	}
	w.passed = max(w.passed, to)
}

// next returns when something may be due next; ok is false while nothing waits.
func (w *wheel) next() (at time.Time, ok bool) {
	if w.count == 0 {
		return time.Time{}, false
	}
	for n := w.passed + 1; n <= w.passed+wheelSize; n++ {
		if w.lists[n%wheelSize] != nil {
			return w.at(n), true
		}
	}
	return time.Time{}, false
}
