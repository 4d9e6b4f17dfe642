package gate

import (
	"container/list"
	"context"
	"time"
)

// ticket is one waiter. wake holds at most one poke: whoever is poked looks
// again, so a poke that comes while it looks is not lost.
type ticket struct{ wake chan struct{} }

func enqueue(q *list.List) (*list.Element, chan struct{}) {
	wake := make(chan struct{}, 1)
	return q.PushBack(&ticket{wake: wake}), wake
}

// pokeHeads makes the heads of the queues look again; Service.poke calls it.
func (g *Gate) pokeHeads() {
	pokeHead(&g.outs)
	pokeHead(&g.ins)
	pokeHead(&g.known)
}

func pokeHead(q *list.List) {
	head := q.Front()
	if head == nil {
		return
	}
	select {
	case head.Value.(*ticket).wake <- struct{}{}:
	default:
	}
}

// place is a sign-in's in the queues.
type place struct {
	in, known *list.Element // known: nil where its secret never signed in
	wake      <-chan struct{}
}

func (g *Gate) queueUp(proven bool) place {
	e, wake := enqueue(&g.ins)
	p := place{in: e, wake: wake}
	if proven {
		p.known = g.known.PushBack(e.Value)
	}
	return p
}

func (g *Gate) stepOut(p place) {
	g.ins.Remove(p.in)
	if p.known != nil {
		g.known.Remove(p.known)
	}
}

// enter blocks until a sign-in may go. proven tells that its secret has signed
// in before. On an error, which is ctx's, nothing was counted in.
func (g *Gate) enter(ctx context.Context, proven bool) (attempt, error) {
	g.service.mu.Lock()
	p := g.queueUp(proven)
	g.service.mu.Unlock()
	for ctx.Err() == nil {
		a, until, ok := g.try(ctx, p)
		if ok {
			return a, nil
		}
		pause(ctx, p.wake, until)
	}
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	g.stepOut(p)
	g.service.poke(g)
	return attempt{}, ctx.Err()
}

// try admits the sign-in if it is its turn and nothing is in its way; else it
// returns when to look again without being poked, zero for never.
func (g *Gate) try(ctx context.Context, p place) (attempt, time.Time, bool) {
	g.service.mu.Lock()
	defer g.unlock(ctx)
	now := time.Now()
	if !g.turn(p, now) {
		return attempt{}, time.Time{}, false
	}
	proven := p.known != nil
	o, until := g.obstacle(now, proven)
	if o != nothing {
		return attempt{}, until, false
	}
	g.stepOut(p)
	a := g.admit(now, proven)
	g.service.poke(g)
	return a, time.Time{}, true
}

// turn reports whether it is a sign-in's turn: the oldest one's, and while that
// one has to wait only because its secret never signed in, the oldest one's
// whose secret did.
func (g *Gate) turn(p place, now time.Time) bool {
	head := g.ins.Front()
	switch {
	case head == p.in:
		return true
	case p.known == nil || p.known != g.known.Front() || g.known.Front().Value == head.Value:
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

// enterOut blocks until a sign-out may go; like enter.
func (g *Gate) enterOut(ctx context.Context) error {
	g.service.mu.Lock()
	e, wake := enqueue(&g.outs)
	g.service.mu.Unlock()
	for ctx.Err() == nil {
		if g.tryOut(ctx, e) {
			return nil
		}
		pause(ctx, wake, time.Time{})
	}
	g.drop(&g.outs, e)
	return ctx.Err()
}

func (g *Gate) tryOut(ctx context.Context, e *list.Element) bool {
	g.service.mu.Lock()
	defer g.unlock(ctx)
	if g.outs.Front() != e || g.inFlight >= g.settings.Concurrent {
		return false
	}
	g.outs.Remove(e)
	g.inFlight++
	g.service.poke(g)
	return true
}

func (g *Gate) leaveOut(ctx context.Context) {
	g.service.mu.Lock()
	defer g.unlock(ctx)
	g.inFlight--
	g.service.poke(g)
}

func (g *Gate) drop(q *list.List, e *list.Element) {
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	q.Remove(e)
	g.service.poke(g)
}

// pause waits for a poke, for until (zero: never) or for the end of ctx.
func pause(ctx context.Context, wake <-chan struct{}, until time.Time) {
	var due <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-due:
	}
}
