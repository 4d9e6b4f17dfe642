//go:build !noepoll

package waiting

import (
	"runtime"
	"time"
)

// crew are the goroutines that step tasks. Few work at a time, as many as have a
// use for the processors; who says that its step blocks, or stands in it for longer
// than a tick, counts as blocked, and somebody else takes the place. The room's mu
// guards all of it.
type crew struct {
	room   *sockets
	most   int       // at work at a time, the blocked ones aside
	said   int       // goroutines that said that they block, and still do
	atWork []*worker // without the blocked ones
	idle   []*worker // the last one in is the first one out: its stack is warm
	first  *Seat     // of those that wait for a goroutine
	last   *Seat
	queued time.Time // when the first of them began to wait, or a goroutine last took one
	burst  int       // how many are sent at once where all at work are blocked
}

// idleMost is how many goroutines without work are kept, with their grown stacks.
const idleMost = 16

// burstMost is how many goroutines are sent to work at once.
const burstMost = 1024

// saidMost is how many goroutines lose their places at once because they said that
// they block. Those beyond it are found by the tick: each is a stack.
const saidMost = 256

// worker is one goroutine.
type worker struct {
	calls chan *Seat
	seat  *Seat     // whose task it steps
	since time.Time // when it began its step
	place int       // in atWork; -1: idle, or blocked
	said  bool      // it is one of the crew's said
}

func (c *crew) init(r *sockets) {
	c.room, c.most = r, max(4, 2*runtime.GOMAXPROCS(0))
	c.burst = c.most
}

// call has a task stepped soon.
func (c *crew) call(s *Seat) {
	s.state = ready
	if len(c.atWork) < c.most {
		c.send(s)
		return
	}
	if c.first == nil {
		c.burst = c.most
		c.first, c.queued = s, time.Now()
	} else {
		c.last.next = s
	}
	c.last, s.next = s, nil
}

// send gives a task to a goroutine that has none.
func (c *crew) send(s *Seat) {
	s.begin()
	w := &worker{}
	if n := len(c.idle); n > 0 {
		w = c.idle[n-1]
		c.idle[n-1] = nil
		c.idle = c.idle[:n-1]
	} else {
		w.calls = make(chan *Seat, 1)
		go w.work(c)
	}
	w.seat, w.since = s, time.Now()
	c.join(w)
	w.calls <- s // it has room: the goroutine has nothing to do
}

// join puts a goroutine among those at work.
func (c *crew) join(w *worker) {
	w.place = len(c.atWork)
	c.atWork = append(c.atWork, w)
}

// blocks gives the place of the goroutine that steps a task to the next one.
func (c *crew) blocks(s *Seat) {
	if c.said >= saidMost {
		return
	}
	for _, w := range c.atWork {
		if w.seat == s {
			c.said++
			w.said = true
			c.rest(w)
			break
		}
	}
	if c.first != nil && len(c.atWork) < c.most {
		c.send(c.pop(time.Now()))
	}
}

// work steps one task after the other.
func (w *worker) work(c *crew) {
	for s := range w.calls {
		for s != nil {
			c.room.run(s)
			s = c.done(w)
		}
	}
}

// done returns a goroutine's next task, nil where there is none for it.
func (c *crew) done(w *worker) *Seat {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	now := time.Now()
	if w.said {
		c.said--
		w.said = false
	}
	if w.place < 0 && len(c.atWork) < c.most { // it was blocked
		c.join(w)
	}
	if w.place >= 0 && c.first != nil {
		w.since, w.seat = now, c.pop(now)
		return w.seat
	}
	w.seat = nil
	c.rest(w)
	if len(c.idle) >= idleMost {
		close(w.calls)
		return nil
	}
	c.idle = append(c.idle, w)
	return nil
}

// pop takes the task that has waited longest for a goroutine.
func (c *crew) pop(now time.Time) *Seat {
	s := c.first
	c.first, c.queued = s.next, now
	s.next = nil
	s.begin()
	return s
}

// rest takes a goroutine out of those at work.
func (c *crew) rest(w *worker) {
	if w.place < 0 {
		return
	}
	end := len(c.atWork) - 1
	c.atWork[w.place] = c.atWork[end]
	c.atWork[w.place].place = w.place
	c.atWork[end] = nil
	c.atWork, w.place = c.atWork[:end], -1
}

// look replaces goroutines that are blocked where tasks wait for one. Where all
// of them are, so will be those that come: they get more each time, so that
// thousands that all block do not wait for each other.
func (c *crew) look(now time.Time) {
	if c.first == nil {
		return
	}
	for i := len(c.atWork) - 1; i >= 0; i-- {
		if w := c.atWork[i]; now.Sub(w.since) >= tick {
			c.rest(w)
		}
	}
	most := c.most
	if len(c.atWork) == 0 {
		c.burst = min(2*c.burst, burstMost)
		most = c.burst
	}
	for c.first != nil && len(c.atWork) < most {
		c.send(c.pop(now))
	}
}

// next returns when the crew is to be looked at; ok is false while nobody waits
// for a goroutine.
func (c *crew) next() (at time.Time, ok bool) { return c.queued.Add(tick), c.first != nil }
