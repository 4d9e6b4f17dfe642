package work

import (
	"errors"
	"time"
)

// Errors of a person's wish.
var (
	// ErrNoWay means that the vendor documents no way to the wished state.
	ErrNoWay = errors.New("the vendor documents no way to this working state")
	// ErrCode means that the vendor takes no such code with the wished state.
	ErrCode = errors.New("no such code")
	// ErrWish means that there is no such wish.
	ErrWish = errors.New("no such wish: write ready, busy, rest or as_is")
)

// Hold is why a wish is not pursued for now. It stands in metrics and in the API.
type Hold string

// The reasons.
const (
	HoldNone      Hold = ""
	HoldInspector Hold = "inspector"   // an inspector set the state
	HoldProgram   Hold = "program"     // another program set the state
	HoldUnknown   Hold = "unknown"     // nobody knows who set the state, or what it is
	HoldPlatform  Hold = "platform"    // the platform set the state, for a cause that is not to be undone
	HoldLimit     Hold = "limit"       // as many restores as are allowed did not last
	HoldCanary    Hold = "canary"      // many agents were busied at once: one is restored first
	HoldInCall    Hold = "in_call"     // a call is offered or talked, or the platform is about to change the state
	HoldWrapUp    Hold = "wrap_up"     // the work after a call goes on
	HoldOffline   Hold = "offline"     // the agent is not signed in
	HoldNoWay     Hold = "unsupported" // the vendor documents no way to the wished state
)

// Holds returns every reason for which a wish can be held back.
func Holds() []Hold {
	return []Hold{HoldInspector, HoldProgram, HoldUnknown, HoldPlatform, HoldLimit, HoldCanary, HoldInCall, HoldWrapUp, HoldOffline, HoldNoWay}
}

// Text says why the wish is not pursued and what ends that, without a full stop; ""
// for no hold.
func (h Hold) Text() string {
	switch h {
	case HoldInspector:
		return "an inspector set the state; the inspector ends it, or a person with `agentkeeper work`"
	case HoldProgram:
		return "another program set the state within the agent's session; that program ends it, or a person with `agentkeeper work`"
	case HoldUnknown:
		return "it is not known what the state is, or who set it; the platform's next event tells, or a person ends it with `agentkeeper work`"
	case HoldPlatform:
		return "the platform set the state for a cause that `work.restore` does not name; a person ends it with `agentkeeper work`"
	case HoldLimit:
		return "as many restores as `work.restore_limit` allows did not last; see why nobody answers the agent's calls. An answered call or `agentkeeper work` ends the wait"
	case HoldCanary:
		return "many agents of the platform were made busy at once; one is restored first, and the others follow when that succeeded"
	case HoldInCall:
		return "the agent has a call; nothing is changed before its end"
	case HoldWrapUp:
		return "the work after a call goes on; the platform ends it, or `work.wrap_up_max` does"
	case HoldOffline:
		return "the agent is not signed in"
	case HoldNoWay:
		return "the vendor documents no way to the wished state"
	default:
		return ""
	}
}

// Word is what a person said about an agent's working state. It takes the place of
// the configured wish. The zero Word is none.
type Word struct {
	Wish   Wish          `json:"wish"`           // AsIs: the configured wish does not hold either
	Code   string        `json:"code,omitempty"` // as Policy.Code
	Until  time.Time     `json:"until,omitzero"` // zero: until the next word
	For    time.Duration `json:"for,omitempty"`  // how long it was to hold; 0: until the next word
	By     string        `json:"by"`
	Reason string        `json:"reason"`
	At     time.Time     `json:"at"`
}

// None reports whether nobody said anything.
func (w Word) None() bool { return w.Wish == "" }

// Over reports whether the word holds no longer.
func (w Word) Over(now time.Time) bool {
	return w.None() || (!w.Until.IsZero() && !now.Before(w.Until))
}

// Shown is the working state of one agent, what is wished, and what becomes of that.
type Shown struct {
	Standing
	Wish        Wish      // a person's, or else the configured one
	Wished      *Word     // a person's word that holds; nil: the configuration rules
	HeldBack    Hold      // why the wish is not pursued for now
	HeldUntil   time.Time // zero: until something happens
	NextAttempt time.Time // when the keeper tries next; zero: it does not
	// RestoresLeft is how many restores may leave before the wish is held back.
	RestoresLeft int
}

// Tally counts the agents of a platform that are signed in.
type Tally struct {
	States      map[State]int
	WishedReady int // for which Ready is wished
	Ready       int // of these, those that are Able
	HeldBack    map[Hold]int
}
