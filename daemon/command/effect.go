package command

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// effects are the verbs whose event is waited for. The zero effects is ready.
type effects struct {
	count atomic.Int32 // of the watches: most events are asked about by nobody
	mu    sync.Mutex
	all   map[session.ID][]*watch
}

// watch waits for an event of one agent.
type watch struct {
	confirms func(session.Event) bool
	seen     chan struct{} // closed by the event
}

// watch begins before the request leaves: the event may be faster than its answer.
func (e *effects) watch(id session.ID, confirms func(session.Event) bool) *watch {
	w := &watch{confirms: confirms, seen: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil {
		e.all = map[session.ID][]*watch{}
	}
	e.all[id] = append(e.all[id], w)
	e.count.Add(1)
	return w
}

// end ends a watch, and reports whether it had not ended before.
func (e *effects) end(id session.ID, w *watch) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.all[id]
	for i, one := range list {
		if one == w {
			e.count.Add(-1)
			if list = append(list[:i:i], list[i+1:]...); len(list) == 0 {
				delete(e.all, id)
			} else {
				e.all[id] = list
			}
			return true
		}
	}
	return false
}

// Saw is told of an agent's events, in their order. It does not block, and costs next
// to nothing while no verb's effect is waited for.
func (s *Service) Saw(id session.ID, events []keeper.Event) {
	e := &s.effects
	if e.count.Load() == 0 {
		return
	}
	e.mu.Lock()
	list := e.all[id]
	e.mu.Unlock()
	for _, w := range list {
		for _, event := range events {
			if event.Own || !w.confirms(event.Event) {
				continue
			}
			if e.end(id, w) {
				close(w.seen)
			}
			break
		}
	}
}

// effect waits for the event of a verb that was accepted.
func (s *Service) effect(ctx context.Context, o *order, w *watch) Effect {
	defer s.effects.end(o.id, w)
	limit := time.NewTimer(min(effectLimit, time.Until(o.deadline)))
	defer limit.Stop()
	waits := func() bool { return o.form.AfterCall && s.o.Standing(o.id).State.InCall() }
	if waits() {
		select {
		case <-w.seen:
			return Confirmed
		default:
			return Pending
		}
	}
	select {
	case <-w.seen:
		return Confirmed
	case <-limit.C:
	case <-ctx.Done():
	case <-s.ends.Done():
	}
	if waits() {
		return Pending
	}
	return Unconfirmed
}
