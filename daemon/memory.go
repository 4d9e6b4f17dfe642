package daemon

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// Thousands of sign-ins or adoptions leave memory behind that is free and not yet
// given back to the system, which would take minutes. It is given back once, when
// the fleet has grown by growth agents and then stood still for a while.
const (
	stillFor = 5 * time.Second
	growth   = 500
)

// ramp notices the end of a time in which many agents came online.
type ramp struct {
	base int // online when memory was last given back, or fewer since
	last int // online at the last look
}

// over takes how many agents are online and have been heard of, and reports whether a ramp is over.
func (r *ramp) over(online int) bool {
	still := online-r.last < max(growth/100, online/1000)
	r.last = online
	r.base = min(r.base, online)
	if !still || online-r.base < growth {
		return false
	}
	r.base = online
	return true
}

// giveMemoryBack looks for the ends of ramps until done is called.
func (d *Daemon) giveMemoryBack() (done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		var r ramp
		every(ctx, stillFor, func() {
			if t := d.fleet.Tally(); r.over(t.Online - t.Unproven) {
				debug.FreeOSMemory()
			}
		})
	})
	return func() { cancel(); loop.Wait() }
}
