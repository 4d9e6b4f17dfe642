package huawei

import (
	"context"
	"net/http"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// poll answers with the oldest event at once, or with none after the hold.
func (s *Sim) poll(ctx context.Context, q *request) sim.Reply {
	a, n, refusal := s.startPoll(q)
	if n == nil {
		return refusal
	}
	defer s.endPoll(n)
	until := time.Now().Add(time.Duration(s.cfg().Hold))
	if s.cfg().WaitFlagOff {
		until = time.Now()
	}
	for {
		answer, wait := s.tryPoll(a, n, until, q.conn)
		if wait <= 0 {
			return answer
		}
		if s.await(ctx, n, wait) {
			continue
		}
		if !s.cfg().ZombiePolls {
			return sim.Reply{}
		}
		ctx = context.WithoutCancel(ctx)
	}
}

// startPoll marks the session seen. n is nil where the poll is refused.
func (s *Sim) startPoll(q *request) (a *agent, n *session, refusal sim.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, code := s.authenticate(q)
	if n == nil {
		return a, nil, s.turnAway(a, q, code)
	}
	if s.cfg().Older.EventMode == EventsOfAll {
		return a, nil, s.failure("000-001")
	}
	if n.push {
		s.Ops.Violation(q.login, "polled though its events are pushed")
		return a, nil, s.failure("000-001")
	}
	n.seen = time.Now()
	n.open++
	a.gen.heard(q.conn)
	n.renewing.arrived(q.guid)
	if !n.polled {
		n.polled = true
		s.recordFirstPoll(a, n, q.arrived)
	}
	return a, n, sim.Reply{}
}

// turnAway refuses a poll; an ended session's polls may still get a farewell.
func (s *Sim) turnAway(a *agent, q *request, code string) sim.Reply {
	if a == nil || a.last == nil || len(a.last.farewell) == 0 || !s.recalls(a.last.of, q) {
		return s.failure(code)
	}
	return s.farewell(a)
}

func (s *Sim) farewell(a *agent) sim.Reply {
	ev := a.last.farewell[0]
	a.last.farewell = a.last.farewell[1:]
	return s.withEvent(a.Login, ev)
}

func (s *Sim) recordFirstPoll(a *agent, n *session, arrived time.Time) {
	const remembered = 200_000
	if n.answered.IsZero() {
		return
	}
	delay := max(0, arrived.Sub(n.answered))
	a.record.firstPoll = delay
	a.record.slowestPoll = max(a.record.slowestPoll, delay)
	if len(s.firstPolls) < remembered {
		s.firstPolls = append(s.firstPolls, delay)
	}
}

func (s *Sim) endPoll(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.open--
	if s.cfg().ReapFrom == ReapFromEnd {
		n.seen = time.Now()
	}
}

// tryPoll returns the poll's answer, or how long to wait before it is worth
// another look.
func (s *Sim) tryPoll(a *agent, n *session, until time.Time, conn string) (answer sim.Reply, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if a.session == n {
		s.reap(a, now)
	}
	if a.session != n {
		return s.overtaken(a, n), 0
	}
	if n.renewing.due() && s.rotates() {
		return s.setGuid(s.noEvent(), n.renewing.give(n, now)), 0
	}
	ev, soon, ok := a.take(now, conn)
	if ok {
		return s.rotateLate(s.withEvent(a.Login, ev), n, now), 0
	}
	wait = until.Sub(now)
	if wait <= 0 {
		return s.rotateLate(s.noEvent(), n, now), 0
	}
	if soon > 0 {
		wait = min(wait, soon)
	}
	return sim.Reply{}, wait
}

// overtaken answers a poll whose session ended while it was open.
func (s *Sim) overtaken(a *agent, n *session) sim.Reply {
	if time.Now().Before(s.disaster) {
		return s.failure("000-004")
	}
	if a.last.of != n { // ended and followed by more than one other
		return s.failure(s.cfg().WrongGuid)
	}
	if len(a.last.farewell) > 0 {
		return s.farewell(a)
	}
	return s.failure(a.last.code)
}

// take removes the agent's oldest event; wait is how long until one is due, 0
// where none is foreseen.
func (a *agent) take(now time.Time, conn string) (ev event, wait time.Duration, ok bool) {
	if n := a.session; len(n.queue) > 0 {
		ev, n.queue = n.queue[0], n.queue[1:]
		a.record.events++
		if strings.HasPrefix(ev.kind, "AgentState_") {
			n.doubt = "" // whoever was in doubt is told
		}
		return ev, 0, true
	}
	ev, wait, ok = a.gen.next(now)
	if ok {
		a.record.events++
		a.gen.handed(conn)
		return ev, 0, true
	}
	if soon := a.session.until(now); wait == 0 || (soon > 0 && soon < wait) {
		wait = soon
	}
	return ev, wait, false
}

// rotate adds a new Guid to the answer when the session's is old enough.
func (s *Sim) rotate(r sim.Reply, n *session, now time.Time) sim.Reply {
	if !s.rotates() || now.Sub(n.newest().born) < time.Duration(s.cfg().GuidInterval) {
		return r
	}
	return s.setGuid(r, n.renew(now, node))
}

// rotateLate is rotate for the end of a poll: where its headers left at the
// beginning, so did the new Guid.
func (s *Sim) rotateLate(r sim.Reply, n *session, now time.Time) sim.Reply {
	if s.cfg().Web.EarlyHeaders {
		return r
	}
	return s.rotate(r, n, now)
}

// early makes a poll's headers leave at its beginning, where the switch says so.
func (s *Sim) early(op string, q *request) func() http.Header {
	if op != sim.OpPoll || !s.cfg().Web.EarlyHeaders {
		return nil
	}
	return func() http.Header {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, n, _ := s.authenticate(q)
		if n == nil {
			return nil
		}
		return s.rotate(sim.Reply{}, n, time.Now()).Header
	}
}

// await waits for an event, the session's end or d; it returns false when the
// client went away.
func (s *Sim) await(ctx context.Context, n *session, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-n.wake:
	case <-n.ended:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}
