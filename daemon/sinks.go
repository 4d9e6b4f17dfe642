package daemon

import (
	"context"
	"encoding/json"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/webhook"
	"agentkeeper/metrics"
)

// followers is the name, among the consumers that are counted, of those who
// follow the events over HTTP.
const followers = "sse"

// consume makes the webhooks those of cfg, and all consumers known to the
// metrics.
func (d *Daemon) consume(cfg *config.Config) {
	sinks := []string{events.Sink, followers}
	for _, w := range cfg.Webhooks {
		sinks = append(sinks, webhook.Sink(w.Name))
	}
	d.metrics.SetSinks(sinks)
	d.hooks.Apply(cfg)
}

// followed counts an event that a follower has taken. How long it took says
// something only where it was there to take it.
func (d *Daemon) followed(data []byte, since time.Time) {
	d.metrics.EventsDelivered(followers, 1)
	var e struct {
		Recorded time.Time `json:"recordedtime"`
	}
	if json.Unmarshal(data, &e) == nil && !e.Recorded.Before(since) {
		d.metrics.EventDelivery(followers, max(time.Since(e.Recorded), 0))
	}
}

// hookStatus is the webhooks as the metrics want them.
func (d *Daemon) hookStatus() (list []metrics.WebhookStatus) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	now := time.Now()
	for _, s := range d.hooks.Status(ctx) {
		list = append(list, metrics.WebhookStatus{Name: s.Name, Lag: s.Lag, Age: s.Age(now), Stopped: s.State == webhook.Stopped, Dead: s.Dead})
	}
	return list
}
