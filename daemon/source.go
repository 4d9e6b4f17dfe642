package daemon

import (
	"maps"
	"slices"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/metrics"
	"agentkeeper/session"
)

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
	places := map[string]*metrics.PlatformStatus{}
	for _, p := range f.Platforms() {
		places[p.Name] = &metrics.PlatformStatus{
			Name: p.Name, States: map[session.State]int{}, Parked: map[session.Reason]int{},
			InFlight: p.Gate.InFlight, Queue: p.Gate.Queue, Quarantined: p.Gate.Quarantined, RefusalsLeft: p.Gate.RefusalsLeft,
		}
	}
	var out metrics.Snapshot
	perAgent := s.d.cfg.Load().PerAgentMetrics
	for _, a := range f.Agents() {
		if p := places[a.ID.Platform]; p != nil {
			count(p, a)
		}
		if perAgent {
			out.Agents = append(out.Agents, metrics.AgentStatus{ID: a.ID, Online: a.View.State == session.Online,
				LastContact: a.View.LastContact, PasswordExpiry: a.View.PasswordExpires})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		out.Platforms = append(out.Platforms, *places[name])
	}
	return out
}

func count(p *metrics.PlatformStatus, a fleet.Agent) {
	p.States[a.View.State]++
	if a.View.State == session.Parked {
		p.Parked[a.View.Reason]++
	}
	if a.Wish == session.Stay {
		p.WishedOnline++
	}
	if at := a.View.PasswordExpires; !at.IsZero() && (p.PasswordExpiry.IsZero() || at.Before(p.PasswordExpiry)) {
		p.PasswordExpiry = at
	}
}
