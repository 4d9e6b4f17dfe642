package daemon

import (
	"context"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/webhook"
	"agentkeeper/daemon/work"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// sink is the stream of events. It counts our own for the status page, and lets
// those see all who follow what the agents do.
type sink struct {
	*events.Stream
	activity *page.Activity
	work     *work.Tracker
	saw      func(id session.ID, events []keeper.Event) // who waits for the effect of a command
}

// Take implements keeper.Sink.
func (s sink) Take(ctx context.Context, id session.ID, events []keeper.Event) error {
	err := s.Stream.Take(ctx, id, events)
	s.work.Saw(id, events) // first: who waits knows then what the agent does
	s.saw(id, events)
	return err
}

// Note implements keeper.Sink.
func (s sink) Note(id session.ID, e keeper.Event) {
	s.activity.Note(id.Platform, e.Type)
	s.Stream.Note(id, e)
	s.work.Note(id, e)
}

// consume makes the webhooks those of cfg, and all consumers known to the
// metrics.
func (d *Daemon) consume(cfg *config.Config) {
	sinks := []string{events.Sink, api.Sink}
	for _, w := range cfg.Webhooks {
		sinks = append(sinks, webhook.Sink(w.Name))
	}
	d.metrics.SetSinks(sinks)
	d.hooks.Apply(cfg)
}
