package api

import (
	"cmp"
	"context"
	"errors"
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
	Held             string   `json:"held"`          // why no sign-in may go now, or only one; "" if they may
	// Address, host and port, is what shares the budget of refused log-ins.
	Address    string   `json:"address"`
	SharedWith []string `json:"shared_with"` // the other platforms there
	Refused    []string `json:"refused"`     // agents, also of those, whose log-ins were refused of late
	Why        string   `json:"quarantine_reason"`
	Restart    string   `json:"restart_warning"` // in a quarantine: what a restart would do to the sessions; else ""
}

func (r *Reader) platforms(w http.ResponseWriter, _ *http.Request) {
	list := []Platform{}
	for _, p := range r.Agents.Platforms() {
		list = append(list, platformOf(p))
	}
	slices.SortFunc(list, func(a, b Platform) int { return cmp.Compare(a.Name, b.Name) })
	reply(w, http.StatusOK, map[string]any{"platforms": list})
}

// Trouble says in a few words what a platform that is out suffers from.
func (p Platform) Trouble() string { return gate.Trouble(p.Answers) }

func platformOf(p fleet.Platform) Platform {
	g := p.Gate
	return Platform{
		Name: p.Name, Vendor: p.Vendor, Agents: p.Sum(nil), Online: p.Sum(func(c fleet.Count) bool { return c.State == session.Online }),
		WishedOnline: p.Sum(func(c fleet.Count) bool { return c.Wish == session.Stay }), InFlight: g.InFlight, Queue: g.Queue, Out: g.Out, Answers: g.Answers, OutSince: instantOf(g.OutSince),
		Quarantined: g.Quarantined, QuarantinedUntil: instantOf(g.QuarantinedUntil), RefusalsLeft: g.RefusalsLeft,
		NextTry: instantOf(g.NextCanary), Held: g.Held, Address: g.Address, SharedWith: append([]string{}, g.SharedWith...),
		Refused: names(g.Refused), Why: g.Why, Restart: restartWarning(p),
	}
}

// restartWarning says what a restart or an upgrade would do to the sessions of a
// platform that takes no log-ins.
func restartWarning(p fleet.Platform) string {
	switch {
	case !p.Gate.Quarantined:
		return ""
	case p.Adopts:
		return "A session that is lost does not come back until the quarantine ends; a restart or an upgrade keeps those that live, a stop does not."
	}
	return "A session that is lost does not come back until the quarantine ends, and a restart or an upgrade loses them all: they end with their connections."
}

// Quarantines is what can be done about a platform's quarantine.
type Quarantines interface {
	// EndQuarantine fails with fleet.ErrUnknownPlatform, fleet.ErrNotQuarantined
	// or the store's error.
	EndQuarantine(ctx context.Context, platform, by, reason string) error
}

// endQuarantine takes a person's word to let one log-in try now. It answers 202
// with the platform.
func (c *Controller) endQuarantine(w http.ResponseWriter, req *http.Request) {
	reason, ok := readReason(w, req)
	if !ok {
		return
	}
	name := req.PathValue("platform")
	switch err := c.Quarantines.EndQuarantine(req.Context(), name, PeerOf(req.Context()).String(), reason); {
	case errors.Is(err, fleet.ErrUnknownPlatform):
		fail(w, http.StatusNotFound, err.Error()+c.nearPlatform(name))
	case errors.Is(err, fleet.ErrNotQuarantined):
		fail(w, http.StatusConflict, err.Error()+": there is nothing to end")
	case err != nil:
		unavailable(w, err.Error())
	default:
		c.tellPlatform(w, name)
	}
}

// nearPlatform says which platform may be meant.
func (c *Controller) nearPlatform(name string) string {
	var known []string
	for _, p := range c.Agents.Platforms() {
		known = append(known, p.Name)
	}
	return DidYouMean(name, known)
}

func (c *Controller) tellPlatform(w http.ResponseWriter, name string) {
	for _, p := range c.Agents.Platforms() {
		if p.Name != name {
			continue
		}
		reply(w, http.StatusAccepted, platformOf(p))
		return
	}
	fail(w, http.StatusNotFound, fleet.ErrUnknownPlatform.Error()+": "+name)
}
