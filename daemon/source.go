package daemon

import (
	"context"
	"time"

	"agentkeeper/daemon/events"
	"agentkeeper/daemon/page"
	"agentkeeper/metrics"
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

// Snapshot implements metrics.Source. Before the fleet is there it is empty.
func (d *Daemon) Snapshot() metrics.Snapshot {
	if d.fleet == nil {
		return metrics.Snapshot{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	cfg := d.cfg.Load()
	s := metrics.Snapshot{
		StoreUp: d.store.Err() == nil, StoreDamage: d.store.Damage(), Traced: d.tracer.Agents(),
		Platforms: d.fleet.Platforms(), Webhooks: d.hooks.Status(ctx), Stream: d.streamStatus(cfg),
	}
	if cfg.PerAgentMetrics {
		s.Agents = d.fleet.Agents()
	}
	return s
}
