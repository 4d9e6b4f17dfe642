// Package work is an agent's working state as values: whether it can be given
// calls, who decided that, and what is wished. A session that lives says nothing of
// it: a platform busies an agent that does not answer, and the session goes on. The
// package starts no goroutine, takes no lock and does no I/O.
package work

import "time"

// State is what an agent does, as far as the platform's events tell.
type State string

// The states. They stand in the API, in metrics and in events.
const (
	Unknown State = "unknown" // there is no evidence; never taken for Ready
	Ready   State = "ready"   // calls may come
	Busy    State = "busy"    // no calls come until somebody says ready
	Rest    State = "rest"    // as Busy, for a pause
	WrapUp  State = "wrap_up" // the work after a call
	Offered State = "offered" // a call is being offered
	Talking State = "talking" // in a call, on hold included
)

// InCall reports whether a call is offered or talked, when nothing may be changed.
func (s State) InCall() bool { return s == Offered || s == Talking }

// By is who brought a state about.
type By string

// Who may have. They stand in the API, in metrics and in events.
const (
	ByUnknown   By = "unknown"
	ByPlatform  By = "platform"  // by its own rules: a call not answered, the phone away
	ByInspector By = "inspector" // a person with rights over other agents
	ByProgram   By = "program"   // another program within the session, by a command or by the proxy
	ByKeeper    By = "keeper"    // this service
)

// Standing is the working state of an agent. The zero Standing is an unknown one.
type Standing struct {
	State State // "" is Unknown
	By    By    // "" is ByUnknown
	// Code is the vendor's own reason for the state, for example Huawei's busy
	// reason 2; "" where there is none.
	Code string
	// Reason is what Code means, in a few words.
	Reason string
	Since  time.Time // zero: not known
}
