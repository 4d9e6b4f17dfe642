package keeper

import (
	"context"
	"sync"

	"agentkeeper/session"
)

// actions is the context of an agent's actions, one after the other, until one is
// cut. Unlike one of context.WithCancel it costs no more than itself while nobody
// listens for its end, as nobody does while the agent waits in a room: the context
// above it does not know of it until then.
type actions struct {
	context.Context // above: the end of all
	owner           Owner

	mu    sync.Mutex
	err   error
	done  chan struct{}        // nil: nobody listened yet
	heard bool                 // somebody listened since reuse
	funcs map[*func()]struct{} // to be called at the end
	stop  func() bool          // of listening to what is above; nil: not yet
}

// Value implements context.Context.
func (a *actions) Value(key any) any {
	if session.IsBlockerKey(key) {
		return a.owner
	}
	return a.Context.Value(key)
}

// Err implements context.Context.
func (a *actions) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	return a.Context.Err()
}

// Done implements context.Context.
func (a *actions) Done() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = true
	if a.done == nil {
		a.done = make(chan struct{})
		if a.err != nil {
			close(a.done)
		}
		a.listen()
	}
	return a.done
}

// AfterFunc calls f on a goroutine of its own at the end, as context.AfterFunc
// does, which uses it.
func (a *actions) AfterFunc(f func()) (stop func() bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		go f()
		return func() bool { return false }
	}
	if a.funcs == nil {
		a.funcs = map[*func()]struct{}{}
	}
	key := &f
	a.funcs[key] = struct{}{}
	a.listen()
	return func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		_, there := a.funcs[key]
		delete(a.funcs, key)
		return there
	}
}

// reuse reports whether the next action may have a, too: it was not cut, and costs
// no more than itself. Whoever listens does so in each action, or once in a while
// (to connect, in the gate); what that once took is not kept for the agent's life.
func (a *actions) reuse() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	again := a.err == nil && a.Context.Err() == nil && (a.done == nil || a.heard)
	a.heard = false
	return again
}

// listen has the end of what is above end this one, too. The caller holds mu.
func (a *actions) listen() {
	if a.stop == nil && a.err == nil {
		a.stop = context.AfterFunc(a.Context, func() { a.end(a.Context.Err()) })
	}
}

// cancel ends the context.
func (a *actions) cancel() { a.end(context.Canceled) }

func (a *actions) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return
	}
	if a.err = err; a.done != nil {
		close(a.done)
	}
	for f := range a.funcs {
		go (*f)()
	}
	if a.funcs = nil; a.stop != nil {
		a.stop()
	}
}

var _ context.Context = (*actions)(nil)
