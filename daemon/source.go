package daemon

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"agentkeeper/daemon/events"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/store"
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

// observer is the metrics as the fleet wants them.
type observer struct{ *metrics.Metrics }

// SetPlatforms implements fleet.Observer.
func (o observer) SetPlatforms(windows map[string]time.Duration) {
	list := make([]metrics.Platform, 0, len(windows))
	for _, name := range slices.Sorted(maps.Keys(windows)) {
		list = append(list, metrics.Platform{Name: name, Window: windows[name]})
	}
	o.Metrics.SetPlatforms(list)
}

// source is the fleet as the metrics want it.
type source struct{ d *Daemon }

// Snapshot implements metrics.Source.
func (s source) Snapshot() metrics.Snapshot {
	f := s.d.fleet
	if f == nil {
		return metrics.Snapshot{}
	}
	cfg := s.d.cfg.Load()
	damage := s.d.store.Damage()
	out := metrics.Snapshot{
		StoreUp: s.d.store.Err() == nil, StoreDamage: damageOf(damage), Traced: s.d.tracer.Agents(),
		Webhooks: s.d.hookStatus(), Stream: s.d.streamStatus(cfg),
	}
	for _, p := range f.Platforms() {
		out.Platforms = append(out.Platforms, statusOf(p))
	}
	slices.SortFunc(out.Platforms, func(a, b metrics.PlatformStatus) int { return cmp.Compare(a.Name, b.Name) })
	if cfg.PerAgentMetrics {
		for _, a := range f.Agents() {
			out.Agents = append(out.Agents, metrics.AgentStatus{ID: a.ID, Online: a.View.State == session.Online,
				LastContact: a.View.LastContact, PasswordExpiry: a.View.PasswordExpires})
		}
	}
	return out
}

// statusOf is a platform as the metrics want it. It looks at no agent.
func statusOf(p fleet.Platform) metrics.PlatformStatus {
	out := metrics.PlatformStatus{
		Name: p.Name, States: map[session.State]int{}, Parked: map[session.Reason]int{}, Missing: map[string]int{},
		InFlight: p.Gate.InFlight, Queue: p.Gate.Queue, Quarantined: p.Gate.Quarantined, RefusalsLeft: p.Gate.RefusalsLeft,
		Up: !p.Gate.Out, Window: p.Window, Stuck: p.Stuck, PasswordExpiry: p.PasswordExpires,
		Warned: p.Sum(func(c fleet.Count) bool { return c.Warned }),
	}
	for _, c := range p.Counts {
		out.States[c.State] += c.Agents
		if c.State == session.Parked {
			out.Parked[c.Reason] += c.Agents
		}
		if c.Wish != session.Stay {
			continue
		}
		out.WishedOnline += c.Agents
		if c.State != session.Online {
			out.Missing[missing(c, p.Gate.Held != "")] += c.Agents
		}
	}
	return out
}

// missing says why agents that should be online are not; held tells that their
// platform's gate lets no sign-in through, or only a canary.
func missing(c fleet.Count, held bool) string {
	switch {
	case c.Queued && (!held || c.Reason == session.ReasonNone):
		return metrics.MissingQueued
	case c.Reason == session.ReasonNone:
		return metrics.MissingStarting
	}
	return string(c.Reason)
}

// damageOf counts what was found damaged on disk since the start.
func damageOf(d store.Damage) metrics.StoreDamage {
	lost := d.Lost()
	if d.Unknown {
		lost++
	}
	if d.HashKey {
		lost++
	}
	return metrics.StoreDamage{Mended: d.Restored + d.Copies, RecordsLost: lost, EventsLost: d.Events}
}
