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

// poke makes the heads of both queues look again. Whatever may let somebody
// go calls it under the mutex, so the one it finds at the head is the one that
// has to look.
func (g *Gate) poke() {
	pokeHead(&g.outs)
	pokeHead(&g.ins)
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

// enter blocks until a sign-in may go. On an error, which is ctx's, nothing
// was counted in.
func (g *Gate) enter(ctx context.Context) (attempt, error) {
	g.mu.Lock()
	e, wake := enqueue(&g.ins)
	g.mu.Unlock()
	for ctx.Err() == nil {
		a, until, ok := g.try(ctx, e)
		if ok {
			return a, nil
		}
		pause(ctx, wake, until)
	}
	g.drop(&g.ins, e)
	return attempt{}, ctx.Err()
}

// try admits the sign-in if it is its turn and nothing is in its way; else it
// returns when to look again without being poked, zero for never.
func (g *Gate) try(ctx context.Context, e *list.Element) (attempt, time.Time, bool) {
	g.mu.Lock()
	defer g.unlock(ctx)
	if g.ins.Front() != e {
		return attempt{}, time.Time{}, false
	}
	now := time.Now()
	o, until := g.obstacle(now)
	if o != nothing {
		return attempt{}, until, false
	}
	g.ins.Remove(e)
	g.poke()
	return g.admit(now), time.Time{}, true
}

// holdsProbes reports whether a probe must wait its turn among the sign-ins: a
// platform that may be counting our requests towards a ban gets none beside the
// one that tries.
func (g *Gate) holdsProbes() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.guard.quarantined()
}

// leave counts a sign-in out and learns from its answer.
func (g *Gate) leave(ctx context.Context, judge func(now time.Time)) {
	g.mu.Lock()
	defer g.unlock(ctx)
	g.inFlight--
	g.signIns--
	judge(time.Now())
	g.poke()
}

// enterOut blocks until a sign-out may go; like enter.
func (g *Gate) enterOut(ctx context.Context) error {
	g.mu.Lock()
	e, wake := enqueue(&g.outs)
	g.mu.Unlock()
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
	g.mu.Lock()
	defer g.unlock(ctx)
	if g.outs.Front() != e || g.inFlight >= g.settings.Concurrent {
		return false
	}
	g.outs.Remove(e)
	g.inFlight++
	g.poke()
	return true
}

func (g *Gate) leaveOut(ctx context.Context) {
	g.mu.Lock()
	defer g.unlock(ctx)
	g.inFlight--
	g.poke()
}

func (g *Gate) drop(q *list.List, e *list.Element) {
	g.mu.Lock()
	defer g.unlock(context.Background())
	q.Remove(e)
	g.poke()
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
