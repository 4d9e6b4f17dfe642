package huawei

import (
	"maps"
	"slices"
	"time"
)

// Callers lets n more callers wait in the queue. It gives each to an agent as
// soon as that is idle. A call that is not answered, or rejected to the queue,
// waits again and rings at the next one, or at the same one when that is idle
// again: what callers hear where nobody can answer. A negative n takes as many
// away.
func (s *Sim) Callers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = max(0, s.waiting+n)
	now := time.Now()
	for _, login := range slices.Sorted(maps.Keys(s.agents)) {
		a := s.agents[login]
		if s.reap(a, now); a.session != nil {
			s.giveCall(a)
		}
	}
}

// Waiting returns how many callers wait in the queue.
func (s *Sim) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// pauseAfter is how soon the queue gives an agent that became idle a call.
const pauseAfter = 100 * time.Millisecond

// awaitCall makes an idle agent take a caller who waits.
func (s *session) awaitCall(now time.Time) {
	if s.sim.waiting > 0 {
		s.at(now.Add(pauseAfter), func(time.Time) { s.sim.giveCall(s.of) })
	}
}

// giveCall gives a caller who waits to an agent that may have one.
func (s *Sim) giveCall(a *agent) {
	if s.waiting == 0 || a.barred() != "" {
		return
	}
	s.waiting--
	a.record.rings++
	c := a.newCall(outsider, a.session.phone)
	c.queued = true
	s.offer(a, c)
}

// backToQueue lets the caller of a call that ends here wait again.
func (s *Sim) backToQueue(c *call) {
	if c.queued {
		s.waiting++
	}
}
