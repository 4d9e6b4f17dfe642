package daemon

import (
	"context"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
)

// End is how Run is told to end.
type End uint8

// The ends.
const (
	SignOut  End = iota // sign every agent out, within stop_timeout
	HandOver            // leave the sessions to the next process
)

// Run starts the agents, serves until end says how to stop, and stops. It
// returns the agents that it had to leave signed in against the wish.
func (d *Daemon) Run(ctx context.Context, end <-chan End) (left []fleet.Agent, err error) {
	cfg := d.cfg.Load()
	d.consume(cfg) // first: what the fleet reports is for new webhooks, too
	d.trace(cfg)   // before the first request
	d.tasks.start(d.keeping())
	d.reloaded(nil)
	close(d.doors.opened)
	d.started.Store(true)
	d.announce(cfg)
	var meanwhile tasks // they go on while the others end
	for _, t := range append(d.watching(), d.giveMemoryBack()) {
		meanwhile.start(t)
	}
	defer meanwhile.end()
	how := SignOut
	select {
	case how = <-end:
	case <-ctx.Done():
	case err = <-d.tasks.failed:
		how = HandOver
	}
	d.stop(how)
	return d.left, err
}

// announce tells the log and systemd that the service is up.
func (d *Daemon) announce(cfg *config.Config) {
	d.log.Info("started", "version", d.o.Version, "listen", d.Addr(), "control", cfg.Control,
		"platforms", len(cfg.Platforms), "agents", len(cfg.Agents), "open_files_limit", d.files.Plan().Limit)
	d.manager.Ready(d.status())
}

// stop ends the agents, then what serves them, then the store.
func (d *Daemon) stop(how End) {
	began := time.Now()
	ends := began.Add(d.cfg.Load().StopTimeout)
	d.how = how
	d.ends.Store(&ends)
	phase := api.PhaseStopping
	if how == HandOver {
		phase = api.PhaseHandingOver
	}
	d.ending.Store(&phase)
	d.tasks.end()
	d.log.Info("ended", "after", time.Since(began).Round(time.Millisecond).String(), "left", len(d.left))
}

// keeping is the task of the agents. They are kept from its start on, and signed out or
// handed over at its end.
func (d *Daemon) keeping() task {
	return task{"agents", func(ctx context.Context, ready func()) error {
		d.work.Apply(policiesOf(d.cfg.Load())) // before the first events
		d.fleet.Apply(d.cfg.Load(), "start")
		ready()
		<-ctx.Done()
		d.endAgents()
		return nil
	}}
}

func (d *Daemon) endAgents() {
	d.commands.Drain()
	limit := d.cfg.Load().StopTimeout
	most := d.remaining() - timeToClose(limit)
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	var meanwhile tasks
	defer meanwhile.end()
	meanwhile.start(d.tellStop(d.how, most))
	if d.how == HandOver {
		d.log.Info("handing over: the sessions stay signed in")
		d.fleet.HandOver(ctx, "hand-over")
		return
	}
	meanwhile.start(d.progress())
	d.log.Info("signing every agent out", "within", limit.String())
	d.left = d.fleet.Stop(ctx, "stop")
	for _, a := range d.left {
		d.log.Error("still signed in at the end", "platform", a.ID.Platform, "agent", a.ID.String(),
			"reason", string(a.View.Reason), "code", a.View.Code, "detail", a.View.Detail)
	}
}

// timeToClose is the part of stop_timeout that is kept for what follows the
// agents' end: events on their way to the store and to webhooks, answers to
// requests that were taken, and the store itself.
func timeToClose(stopTimeout time.Duration) time.Duration { return min(stopTimeout/8, time.Second) }

// remaining is how long a task that ends may wait for others: until the end that was
// set, or as long as the task itself allows.
func (d *Daemon) remaining() time.Duration {
	if ends := d.ends.Load(); ends != nil {
		return time.Until(*ends)
	}
	return time.Minute
}
