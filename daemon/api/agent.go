package api

import (
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// Agent is one agent in JSON.
type Agent struct {
	ID          string   `json:"id"`
	Platform    string   `json:"platform"`
	Login       string   `json:"login"`
	Vendor      string   `json:"vendor"`
	Group       string   `json:"group"`
	Label       string   `json:"label,omitempty"` // what people call it
	Wish        string   `json:"wish"`
	State       string   `json:"state"`
	Reason      string   `json:"reason"`
	Code        string   `json:"code"`   // the vendor's own
	Detail      string   `json:"detail"` // what it means
	Action      string   `json:"action"` // what a person can do
	Since       instant  `json:"since"`
	NextAttempt *instant `json:"next_attempt"`
	LastContact *instant `json:"last_contact"`
	// WindowLeft is how long the platform would still forgive silence; null
	// without a session.
	WindowLeft      *float64  `json:"window_left_seconds"`
	Session         *Session  `json:"session"` // null without one
	SignIns         uint64    `json:"sign_ins"`
	Events          uint64    `json:"events"`
	Override        *Override `json:"override,omitempty"`
	Warnings        []Warning `json:"warnings,omitempty"`
	PasswordExpires *instant  `json:"password_expires,omitempty"`
	Pending         string    `json:"pending,omitempty"` // what a reload has not finished: change or removal
	*Story                    // of a single agent only
}

// Story is what is told about a single agent.
type Story struct {
	WishBy      string       `json:"wish_by"`     // "schedule", "configuration", a person, or what ends the agent
	WishReason  string       `json:"wish_reason"` // the person's
	WishUntil   *instant     `json:"wish_until"`  // when the wish changes by itself; null: never
	History     []Transition `json:"history"`     // the last ones, oldest first
	Explanation []string     `json:"explanation"` // sentences for people, what matters first
}

// Session is a session in JSON.
type Session struct {
	Started instant `json:"started"`
	Adopted bool    `json:"adopted"` // went on from the process before, without a login
}

// Override is a person's word in JSON.
type Override struct {
	Verb   string   `json:"verb"`
	Until  *instant `json:"until"`
	By     string   `json:"by"`
	Reason string   `json:"reason"`
	At     instant  `json:"at"`
}

// Warning is something that needs a person though the session lives.
type Warning struct {
	Code   string `json:"code"`
	Text   string `json:"text"`
	Action string `json:"action"`
}

// Transition is one change of state.
type Transition struct {
	At     instant `json:"at"`
	State  string  `json:"state"`
	Reason string  `json:"reason"`
	Code   string  `json:"code"`
}

// instant prints in UTC with milliseconds.
type instant time.Time

// MarshalText implements encoding.TextMarshaler.
func (i instant) MarshalText() ([]byte, error) {
	return []byte(time.Time(i).UTC().Format("2006-01-02T15:04:05.000Z07:00")), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *instant) UnmarshalText(text []byte) error { return (*time.Time)(i).UnmarshalText(text) }

// Time returns the instant.
func (i instant) Time() time.Time { return time.Time(i) }

func instantOf(t time.Time) *instant {
	if t.IsZero() {
		return nil
	}
	i := instant(t)
	return &i
}

func agentOf(a fleet.Agent, now time.Time) Agent {
	v := a.View
	out := Agent{
		ID: a.ID.String(), Platform: a.ID.Platform, Login: a.ID.Login, Vendor: a.Vendor, Group: a.Group, Label: a.Label,
		Wish: a.Wish.String(), State: string(v.State), Reason: string(v.Reason), Code: v.Code, Detail: v.Detail, Action: v.Action,
		Since: instant(v.Since), NextAttempt: instantOf(v.NextAttempt), LastContact: instantOf(v.LastContact),
		SignIns: v.SignIns, Events: v.Events, PasswordExpires: instantOf(v.PasswordExpires), Pending: string(a.Pending),
	}
	if !v.Started.IsZero() {
		out.Session = &Session{Started: instant(v.Started), Adopted: v.Adopted}
		left := max(a.Window-now.Sub(v.LastContact), 0).Round(time.Millisecond).Seconds()
		out.WindowLeft = &left
	}
	for _, w := range v.Warnings {
		out.Warnings = append(out.Warnings, Warning(w))
	}
	if o := a.Override; o != nil {
		out.Override = &Override{Verb: string(o.Verb), Until: instantOf(o.Until), By: o.By, Reason: o.Reason, At: instant(o.At)}
	}
	return out
}

// StateUnmet is what the filter of states calls agents that are not as they are wished.
const StateUnmet = "unmet"

// Unmet reports whether the agent is not as it is wished: online, or not. The
// status page counts the same.
func (a Agent) Unmet() bool {
	const online = string(session.Online)
	return (a.Wish == online) != (a.State == online)
}

// storyOf is what is told about one agent, on a platform.
func storyOf(a fleet.Agent, p fleet.Platform, now time.Time) *Story {
	s := &Story{WishBy: a.By, WishReason: a.Why, WishUntil: instantOf(a.NextWish), Explanation: explain(a, p, now)}
	for _, t := range a.View.History {
		s.History = append(s.History, Transition{instant(t.At), string(t.State), string(t.Reason), t.Code})
	}
	return s
}

func validState(name string) bool {
	for _, s := range session.States() {
		if string(s) == name {
			return true
		}
	}
	return false
}
