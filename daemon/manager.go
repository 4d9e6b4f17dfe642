package daemon

import (
	"context"
	"fmt"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// statusEvery bounds how often the status in `systemctl status` changes.
const statusEvery = 2 * time.Second

// status is the fleet in one line.
func (d *Daemon) status() string {
	t := d.fleet.Tally()
	text := fmt.Sprintf("%d of %d agents online, %d waiting, %d parked", t.Online, t.Wished, t.Waiting, t.Parked)
	if r := d.reload.Load(); r != nil && r.err != nil {
		text += "; the last reload failed, the old configuration is in use"
	}
	return text
}

// watch feeds systemd's watchdog with the scheduler's moves and keeps the
// status; unwatch ends both and waits.
func (d *Daemon) watch() (unwatch func()) {
	if !d.manager.Listens() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { d.manager.Watch(ctx, d.fleet.Pulse) })
	loops.Go(func() {
		every(ctx, statusEvery, func() { d.manager.Status(d.status()) })
	})
	return func() { cancel(); loops.Wait() }
}

// While it starts or stops the service says once a second that it does and asks
// for askMargin more: that is how long it may hang before systemd kills it.
const (
	askEvery  = time.Second
	askMargin = 15 * time.Second
	startMost = time.Hour // a store that takes longer to open hangs
)

// tellStart keeps asking systemd for time, beyond the unit's TimeoutStartSec,
// until told is called: what a crash left of many events takes a while to read,
// and a start that is cut would begin with the same again. A stop meanwhile has
// the unit's TimeoutStopSec.
func (d *Daemon) tellStart() (told func()) {
	if !d.manager.Listens() {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startMost)
	ctx, deaf := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT, unix.SIGUSR2)
	done := d.ask(ctx, func() string { return "opening the store" })
	return func() { deaf(); cancel(); done() }
}

// tellStop tells systemd that the stop begins, and keeps asking for time until
// told is called or ctx ends.
func (d *Daemon) tellStop(ctx context.Context, how End) (told func()) {
	status := func() string {
		if how == HandOver {
			return "handing over"
		}
		return fmt.Sprintf("signing out, %d agents are signed in", d.fleet.Tally().SignedIn)
	}
	d.manager.Stopping(askMargin, status())
	return d.ask(ctx, status)
}

// progressEvery is how often a stop that takes long logs how far it is.
const progressEvery = 3 * time.Second

// logProgress logs how many agents are still to be signed out, until done is called
// or ctx ends.
func (d *Daemon) logProgress(ctx context.Context, how End) (done func()) {
	if how == HandOver {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	total := d.fleet.Tally().SignedIn
	loop.Go(func() {
		every(ctx, progressEvery, func() {
			left := d.fleet.Tally().SignedIn
			d.log.Info("signing out", "signed_out", max(total-left, 0), "still_signed_in", left)
		})
	})
	return func() { cancel(); loop.Wait() }
}

// ask asks for time again and again until done is called or ctx ends.
func (d *Daemon) ask(ctx context.Context, status func() string) (done func()) {
	if !d.manager.Listens() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		every(ctx, askEvery, func() { d.manager.Extend(askMargin, status()) })
	})
	return func() { cancel(); loop.Wait() }
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f()
		case <-ctx.Done():
			return
		}
	}
}
