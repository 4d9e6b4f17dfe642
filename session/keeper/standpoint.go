package keeper

import (
	"slices"
	"time"

	"agentkeeper/session"
)

// standpoint is where an agent stands, small: every agent has a few of them.
type standpoint struct {
	code   string
	state  state
	reason reason
}

// transition is a Transition, small.
type transition struct {
	at int64 // in nanoseconds since 1970
	standpoint
}

// state and reason are numbers of a session.State and a session.Reason.
type (
	state  uint8
	reason uint8
)

var (
	states  = append([]session.State{""}, session.States()...)
	reasons = append([]session.Reason{session.ReasonNone}, session.Reasons()...)
	offline = stateOf(session.Offline)
)

func stateOf(s session.State) state    { return state(max(slices.Index(states, s), 0)) }
func reasonOf(r session.Reason) reason { return reason(max(slices.Index(reasons, r), 0)) }

func (s state) name() session.State   { return states[s] }
func (r reason) name() session.Reason { return reasons[r] }

// moment is an instant of the monotonic clock, small; 0 stands for none.
type moment int64

var began = time.Now()

func clock() moment { return moment(time.Since(began)) }

func (m moment) since(before moment) time.Duration { return time.Duration(m - before) }
