package huawei

import (
	"context"
	"time"
)

// renewal is a new Guid that a session's open poll is to bring at once. A nil
// renewal is none.
type renewal struct {
	value string        // "" until the poll's answer took it
	used  chan struct{} // closed once a poll came with it
}

// due reports whether the open poll is to bring a Guid now.
func (r *renewal) due() bool { return r != nil && r.value == "" }

// give makes the new Guid.
func (r *renewal) give(n *session, now time.Time) guid {
	g := n.renew(now, node)
	r.value = g.value
	return g
}

// arrived notes that a poll came with a Guid.
func (r *renewal) arrived(value string) {
	if r == nil || r.value == "" || r.value != value || isClosed(r.used) {
		return
	}
	close(r.used)
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ask begins a renewal where a poll is open, and wakes it.
func (s *session) ask() *renewal {
	if s.open == 0 {
		return nil
	}
	s.renewing = &renewal{used: make(chan struct{})}
	s.wakeUp()
	return s.renewing
}

// Rotate makes the agent's open poll bring a new Guid at once, without an event.
// Without an open poll, or where Guids stay, nothing happens.
func (s *Sim) Rotate(login string) error {
	return s.signedIn(login, func(a *agent) {
		if s.rotates() {
			a.session.ask()
		}
	})
}

// outrunWithin is how long a command waits for the client's poll with a new Guid.
const outrunWithin = 5 * time.Second

// outrun lets a new Guid overtake a command that is spoiled so: it waits until
// the client polls with it.
func (s *Sim) outrun(ctx context.Context, q *request) {
	r := s.startOutrun(q)
	if r == nil {
		return
	}
	timer := time.NewTimer(outrunWithin)
	defer timer.Stop()
	select {
	case <-r.used:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Sim) startOutrun(q *request) *renewal {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, _ := s.authenticate(q)
	if n == nil || !s.rotates() || a.spoils.take(true) == "" {
		return nil
	}
	return n.ask()
}
