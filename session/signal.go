package session

import "sync/atomic"

// Waker is who waits for a Signal. Wake does not block.
type Waker interface{ Wake() }

// Signal tells a driver that waits that something came which is no answer to be
// read. The zero Signal is ready and not set; it must not be copied. Set may be
// called by any goroutine, also when nobody waits any more; Clear and Notify
// belong to whoever waits, or steps who does.
type Signal struct {
	set   atomic.Bool
	waker atomic.Pointer[Waker]
}

// Set sets the signal and wakes who waits for it. It does not block.
func (s *Signal) Set() {
	s.set.Store(true)
	s.wake()
}

// Clear makes the signal one that is not set, and reports whether it was set. Its
// owner looks for what may have come after that, so that nothing comes unseen.
func (s *Signal) Clear() (was bool) { return s.set.Swap(false) }

// Notify has w woken once when the signal is set: at once where it is already. It
// takes the place of an earlier w. A wait that ended in another way leaves w there,
// which may be woken later for nothing.
func (s *Signal) Notify(w Waker) {
	s.waker.Store(&w)
	if s.set.Load() {
		s.wake()
	}
}

func (s *Signal) wake() {
	if w := s.waker.Swap(nil); w != nil {
		(*w).Wake()
	}
}
