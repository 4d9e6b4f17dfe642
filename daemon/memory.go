package daemon

import (
	"runtime/debug"
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

// giveMemoryBack is a task that looks for the ends of ramps.
func (d *Daemon) giveMemoryBack() task {
	var r ramp
	return loop("memory", stillFor, func() {
		if t := d.fleet.Tally(); r.over(t.Online - t.Unproven) {
			debug.FreeOSMemory()
		}
	})
}
