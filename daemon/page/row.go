package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// row is what the table shows of an agent. Nothing in it changes while the
// agent only goes on: contacts and events do not count as changes. Times are
// milliseconds since 1970; what is left out is empty.
type row struct {
	ID       string `json:"id"`
	Group    string `json:"group,omitempty"`
	Label    string `json:"label,omitempty"`
	Wish     string `json:"wish"`
	State    string `json:"state"`
	Reason   string `json:"reason,omitempty"`
	Code     string `json:"code,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Since    int64  `json:"since"`
	Next     int64  `json:"next,omitempty"` // attempt; of a queued one the platform knows
	SignIns  uint64 `json:"sign_ins,omitempty"`
	Queued   bool   `json:"queued,omitempty"`   // its sign-in waits its turn at the platform
	Late     bool   `json:"late,omitempty"`     // little is left of the window
	Override string `json:"override,omitempty"` // a person's word: its verb
	Warnings int    `json:"warnings,omitempty"`
}

// lateShare is the part of the window below which an agent's contact is late:
// a platform that answers never comes so far.
const lateShare = 0.25

const detailLimit = 512 // bytes of a detail in the table

// rowOf returns an agent's row; name is the agent's full name.
func rowOf(a *fleet.Agent, name string, now time.Time) row {
	v := &a.View
	r := row{ID: name, Group: a.Group, Label: a.Label, Wish: a.Wish.String(), State: string(v.State), Reason: string(v.Reason),
		Code: v.Code, Since: millis(v.Since), SignIns: v.SignIns, Queued: v.Queued, Warnings: len(v.Warnings)}
	if !v.Queued { // what holds a whole queue is told once, by its platform
		r.Detail, r.Next = shorten(v.Detail), millis(v.NextAttempt)
	}
	if a.Override != nil {
		r.Override = string(a.Override.Verb)
	}
	share, ok := windowLeft(a, now)
	r.Late = ok && share < lateShare
	return r
}

// windowLeft returns which part of its window a session has left, and whether
// there is one.
func windowLeft(a *fleet.Agent, now time.Time) (share float64, ok bool) {
	if a.View.Started.IsZero() || a.View.LastContact.IsZero() || a.Window <= 0 {
		return 0, false
	}
	left := a.Window - now.Sub(a.View.LastContact)
	return min(max(float64(left)/float64(a.Window), 0), 1), true
}

func shorten(text string) string {
	if len(text) <= detailLimit {
		return text
	}
	return strings.ToValidUTF8(text[:detailLimit], "") + "…"
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// platform is a line of the summary.
type platform struct {
	Name         string `json:"name"`
	Vendor       string `json:"vendor"`
	Agents       int    `json:"agents"`
	Wished       int    `json:"wished"` // online
	Online       int    `json:"online"`
	SigningIn    int    `json:"signing_in"`
	SigningOut   int    `json:"signing_out"`
	Waiting      int    `json:"waiting"`
	Parked       int    `json:"parked"`
	Offline      int    `json:"offline"`
	Late         int    `json:"late"`
	InFlight     int    `json:"in_flight"`
	Queue        int    `json:"queue"`
	RefusalsLeft int    `json:"refusals_left"`
	Quarantined  bool   `json:"quarantined"`
	Until        int64  `json:"quarantined_until,omitempty"`
	Out          bool   `json:"out"`
	OutSince     int64  `json:"out_since,omitempty"`
	NextTry      int64  `json:"next_try,omitempty"`
	Held         string `json:"held,omitempty"`
	Sessions     int    `json:"sessions"`
	// Why there is a quarantine, and whose log-ins led to it: those of other
	// platforms at the same address too.
	Why string `json:"why,omitempty"`
	// Margin is the smallest part of the window that any session has left, in
	// percent; it means nothing without sessions.
	Margin int `json:"margin"`
	// Window is in seconds.
	Window float64 `json:"window"`
}

func platformOf(p fleet.Platform) platform {
	g := p.Gate
	return platform{Name: p.Name, Vendor: p.Vendor, InFlight: g.InFlight, Queue: g.Queue, RefusalsLeft: g.RefusalsLeft,
		Quarantined: g.Quarantined, Until: millis(g.QuarantinedUntil), Out: g.Out, OutSince: millis(g.OutSince),
		NextTry: millis(g.NextCanary), Held: g.Held, Why: g.Why, Margin: 100, Window: p.Window.Seconds()}
}

// count adds an agent.
func (p *platform) count(a *fleet.Agent, r *row, now time.Time) {
	p.Agents++
	if a.Wish == session.Stay {
		p.Wished++
	}
	if n := p.state(a.View.State); n != nil {
		*n++
	}
	if r.Late {
		p.Late++
	}
	if share, ok := windowLeft(a, now); ok {
		p.Sessions++
		p.Margin = min(p.Margin, int(share*100))
	}
}

func (p *platform) state(s session.State) *int {
	switch s {
	case session.Offline:
		return &p.Offline
	case session.SigningIn:
		return &p.SigningIn
	case session.Online:
		return &p.Online
	case session.SigningOut:
		return &p.SigningOut
	case session.Waiting:
		return &p.Waiting
	case session.Parked:
		return &p.Parked
	}
	return nil
}

// summary counts the agents by platform, sorted by name.
func summary(platforms []fleet.Platform) (list []platform, index map[string]*platform) {
	list = make([]platform, 0, len(platforms))
	for _, p := range platforms {
		list = append(list, platformOf(p))
	}
	slices.SortFunc(list, func(a, b platform) int { return cmp.Compare(a.Name, b.Name) })
	index = make(map[string]*platform, len(list))
	for i := range list {
		index[list[i].Name] = &list[i]
	}
	return list, index
}
