package fleet

import (
	"math"
	"time"

	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Agent is one agent as others see it.
type Agent struct {
	ID       session.ID
	Vendor   string
	Group    string
	Label    string       // what people call it; "" = nothing
	Wish     session.Wish // as wished now, which may be ahead of the view
	By, Why  string       // who wishes it ("schedule", "configuration", a person, "stop") and the reason given
	Override *Override    // nil: the schedule rules
	NextWish time.Time    // when the wish changes by itself; zero: never
	Today    string       // what is unlike other weeks about the schedule's day, of [Fleet.Agent] only; "" = nothing
	Pending  Pending
	Window   time.Duration
	View     keeper.View // its History, of [Fleet.Agent] only
}

// Pending is what a reload began with an agent and has not finished.
type Pending string

// What may be under way.
const (
	PendingNone    Pending = ""
	PendingChange  Pending = "change"  // its next keeper takes the new configuration
	PendingRemoval Pending = "removal" // configured no longer: forgotten once signed out
)

// Platform is one platform as others see it.
type Platform struct {
	Name   string
	Vendor string
	Window time.Duration
	Adopts bool // sessions outlive the process that holds them
	Gate   gate.Status
	Counts []Count // of its agents, in no order
	// Stuck is how many of them are past the deadline of what they do, as of a
	// look at most compareEvery ago.
	Stuck int
	// PasswordExpires is the earliest of its agents' passwords; zero: none is known.
	PasswordExpires time.Time
}

// Agents returns every agent, sorted by name in natural order: 9 before 10. An
// agent that comes or goes meanwhile may be left out.
func (f *Fleet) Agents() []Agent { return f.Page(session.ID{}, math.MaxInt) }

// Page returns the next agents behind after in that order, at most limit; behind
// the zero ID are all. Whether after is an agent does not matter.
func (f *Fleet) Page(after session.ID, limit int) []Agent {
	at, held := f.moment(), f.holds()
	list := make([]Agent, 0, min(limit, f.Tally().Agents))
	f.walkFrom(after, func(a *agent) bool {
		if len(list) < limit {
			list = append(list, f.seen(a, held[a.id.Platform], at))
		}
		return len(list) < limit
	})
	return list
}

// Agent returns one agent.
func (f *Fleet) Agent(id session.ID) (Agent, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil {
		return Agent{}, false
	}
	at := f.moment()
	seen := f.seen(a, a.platform.gate.Snapshot(), at)
	seen.Today = a.schedule.Today(at.now)
	seen.View.History = a.keeper.View().History
	return seen, true
}

// Platforms returns every platform. It looks at no agent.
func (f *Fleet) Platforms() []Platform {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Platform, 0, len(f.platforms))
	for name, p := range f.platforms {
		out := Platform{Name: name, Vendor: p.cfg.Vendor, Window: p.cfg.Window, Adopts: p.vendor.Adopts, Gate: p.gate.Snapshot()}
		counts, seen := f.census.of(name, out.Gate)
		out.Counts = counts
		out.Stuck, out.PasswordExpires = seen.stuck, seen.expires
		list = append(list, out)
	}
	return list
}

func (f *Fleet) holds() map[string]gate.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]gate.Status, len(f.platforms))
	for name, p := range f.platforms {
		all[name] = p.gate.Snapshot()
	}
	return all
}

// seen composes what the keeper, the gate and the wishes know. The caller
// holds mu.
func (f *Fleet) seen(a *agent, held gate.Status, at *moment) Agent {
	w, by, why, next := f.wishOf(a, at)
	view := a.keeper.Brief()
	if view.Queued && held.Held != "" {
		explainHold(&view, a.id.Platform, held)
	}
	out := Agent{ID: a.id, Vendor: a.platform.cfg.Vendor, Group: a.cfg.Group, Label: a.cfg.Label, Wish: w, By: by, Why: why, NextWish: next,
		Window: a.platform.cfg.Window, View: view}
	if a.next != nil {
		out.Pending = PendingChange
	}
	if a.removed || a.ended {
		order := f.shownOrder(a)
		out.Wish, out.NextWish = order.Wish, time.Time{}
		out.By, out.Why = order.By, order.Why
	}
	if a.removed {
		out.Pending = PendingRemoval
	}
	if o, ok := f.wishes[a.id]; ok && !o.over(at.now) {
		out.Override = &o
	}
	return out
}

// shownOrder is the order that people are shown. A hand-over changes no wish:
// the next process goes on with those of before. The caller holds mu.
func (f *Fleet) shownOrder(a *agent) keeper.Order {
	order := a.keeper.Order()
	switch {
	case f.handing && a.ended:
		order = *a.wished
	case order.Wish == session.Quit:
		order.Wish = session.Leave
	}
	return order
}

// noteWish counts what is wished of an agent, as it is shown. The caller holds mu.
func (f *Fleet) noteWish(a *agent, at *moment) {
	w, _, _, _ := f.wishOf(a, at) //nolint:dogsled // the rest is for people
	if a.removed || a.ended {
		w = f.shownOrder(a).Wish
	}
	f.census.wish(a, w)
}

// explainHold says why a sign-in waits in the platform's gate.
func explainHold(v *keeper.View, platform string, held gate.Status) {
	v.Detail = held.Held
	v.NextAttempt = held.NextCanary
	switch {
	case held.Quarantined:
		v.Reason, v.Code = session.ReasonQuarantine, "quarantine"
		v.Action = "correct the refused agents' passwords, or have the platform let this host's address in; then `agentkeeper quarantine end " + platform +
			" --reason …` lets one log-in try at once, else one tries when the quiet time is over"
	case held.Out && v.Reason != session.ReasonOutage: // what stopped it before is not what holds it now
		v.Reason = session.ReasonOutage
		v.Code, v.Action = "", ""
	}
}
