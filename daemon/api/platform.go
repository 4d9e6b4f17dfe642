package api

import (
	"cmp"
	"net/http"
	"slices"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
)

// Platform is one platform in JSON.
type Platform struct {
	Name             string   `json:"name"`
	Vendor           string   `json:"vendor"`
	Agents           int      `json:"agents"`
	Online           int      `json:"online"`
	WishedOnline     int      `json:"wished_online"`
	InFlight         int      `json:"operations_in_flight"`
	Queue            int      `json:"sign_in_queue"`
	Out              bool     `json:"out"`         // it cannot be reached, or does not work
	Answers          bool     `json:"out_answers"` // out, though something answers there
	OutSince         *instant `json:"out_since"`
	Quarantined      bool     `json:"quarantined"` // log-ins are stopped to avoid a lock-out
	QuarantinedUntil *instant `json:"quarantined_until"`
	RefusalsLeft     int      `json:"refusals_left"` // before a quarantine
	NextTry          *instant `json:"next_try"`      // of the canary, while out or quarantined
	Held             string   `json:"held"`          // why no sign-in may go now; "" if one may
}

func (r *Reader) platforms(w http.ResponseWriter, _ *http.Request) {
	list := []Platform{}
	index := map[string]int{}
	for _, p := range r.Agents.Platforms() {
		index[p.Name] = len(list)
		list = append(list, platformOf(p))
	}
	for _, a := range r.Agents.Agents() {
		if i, ok := index[a.ID.Platform]; ok {
			list[i].count(a)
		}
	}
	slices.SortFunc(list, func(a, b Platform) int { return cmp.Compare(a.Name, b.Name) })
	reply(w, http.StatusOK, map[string]any{"platforms": list})
}

// Trouble says in a few words what a platform that is out suffers from.
func (p Platform) Trouble() string { return gate.Trouble(p.Answers) }

func platformOf(p fleet.Platform) Platform {
	g := p.Gate
	return Platform{
		Name: p.Name, Vendor: p.Vendor, InFlight: g.InFlight, Queue: g.Queue, Out: g.Out, Answers: g.Answers, OutSince: instantOf(g.OutSince),
		Quarantined: g.Quarantined, QuarantinedUntil: instantOf(g.QuarantinedUntil), RefusalsLeft: g.RefusalsLeft,
		NextTry: instantOf(g.NextCanary), Held: g.Held,
	}
}

func (p *Platform) count(a fleet.Agent) {
	p.Agents++
	if a.View.State == session.Online {
		p.Online++
	}
	if a.Wish == session.Stay {
		p.WishedOnline++
	}
}
