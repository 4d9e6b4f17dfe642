package page

import (
	"cmp"
	"slices"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
)

// line is a platform in the summary: as everybody is shown it, and what only the
// page tells.
type line struct {
	view.Platform
	SigningIn  int     `json:"signing_in"` // agents, as the four below
	SigningOut int     `json:"signing_out"`
	Waiting    int     `json:"waiting"`
	Parked     int     `json:"parked"`
	Offline    int     `json:"offline"`
	Window     float64 `json:"window"` // seconds
	contacts
	calls
}

// calls tell how many of the agents that are online get calls, of those of which that
// is known or wished.
type calls struct {
	Able     int `json:"able"`
	NotReady int `json:"not_ready"`
	HeldBack int `json:"held_back"` // of those that are not ready
}

func (c *calls) count(r *row) {
	switch {
	case r.Able:
		c.Able++
	case r.NotReady:
		c.NotReady++
		if r.Held != "" {
			c.HeldBack++
		}
	}
}

// contacts tell how much silence a platform's sessions have left. No count of
// package fleet's does: it changes by the passing of time alone.
type contacts struct {
	Sessions int `json:"sessions"`
	Late     int `json:"late"` // sessions with little left of the window
	// Margin is the smallest part of the window that any session has left, in
	// percent; it means nothing without sessions.
	Margin int `json:"margin"`
}

func lineOf(p fleet.Platform) line {
	in := func(state session.State) int { return p.Sum(func(c fleet.Count) bool { return c.State == state }) }
	return line{
		Platform: view.PlatformOf(p), SigningIn: in(session.SigningIn), SigningOut: in(session.SigningOut), Waiting: in(session.Waiting),
		Parked: in(session.Parked), Offline: in(session.Offline), Window: p.Window.Seconds(), contacts: contacts{Margin: 100},
	}
}

// add adds an agent.
func (l *line) add(a *fleet.Agent, r *row, now time.Time) {
	l.contacts.measure(a, r, now)
	l.calls.count(r)
}

// measure adds an agent's session, if it has one.
func (c *contacts) measure(a *fleet.Agent, r *row, now time.Time) {
	if share, ok := windowLeft(a, now); ok {
		c.Sessions++
		c.Margin = min(c.Margin, int(share*100))
	}
	if r.Late {
		c.Late++
	}
}

// summary makes a line of each platform, sorted by name.
func summary(platforms []fleet.Platform) (list []line, index map[string]*line) {
	list = make([]line, 0, len(platforms))
	for _, p := range platforms {
		list = append(list, lineOf(p))
	}
	slices.SortFunc(list, func(a, b line) int { return cmp.Compare(a.Name, b.Name) })
	index = make(map[string]*line, len(list))
	for i := range list {
		index[list[i].Name] = &list[i]
	}
	return list, index
}
