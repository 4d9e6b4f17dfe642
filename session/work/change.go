package work

import "time"

// Change is what an event of the platform, or the answer to a read-back, tells of a
// working state. Each vendor reads its own.
type Change struct {
	State State // what the agent does now; "" where only Answered is told
	// By is who brought that about; where Sure is false, then only if nobody here
	// asked for the state.
	By   By
	Sure bool
	// Code and Reason are as in Standing.
	Code, Reason string
	Cause        Cause // of what the platform did; "": another, or not known
	// Pre tells that the platform is about to set State and has not yet.
	Pre bool
	// Answered tells that a call was answered, which shows that somebody is there.
	Answered bool
}

// Record is what is durable of an agent's working state. The zero Record is that of
// an agent of which nothing is known.
type Record struct {
	State  State     `json:"state,omitempty"`
	By     By        `json:"by,omitempty"`
	Code   string    `json:"code,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Cause  Cause     `json:"cause,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Asked is the state that the keeper asked for without having seen it come.
	Asked State `json:"asked,omitempty"`
	// Tries are the restores that count, the oldest first.
	Tries []time.Time `json:"tries,omitempty"`
	Word  *Word       `json:"word,omitempty"` // nil: no person said anything
}

// MostLimit bounds Policy.Limit.
const MostLimit = 100

// Spent returns the record of an agent of which nothing is known but that there was
// one: as many restores as there can have been count.
func Spent(now time.Time) Record {
	r := Record{Tries: make([]time.Time, MostLimit)}
	for i := range r.Tries {
		r.Tries[i] = now
	}
	return r
}

// None reports whether the record tells nothing.
func (r Record) None() bool {
	return r.State == "" && r.Asked == "" && len(r.Tries) == 0 && r.Word == nil
}

// standing returns the state that the record tells.
func (r Record) standing() seen {
	return seen{Standing: Standing{State: r.State, By: r.By, Code: r.Code, Reason: r.Reason, Since: r.Since}, cause: r.Cause}
}
