package daemon

import (
	"maps"
	"slices"
	"time"

	"agentkeeper/daemon/config"
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
	cfg, now := s.d.cfg.Load(), time.Now()
	places := map[string]*place{}
	for _, p := range f.Platforms() {
		places[p.Name] = newPlace(p, cfg)
	}
	damage := s.d.store.Damage()
	out := metrics.Snapshot{
		StoreUp: s.d.store.Err() == nil, StoreDamage: damageOf(damage), Traced: s.d.tracer.Agents(),
		Webhooks: s.d.hookStatus(), Stream: s.d.streamStatus(cfg),
	}
	for _, a := range f.Agents() {
		if p := places[a.ID.Platform]; p != nil {
			p.count(a, now)
		}
		if cfg.PerAgentMetrics {
			out.Agents = append(out.Agents, metrics.AgentStatus{ID: a.ID, Online: a.View.State == session.Online,
				LastContact: a.View.LastContact, PasswordExpiry: a.View.PasswordExpires})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		out.Platforms = append(out.Platforms, places[name].PlatformStatus)
	}
	return out
}

// place is one platform while its agents are counted.
type place struct {
	metrics.PlatformStatus
	held    bool          // its gate lets no sign-in through, or only a canary
	timeout time.Duration // for one operation
}

func newPlace(p fleet.Platform, cfg *config.Config) *place {
	c, _ := cfg.Platform(p.Name) // one that is leaving has no time limit
	return &place{held: p.Gate.Held != "", timeout: c.SignIn.Timeout, PlatformStatus: metrics.PlatformStatus{
		Name: p.Name, States: map[session.State]int{}, Parked: map[session.Reason]int{}, Missing: map[string]int{},
		InFlight: p.Gate.InFlight, Queue: p.Gate.Queue, Quarantined: p.Gate.Quarantined, RefusalsLeft: p.Gate.RefusalsLeft,
		Up: !p.Gate.Out, Window: p.Window,
	}}
}

func (p *place) count(a fleet.Agent, now time.Time) {
	p.States[a.View.State]++
	if a.View.State == session.Parked {
		p.Parked[a.View.Reason]++
	}
	if a.Wish == session.Stay {
		p.WishedOnline++
		if a.View.State != session.Online {
			p.Missing[p.missing(a)]++
		}
	}
	if stuck(a, p.timeout, now) {
		p.Stuck++
	}
	if slices.ContainsFunc(a.View.Warnings, func(w session.Warning) bool { return w.Code != keeper.RequestFailed }) {
		p.Warned++
	}
	if at := a.View.PasswordExpires; !at.IsZero() && (p.PasswordExpiry.IsZero() || at.Before(p.PasswordExpiry)) {
		p.PasswordExpiry = at
	}
}

// missing says why an agent that should be online is not.
func (p *place) missing(a fleet.Agent) string {
	switch {
	case a.View.Queued && (!p.held || a.View.Reason == session.ReasonNone):
		return metrics.MissingQueued
	case a.View.Reason == session.ReasonNone:
		return metrics.MissingStarting
	}
	return string(a.View.Reason)
}

// late is how long after its deadline a step still is no sign of trouble.
const late = time.Minute

// stuck reports whether an agent's step has outlasted what bounds it: an
// operation its time limit (several requests may each take one), a pause the
// time of the next attempt. Who waits in the gate's queue is not: the gate
// says why.
func stuck(a fleet.Agent, timeout time.Duration, now time.Time) bool {
	v := a.View
	switch {
	case v.Queued:
		return false
	case !v.NextAttempt.IsZero():
		return now.Sub(v.NextAttempt) > late
	case v.State == session.SigningIn, v.State == session.SigningOut && v.Reason == session.ReasonNone:
		return timeout > 0 && now.Sub(v.Since) > 4*timeout+late
	}
	return false
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
