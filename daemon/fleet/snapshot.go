package fleet

import (
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
	View     keeper.View
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
}

// Agents returns every agent, sorted by name in natural order: 9 before 10.
func (f *Fleet) Agents() []Agent {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := f.holds()
	now := time.Now()
	list := make([]Agent, 0, len(f.agents))
	for _, id := range f.sortedIDs() {
		list = append(list, f.seen(f.agents[id], held[id.Platform], now))
	}
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
	now := time.Now()
	seen := f.seen(a, a.platform.gate.Snapshot(), now)
	seen.Today = a.schedule.Today(now)
	return seen, true
}

// Tally is the fleet in numbers.
type Tally struct {
	Agents, Wished int // all of them, and those that are to be online
	Online, Waiting, Parked,
	SignedIn int // those with a session, whatever their state
}

// Tally counts the agents. It costs less than Agents.
func (f *Fleet) Tally() Tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := Tally{Agents: len(f.agents)}
	for _, a := range f.agents {
		t.add(a, f.shownOrder(a))
	}
	return t
}

func (t *Tally) add(a *agent, order keeper.Order) {
	view := a.keeper.View()
	if order.Wish == session.Stay {
		t.Wished++
	}
	if !view.Started.IsZero() {
		t.SignedIn++
	}
	switch view.State {
	case session.Online:
		t.Online++
	case session.Waiting:
		t.Waiting++
	case session.Parked:
		t.Parked++
	case session.Offline, session.SigningIn, session.SigningOut:
	}
}

// Platforms returns every platform.
func (f *Fleet) Platforms() []Platform {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Platform, 0, len(f.platforms))
	for name, p := range f.platforms {
		list = append(list, Platform{Name: name, Vendor: p.cfg.Vendor, Window: p.cfg.Window, Adopts: p.vendor.Adopts, Gate: p.gate.Snapshot()})
	}
	return list
}

func (f *Fleet) holds() map[string]gate.Status {
	all := make(map[string]gate.Status, len(f.platforms))
	for name, p := range f.platforms {
		all[name] = p.gate.Snapshot()
	}
	return all
}

// seen composes what the keeper, the gate and the wishes know. The caller
// holds mu.
func (f *Fleet) seen(a *agent, held gate.Status, now time.Time) Agent {
	w, by, why, next := f.wishOf(a, now)
	view := a.keeper.View()
	if view.Queued && held.Held != "" {
		explainHold(&view, a.id.Platform, held)
	}
	out := Agent{ID: a.id, Vendor: a.platform.cfg.Vendor, Group: a.cfg.Group, Label: a.cfg.Label, Wish: w, By: by, Why: why, NextWish: next,
		Window: a.platform.cfg.Window, View: view}
	if a.next != nil {
		out.Pending = PendingChange
	}
	if a.removed || f.ending {
		order := f.shownOrder(a)
		out.Wish, out.By, out.Why, out.NextWish = order.Wish, order.By, order.Why, time.Time{}
	}
	if a.removed {
		out.Pending = PendingRemoval
	}
	if o, ok := f.wishes[a.id]; ok && !o.over(now) {
		out.Override = &o
	}
	return out
}

// shownOrder is the order that people are shown. A hand-over changes no wish:
// the next process goes on with those of before. The caller holds mu.
func (f *Fleet) shownOrder(a *agent) keeper.Order {
	order := a.last
	switch {
	case f.handing:
		order = a.wished
	case order.Wish == session.Quit:
		order.Wish = session.Leave
	}
	return order
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
		v.Reason, v.Code, v.Action = session.ReasonOutage, "", ""
	}
}
