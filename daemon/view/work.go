package view

import (
	"cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Work is an agent's working state, and what becomes of the one that is wished.
type Work struct {
	Wish         string   `json:"wish"`
	State        string   `json:"state"` // unknown without a session
	By           string   `json:"by"`
	Code         string   `json:"code"`   // the vendor's own
	Reason       string   `json:"reason"` // what it means
	Since        *Instant `json:"since"`
	HeldBack     string   `json:"held_back"` // why the wish is not pursued for now; "" = it is
	HeldUntil    *Instant `json:"held_until"`
	NextAttempt  *Instant `json:"next_attempt"`
	RestoresLeft int      `json:"restores_left"`
	Word         *Word    `json:"word,omitempty"` // a person's
}

// Word is what a person said about a working state.
type Word struct {
	Wish   string   `json:"wish"`
	Code   string   `json:"code,omitempty"`
	Until  *Instant `json:"until"`
	By     string   `json:"by"`
	Reason string   `json:"reason"`
	At     Instant  `json:"at"`
}

// WorkOf shows an agent's working state. An agent without a session has none: what
// was known of the last one says nothing.
func WorkOf(a fleet.Agent, s work.Shown) *Work {
	s = Present(&a, s)
	w := &Work{
		Wish: string(cmp.Or(s.Wish, work.AsIs)), State: string(cmp.Or(s.State, work.Unknown)), By: string(cmp.Or(s.By, work.ByUnknown)),
		Code: s.Code, Reason: s.Reason, Since: InstantOf(s.Since),
		HeldBack: string(s.HeldBack), HeldUntil: InstantOf(s.HeldUntil), NextAttempt: InstantOf(s.NextAttempt), RestoresLeft: s.RestoresLeft,
	}
	if o := s.Wished; o != nil {
		w.Word = &Word{Wish: string(o.Wish), Code: o.Code, Until: InstantOf(o.Until), By: o.By, Reason: o.Reason, At: Instant(o.At)}
	}
	return w
}

// Present takes from what is known of a working state what does not hold now: that of
// an agent without a session.
func Present(a *fleet.Agent, s work.Shown) work.Shown {
	if a.View.Started.IsZero() {
		s.Standing = work.Standing{}
	}
	return s
}

// Able reports whether the agent is online and calls come to it, now or after the one
// that there is.
func (a Agent) Able() bool {
	return a.Work != nil && a.State == string(session.Online) && work.State(a.Work.State).Able()
}

// NotReady reports whether the agent is online and gets no calls, as far as is known
// or wished. The status page counts the same.
func (a Agent) NotReady() bool {
	if a.Work == nil || a.State != string(session.Online) {
		return false
	}
	return work.Shown{Standing: work.Standing{State: work.State(a.Work.State)}, Wish: work.Wish(a.Work.Wish)}.NotReady()
}
