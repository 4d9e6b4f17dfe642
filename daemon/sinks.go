package daemon

import (
	"agentkeeper/daemon/api"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// sink is the stream of events, and counts our own for the status page.
type sink struct {
	*events.Stream
	activity *page.Activity
}

// Note implements keeper.Sink.
func (s sink) Note(id session.ID, e keeper.Event) {
	s.activity.Note(id.Platform, e.Type)
	s.Stream.Note(id, e)
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
