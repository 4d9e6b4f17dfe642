package page

import (
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/session/work"
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
	working
}

// working is what the table shows of a working state. It is empty for an agent that is
// not online, and for one of which nothing is known or wished.
type working struct {
	Work     string `json:"work,omitempty"`      // the state
	Set      string `json:"work_by,omitempty"`   // who set it
	Why      string `json:"work_why,omitempty"`  // the vendor's code and what it means
	Wished   string `json:"work_wish,omitempty"` // of as_is nothing
	Held     string `json:"work_held,omitempty"` // why the wish is not pursued
	Changed  int64  `json:"work_since,omitempty"`
	Again    int64  `json:"work_next,omitempty"` // the next attempt
	Able     bool   `json:"able,omitempty"`      // calls come
	NotReady bool   `json:"not_ready,omitempty"` // it is online and gets no calls
}

// workingOf returns what is shown of an agent's working state.
func workingOf(a *fleet.Agent, s work.Shown) (w working) {
	if a.View.State != session.Online {
		return w
	}
	if s.Wish != work.AsIs {
		w.Wished = string(s.Wish)
	}
	w.Able, w.NotReady = s.State.Able(), s.NotReady()
	if s.State == "" || s.State == work.Unknown {
		if !w.NotReady {
			return working{Wished: w.Wished}
		}
		s.State = work.Unknown
	}
	w.Work, w.Set = string(s.State), string(s.By)
	w.Why = strings.Join(slices.DeleteFunc([]string{s.Code, s.Reason}, func(text string) bool { return text == "" }), ": ")
	w.Held = string(s.HeldBack)
	w.Changed, w.Again = millis(s.Since), millis(s.NextAttempt)
	return w
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
