package view

import (
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
)

// Platform is one platform.
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
	OutSince         *Instant `json:"out_since"`
	Quarantined      bool     `json:"quarantined"` // log-ins are stopped to avoid a lock-out
	QuarantinedUntil *Instant `json:"quarantined_until"`
	RefusalsLeft     int      `json:"refusals_left"` // before a quarantine
	NextTry          *Instant `json:"next_try"`      // of the canary, while out or quarantined
	Held             string   `json:"held"`          // why no sign-in may go now, or only one; "" if they may
	// Address, host and port, is what shares the budget of refused log-ins.
	Address    string   `json:"address"`
	SharedWith []string `json:"shared_with"` // the other platforms there
	Refused    []string `json:"refused"`     // agents, also of those platforms, whose log-ins were refused lately
	Why        string   `json:"quarantine_reason"`
	Restart    string   `json:"restart_warning"` // in a quarantine: what a restart would do to the sessions; else ""
}

// Trouble says in a few words what a platform that is out suffers from.
func (p Platform) Trouble() string { return gate.Trouble(p.Answers) }

// PlatformOf shows a platform.
func PlatformOf(p fleet.Platform) Platform {
	g := p.Gate
	return Platform{
		Name: p.Name, Vendor: p.Vendor, Agents: p.Sum(nil), Online: p.Sum(func(c fleet.Count) bool { return c.State == session.Online }),
		WishedOnline: p.Sum(func(c fleet.Count) bool { return c.Wish == session.Stay }), InFlight: g.InFlight, Queue: g.Queue, Out: g.Out, Answers: g.Answers, OutSince: InstantOf(g.OutSince),
		Quarantined: g.Quarantined, QuarantinedUntil: InstantOf(g.QuarantinedUntil), RefusalsLeft: g.RefusalsLeft,
		NextTry: InstantOf(g.NextCanary), Held: g.Held, Address: g.Address, SharedWith: append([]string{}, g.SharedWith...),
		Refused: names(g.Refused), Why: g.Why, Restart: RestartWarning(p),
	}
}

// RestartWarning says what a restart or an upgrade would do to the sessions of a
// platform that takes no log-ins.
func RestartWarning(p fleet.Platform) string {
	switch {
	case !p.Gate.Quarantined:
		return ""
	case p.Adopts:
		return "A session that is lost does not come back until the quarantine ends; a restart or an upgrade keeps those that live, a stop does not."
	}
	return "A session that is lost does not come back until the quarantine ends, and a restart or an upgrade loses them all: they end with their connections."
}

func names(ids []session.ID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}
