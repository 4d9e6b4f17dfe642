package daemon

import (
	"context"
	"time"

	"agentkeeper/metrics"
)

// Snapshot implements metrics.Source. Before the fleet is there it is empty.
func (d *Daemon) Snapshot() metrics.Snapshot {
	if d.fleet == nil {
		return metrics.Snapshot{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	cfg, platforms := d.cfg.Load(), d.fleet.Platforms()
	s := metrics.Snapshot{
		StoreUp: d.store.Err() == nil, StoreDamage: d.store.Damage(), Traced: d.tracer.Agents(),
		Platforms: platforms, Working: d.working(platforms), Webhooks: d.hooks.Status(ctx), Stream: d.streamStatus(cfg),
	}
	if cfg.PerAgentMetrics {
		s.Agents = d.fleet.Agents()
	}
	return s
}
