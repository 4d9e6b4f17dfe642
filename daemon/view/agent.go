package view

import (
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// Agent is one agent.
type Agent struct {
	Identity
	Condition
	Session         *Session  `json:"session"`        // null without one
	Work            *Work     `json:"work,omitempty"` // of vendors that tell it
	SignIns         uint64    `json:"sign_ins"`
	Events          uint64    `json:"events"`
	Override        *Override `json:"override,omitempty"`
	Warnings        []Warning `json:"warnings,omitempty"`
	PasswordExpires *Instant  `json:"password_expires,omitempty"`
	Pending         string    `json:"pending,omitempty"` // what a reload has not finished: change or removal
	*Story                    // of a single agent only
}

// Identity is which agent it is.
type Identity struct {
	ID       string `json:"id"`
	Platform string `json:"platform"`
	Login    string `json:"login"`
	Vendor   string `json:"vendor"`
	Group    string `json:"group"`
	Label    string `json:"label,omitempty"` // what people call it
}

// Condition is how an agent is, and how it should be.
type Condition struct {
	Wish        string   `json:"wish"`
	State       string   `json:"state"`
	Reason      string   `json:"reason"`
	Code        string   `json:"code"`   // the vendor's own
	Detail      string   `json:"detail"` // what it means
	Action      string   `json:"action"` // what a person can do
	Since       Instant  `json:"since"`
	NextAttempt *Instant `json:"next_attempt"`
	LastContact *Instant `json:"last_contact"`
	// WindowLeft is how long the platform would still forgive silence; null
	// without a session.
	WindowLeft *float64 `json:"window_left_seconds"`
}

// Story is what is told about a single agent.
type Story struct {
	WishBy      string       `json:"wish_by"`     // "schedule", "configuration", a person, or what ends the agent
	WishReason  string       `json:"wish_reason"` // the person's
	WishUntil   *Instant     `json:"wish_until"`  // when the wish changes by itself; null: never
	History     []Transition `json:"history"`     // the last ones, oldest first
	Explanation []string     `json:"explanation"` // sentences for people, what matters first
}

// Session is a live session.
type Session struct {
	Started Instant `json:"started"`
	Adopted bool    `json:"adopted"` // went on from the process before, without a login
}

// Override is a person's word.
type Override struct {
	Verb   string   `json:"verb"`
	Until  *Instant `json:"until"`
	By     string   `json:"by"`
	Reason string   `json:"reason"`
	At     Instant  `json:"at"`
}

// Warning is something that needs a person though the session lives.
type Warning struct {
	Code   string `json:"code"`
	Text   string `json:"text"`
	Action string `json:"action"`
}

// Transition is one change of state.
type Transition struct {
	At     Instant `json:"at"`
	State  string  `json:"state"`
	Reason string  `json:"reason"`
	Code   string  `json:"code"`
}

// AgentOf shows an agent as of now, without its story.
func AgentOf(a fleet.Agent, now time.Time) Agent {
	v := a.View
	out := Agent{
		Identity: Identity{ID: a.ID.String(), Platform: a.ID.Platform, Login: a.ID.Login, Vendor: a.Vendor, Group: a.Group, Label: a.Label},
		Condition: Condition{
			Wish: a.Wish.String(), State: string(v.State), Reason: string(v.Reason), Code: v.Code, Detail: v.Detail, Action: v.Action,
			Since: Instant(v.Since), NextAttempt: InstantOf(v.NextAttempt), LastContact: InstantOf(v.LastContact),
		},
		SignIns: v.SignIns, Events: v.Events, PasswordExpires: InstantOf(v.PasswordExpires), Pending: string(a.Pending),
	}
	if !v.Started.IsZero() {
		out.Session = &Session{Started: Instant(v.Started), Adopted: v.Adopted}
		left := max(a.Window-now.Sub(v.LastContact), 0).Round(time.Millisecond).Seconds()
		out.WindowLeft = &left
	}
	for _, w := range v.Warnings {
		out.Warnings = append(out.Warnings, Warning(w))
	}
	if o := a.Override; o != nil {
		out.Override = &Override{Verb: string(o.Verb), Until: InstantOf(o.Until), By: o.By, Reason: o.Reason, At: Instant(o.At)}
	}
	return out
}

// Unmet reports whether the agent is not as it is wished: online, or not. The
// status page counts the same.
func (a Agent) Unmet() bool {
	const online = string(session.Online)
	return (a.Wish == online) != (a.State == online)
}

// StoryOf tells about one agent; explanation is in sentences for people.
func StoryOf(a fleet.Agent, explanation []string) *Story {
	s := &Story{WishBy: a.By, WishReason: a.Why, WishUntil: InstantOf(a.NextWish), Explanation: explanation}
	for _, t := range a.View.History {
		s.History = append(s.History, Transition{Instant(t.At), string(t.State), string(t.Reason), t.Code})
	}
	return s
}
