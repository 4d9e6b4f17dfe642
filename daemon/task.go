package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// task is a part of the service. All parts have this one form, whatever they are:
// the store, the listeners, the agents, a loop.
type task struct {
	name string // for the log and for errors
	// run does the task's work. It calls ready when whoever is started next may count
	// on it. When ctx ends it finishes what it has taken, in the time that the
	// daemon's end leaves, and returns when nothing of it runs any more. An error
	// means that it cannot go on.
	run func(ctx context.Context, ready func()) error
}

// closing is a task that works by being open.
func closing(name string, end func()) task {
	return task{name, func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		end()
		return nil
	}}
}

// loop is a task that calls f again and again.
func loop(name string, every time.Duration, f func()) task {
	return task{name, func(ctx context.Context, ready func()) error {
		ready()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f()
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

// tasks are those that run. The zero tasks are none. They are started and ended by
// one goroutine.
type tasks struct {
	failed  chan error // the first error of a task; nil: nobody asks
	running []running  // in the order in which they were started
}

type running struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// start runs a task, and returns when it is ready or has ended.
func (t *tasks) start(one task) {
	ctx, cancel := context.WithCancel(context.Background())
	r := running{cancel, make(chan struct{})}
	t.running = append(t.running, r)
	isReady := make(chan struct{})
	go func() { // joined by end
		defer close(r.ended)
		if err := one.run(ctx, sync.OnceFunc(func() { close(isReady) })); err != nil {
			select {
			case t.failed <- fmt.Errorf("%s: %w", one.name, err):
			default:
			}
		}
	}()
	select {
	case <-isReady:
	case <-r.ended:
	}
}

// end ends the tasks, the last one started first, and waits for each.
func (t *tasks) end() {
	for i := len(t.running) - 1; i >= 0; i-- {
		t.running[i].cancel()
		<-t.running[i].ended
	}
	t.running = nil
}
