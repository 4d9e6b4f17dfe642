package gate

import (
	"container/list"
	"context"
	"time"

	"agentkeeper/session"
)

// queues are where operations wait for their turn. The service's mutex guards them.
type queues struct {
	ins   list.List // of *ticket: sign-ins waiting, oldest first
	known list.List // of *ticket: those of them whose secret has signed in before
	outs  list.List // of *ticket: sign-outs waiting
	timer *time.Timer
	looks time.Time // when the timer pokes the heads; zero: it is not set
}

// ticket is the place of one operation in the queues. It is poked to look again;
// a poke that comes while it looks is not lost. The service's mutex guards the rest.
type ticket struct {
	poked     session.Signal
	in, known *list.Element // of a sign-in; known is nil where its secret never signed in
	out       *list.Element // of a sign-out
}

// wait is what the ticket waits for.
func (t *ticket) wait() session.Wait { return session.Wait{Signal: &t.poked} }

// pokeHeads makes the heads of the queues look again; Service.poke calls it.
func (g *Gate) pokeHeads() {
	pokeHead(&g.outs)
	pokeHead(&g.ins)
	pokeHead(&g.known)
}

func pokeHead(q *list.List) {
	if head := q.Front(); head != nil {
		head.Value.(*ticket).poked.Set()
	}
}

// lookAt has the heads look again at an instant, unless they do so sooner; zero
// stands for never. The caller holds the mutex.
func (g *Gate) lookAt(at time.Time) {
	switch {
	case at.IsZero(), !g.looks.IsZero() && !at.Before(g.looks):
		return
	case g.timer == nil:
		g.timer = time.AfterFunc(time.Until(at), g.due)
	default:
		g.timer.Reset(time.Until(at))
	}
	g.looks = at
}

// due is what the timer calls. Heads that look for nothing say again when they are
// to look.
func (g *Gate) due() {
	g.service.mu.Lock()
	defer g.service.mu.Unlock()
	g.looks = time.Time{}
	g.pokeHeads()
}

func (g *Gate) queueUp(proven bool) *ticket {
	t := &ticket{}
	t.in = g.ins.PushBack(t)
	if proven {
		t.known = g.known.PushBack(t)
	}
	return t
}

// stepOut takes a ticket out of the queues, if it is in.
func (g *Gate) stepOut(t *ticket) {
	remove(&g.ins, &t.in)
	remove(&g.known, &t.known)
	remove(&g.outs, &t.out)
}

func remove(q *list.List, e **list.Element) {
	if *e != nil {
		q.Remove(*e)
		*e = nil
	}
}

// giveUp takes a ticket out of the queues before its turn; nil is none.
func (g *Gate) giveUp(t *ticket) {
	if t == nil {
		return
	}
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	g.stepOut(t)
	g.service.poke(g)
}

// enter counts a sign-in in if it may go now. Else it returns a ticket, by which it
// asks again when that is poked; the first time it has none. proven tells that its
// secret has signed in before. The error is ctx's, which has ended: nothing was
// counted in, and the place in the queue is given up.
func (g *Gate) enter(ctx context.Context, t *ticket, proven bool) (a attempt, waits *ticket, err error) {
	if err := ctx.Err(); err != nil {
		g.giveUp(t)
		return attempt{}, nil, err
	}
	g.service.mu.Lock()
	defer g.unlock(ctx)
	if t == nil {
		t = g.queueUp(proven)
	}
	t.poked.Clear()
	a, ok := g.try(t, time.Now())
	if !ok {
		return attempt{}, t, nil
	}
	return a, nil, nil
}

// try admits the sign-in if it is its turn and nothing is in its way.
func (g *Gate) try(t *ticket, now time.Time) (a attempt, ok bool) {
	if !g.turn(t, now) {
		return attempt{}, false
	}
	proven := t.known != nil
	o, until := g.obstacle(now, proven)
	if o != nothing {
		g.lookAt(until)
		return attempt{}, false
	}
	g.stepOut(t)
	a = g.admit(now, proven)
	g.service.poke(g)
	return a, true
}

// turn reports whether it is a sign-in's turn: the oldest one's, and while that
// one has to wait only because its secret never signed in, the oldest one's
// whose secret did.
func (g *Gate) turn(t *ticket, now time.Time) bool {
	head := g.ins.Front()
	switch {
	case head == t.in:
		return true
	case t.known == nil, t.known != g.known.Front():
		return false
	}
	o, _ := g.obstacle(now, false)
	return o == spent
}

// holdsProbes reports whether a probe must wait its turn among the sign-ins: a
// platform that may be counting our requests towards a ban gets none beside the
// one that tries.
func (g *Gate) holdsProbes() bool {
	g.service.mu.Lock()
	defer g.service.mu.Unlock()
	return g.service.guard.quarantined()
}

// leave counts a sign-in out and learns from its answer.
func (g *Gate) leave(ctx context.Context, a attempt, judge func(now time.Time)) {
	g.service.mu.Lock()
	defer g.unlock(ctx)
	g.inFlight--
	g.signIns--
	g.service.flights.add(-1, a.proven)
	judge(time.Now())
	g.service.poke(g)
}

// enterOut counts a sign-out in if it may go now; like enter.
func (g *Gate) enterOut(ctx context.Context, t *ticket) (waits *ticket, err error) {
	if err := ctx.Err(); err != nil {
		g.giveUp(t)
		return nil, err
	}
	g.service.mu.Lock()
	defer g.unlock(ctx)
	if t == nil {
		t = &ticket{}
		t.out = g.outs.PushBack(t)
	}
	t.poked.Clear()
	if g.outs.Front() != t.out || g.inFlight >= g.settings.Concurrent {
		return t, nil
	}
	g.stepOut(t)
	g.inFlight++
	g.service.poke(g)
	return nil, nil
}

func (g *Gate) leaveOut(ctx context.Context) {
	g.service.mu.Lock()
	defer g.unlock(ctx)
	g.inFlight--
	g.service.poke(g)
}
