package daemon

import (
	"encoding/json"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/store"
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

// audience counts those who follow the events over HTTP, and what they got.
type audience struct{ *metrics.Metrics }

// Delivered implements api.Audience. How long an event took says something only
// where the follower was there to take it.
func (a audience) Delivered(list []*store.Event, since time.Time) {
	a.EventsDelivered(followers, len(list))
	now := time.Now()
	for _, ev := range list {
		if ev.Stored.Before(since) {
			continue
		}
		if at := receivedAt(ev); !at.Before(since) {
			a.EventDelivery(followers, max(now.Sub(at), 0))
		}
	}
}

// receivedAt is when the platform's answer with the event came. Only an event
// that a follower was too slow for is read from the disk, and has to be decoded.
func receivedAt(ev *store.Event) time.Time {
	if !ev.Received.IsZero() {
		return ev.Received
	}
	var e struct {
		Recorded time.Time `json:"recordedtime"`
	}
	if json.Unmarshal(ev.Data, &e) != nil {
		return time.Time{}
	}
	return e.Recorded
}
