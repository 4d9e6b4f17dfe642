package keeper

import (
	"context"
	"sync/atomic"
	"time"

	"agentkeeper/session"
)

// mailbox is what other goroutines set, with mu held, and the driver takes.
type mailbox struct {
	order   *Order // the newest; never changed, but replaced; its Resume is resume
	setup   Setup  // likewise
	resume  bool
	changed bool // order, resume or setup was set since the driver took them
	clock   bool // the clock was set since
	armed   bool // the present action may be cut
	waits   bool // it is a wait
	stalled bool // a live session's renewal was refused
	slept   time.Duration
	grace   time.Duration // how long the present action may go on after an interrupt
	pending *pendingCut   // nil: none
	actions *actions      // of the actions, one after the other, until it is cut
}

// pendingCut is a cut that is due after the present action's grace.
type pendingCut struct {
	timer *time.Timer
	at    time.Time
}

// Set replaces the order and interrupts what may be interrupted. It does not
// block.
func (k *Keeper) Set(o Order) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.resume = o.Resume || (k.changed && k.resume)
	k.changed = true
	cut := k.resume || o.End || o.Wish != k.order.Wish
	o.Resume = false
	k.order = shared(&o, k.order)
	if cut {
		k.interruptLocked()
	}
}

// recent is the order that some keeper was given last.
var recent atomic.Pointer[Order]

// shared returns an order like o that is there already, or o: most agents have the
// same one.
func shared(o, own *Order) *Order {
	if *o == *own {
		return own
	}
	if other := recent.Load(); other != nil && *o == *other {
		return other
	}
	kept := *o
	recent.Store(&kept)
	return &kept
}

// Order returns the last order that was set, with Resume false.
func (k *Keeper) Order() Order {
	k.mu.Lock()
	defer k.mu.Unlock()
	return *k.order
}

// Update replaces the setup. It acts from the next request that needs it, and
// does not interrupt a live session; resume also ends a parking or a wait.
func (k *Keeper) Update(s Setup, resume bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.setup, k.changed = s, true
	if resume {
		k.resume = true
		k.interruptLocked()
	}
}

// ClockSet tells that the wall clock was set, or that the machine slept for
// slept: waits are measured again, and instants on record are written anew. It
// does not block, and cuts nothing but a wait.
func (k *Keeper) ClockSet(slept time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clock = true
	k.slept += slept
	if k.armed && k.waits {
		k.cut()
	}
}

// interruptLocked cuts the present action: now, or after its grace. Nothing
// of a live session is cut to stay signed in, unless its renewal waits for it.
func (k *Keeper) interruptLocked() {
	switch {
	case !k.armed:
	case k.grace == 0, k.resume && k.stalled && k.order.Wish == session.Stay:
		k.cut()
	case k.order.Wish == session.Stay:
		k.disarmTimer()
	case k.pending == nil:
		k.pending = &pendingCut{at: time.Now().Add(k.grace), timer: time.AfterFunc(k.grace, k.expire)}
	}
}

// cut ends the present action or wait. The caller holds mu.
func (k *Keeper) cut() {
	k.actions.cancel()
	k.owner.Wake()
}

// expire cuts the action that the timer was for, unless it has ended.
func (k *Keeper) expire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending != nil && !time.Now().Before(k.pending.at) {
		k.cut()
	}
}

func (k *Keeper) disarmTimer() {
	if k.pending != nil {
		k.pending.timer.Stop()
		k.pending = nil
	}
}

// take hands the driver the newest order and setup; woken tells that the last
// action was cut. The end of ctx is an order to Quit that nothing replaces. The
// caller holds mu.
func (k *Keeper) take(ctx context.Context, woken bool) {
	k.resumed = false
	k.takeRefusal(woken)
	if k.clock {
		k.machine.SetClock(time.Now(), k.slept)
		k.rec.dirty = k.rec.dirty || (k.slept != 0 && !k.machine.Started().IsZero())
		k.clock, k.slept = false, 0
	}
	if k.changed {
		k.takeChange()
	}
	if ctx.Err() != nil {
		k.wish, k.resumed = ending, false
	}
}

// ending is the order that the end of all gives.
var ending = &Order{Wish: session.Quit, By: "end"}

func (k *Keeper) takeChange() {
	k.wish, k.resumed = k.order, k.resume
	k.resume, k.changed = false, false
	if k.setup == k.now {
		return
	}
	k.rec.with = against(k.rec.with.of(k.now.Hashes()), k.setup.Hashes())
	k.now = k.setup
	k.machine.SetPolicy(k.now.Policy())
}

// arm returns the context of an action that a new order cuts after the given
// grace; 0 is at once. A poll costs none: it is the one of the action before, as long as
// that may be had again. disarm follows the action.
func (k *Keeper) arm(ctx context.Context, grace time.Duration) context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.actions == nil || !k.actions.reuse() {
		k.releaseLocked()
		k.actions = &actions{Context: ctx, owner: k.owner}
	}
	k.armed, k.grace = true, grace
	if o := k.order; k.changed && (o.Wish != k.wish.Wish || k.resume || o.End) {
		k.interruptLocked()
	}
	if k.due() && grace > 0 {
		k.cut()
	}
	return k.actions
}

// armWait arms a wait, which a clock that was set cuts, too.
func (k *Keeper) armWait(ctx context.Context) context.Context {
	ctx = k.arm(ctx, 0)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waits = true; k.clock {
		k.cut()
	}
	return ctx
}

// disarm reports whether the action's context was cut.
func (k *Keeper) disarm() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed, k.waits = false, false
	k.disarmTimer()
	return k.actions.Err() != nil
}

// disarmOperation is disarm after an operation, whose listeners the context is not
// kept for.
func (k *Keeper) disarmOperation() bool {
	cut := k.disarm()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.releaseLocked()
	k.actions = nil
	return cut
}

// release frees the context of the actions.
func (k *Keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.releaseLocked()
}

func (k *Keeper) releaseLocked() {
	if k.actions != nil {
		k.actions.cancel()
	}
}
