package daemon

import (
	"context"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors"
	"agentkeeper/vendors/adapter"
)

// openCommands makes what carries programs' commands. Its task ends after the agents:
// what is under way then is in doubt.
func (d *Daemon) openCommands(ctx context.Context) (err error) {
	d.commands, err = command.New(ctx, command.Options{
		Fleet: d.fleet, Settings: limits{d}, Values: d.store, Observer: d.metrics, Log: d.log, Lost: d.store.Damage().Commands,
		Standing: d.work.Standing,
		Sent: func(id session.ID, s command.Sent) {
			if !s.Own {
				d.work.Sent(id, s.Verb, s.By)
			}
		},
		Vendors: func(name string) (adapter.Vendor, bool) {
			v, ok := vendors.Table[name]
			return v, ok
		},
	})
	if err != nil {
		return err
	}
	d.tasks.start(closing("commands", func() { d.commands.Close(max(d.remaining(), time.Millisecond)) }))
	d.senders.open(d.commands)
	return nil
}

// limits are what the agents' configuration lets programs ask.
type limits struct{ d *Daemon }

// Limits implements command.Settings.
func (l limits) Limits(id session.ID) (command.Limits, bool) {
	c, ok := l.d.fleet.Commands(id)
	return command.Limits{Enabled: c.Enabled, Allow: c.Allow, Timeout: c.Timeout}, ok
}

// saw tells those who wait for an agent's events of them.
func (d *Daemon) saw(id session.ID, events []keeper.Event) { d.commands.Saw(id, events) }
