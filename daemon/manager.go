package daemon

import (
	"context"
	"fmt"
	"os/signal"
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

// watching are the tasks that keep systemd informed while the service runs: one feeds
// the watchdog with the scheduler's moves, one keeps the status.
func (d *Daemon) watching() []task {
	if !d.manager.Listens() {
		return nil
	}
	watchdog := task{"watchdog", func(ctx context.Context, ready func()) error {
		ready()
		d.manager.Watch(ctx, d.fleet.Pulse)
		return nil
	}}
	return []task{watchdog, loop("status", statusEvery, func() { d.manager.Status(d.status()) })}
}

// While it starts or stops the service says once a second that it does and asks
// for askMargin more: that is how long it may hang before systemd kills it.
const (
	askEvery  = time.Second
	askMargin = 15 * time.Second
	startMost = time.Hour // a store that takes longer to open hangs
)

// askToStart is a task that keeps asking systemd for time, beyond the unit's
// TimeoutStartSec: what a crash left of many events takes a while to read, and a start
// that is cut would begin with the same again. A stop meanwhile has the unit's
// TimeoutStopSec.
func (d *Daemon) askToStart() task {
	ask := d.asking(startMost, func() string { return "opening the store" })
	return task{"start", func(ctx context.Context, ready func()) error {
		ctx, unlisten := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT, unix.SIGUSR2)
		defer unlisten()
		return ask.run(ctx, ready)
	}}
}

// tellStop tells systemd that the stop begins, and returns the task that keeps asking
// for time, up to most.
func (d *Daemon) tellStop(how End, most time.Duration) task {
	status := func() string {
		if how == HandOver {
			return "handing over"
		}
		return fmt.Sprintf("signing out, %d agents are signed in", d.fleet.Tally().SignedIn)
	}
	d.manager.Stopping(askMargin, status())
	return d.asking(most, status)
}

// progressEvery is how often a stop that takes long logs how far it is.
const progressEvery = 3 * time.Second

// progress is a task that logs how many agents are still to be signed out.
func (d *Daemon) progress() task {
	total := d.fleet.Tally().SignedIn
	return loop("progress", progressEvery, func() {
		left := d.fleet.Tally().SignedIn
		d.log.Info("signing out", "signed_out", max(total-left, 0), "still_signed_in", left)
	})
}

// asking is a task that asks systemd for time again and again, up to most.
func (d *Daemon) asking(most time.Duration, status func() string) task {
	ask := loop("time", askEvery, func() {
		if d.manager.Listens() {
			d.manager.Extend(askMargin, status())
		}
	})
	return task{ask.name, func(ctx context.Context, ready func()) error {
		ctx, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		return ask.run(ctx, ready)
	}}
}
