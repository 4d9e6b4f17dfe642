package work

import (
	"slices"
	"time"
)

// Wish is the working state that is wished of an agent.
type Wish string

// The wishes. They stand in the configuration and in the API.
const (
	AsIs      Wish = "as_is" // the state is shown and not touched
	WishReady Wish = "ready"
	WishBusy  Wish = "busy"
	WishRest  Wish = "rest"
)

// Wishes returns every wish.
func Wishes() []Wish { return []Wish{AsIs, WishReady, WishBusy, WishRest} }

// State returns the state that w wishes; "" for AsIs and for no wish.
func (w Wish) State() State {
	switch w {
	case WishReady:
		return Ready
	case WishBusy:
		return Busy
	case WishRest:
		return Rest
	default:
		return ""
	}
}

// Cause is why a platform made an agent busy by itself.
type Cause string

// The causes that can be undone. They stand in the configuration.
const (
	CauseNone     Cause = ""          // it has another cause, or is not known
	CauseNoAnswer Cause = "no_answer" // a call was not answered
	CauseRejected Cause = "rejected"  // a call was rejected
	CausePhone    Cause = "phone"     // the agent's phone is away
)

// Causes returns every cause that can be undone.
func Causes() []Cause { return []Cause{CauseNoAnswer, CauseRejected, CausePhone} }

// Policy is what is wished of an agent and how hard that is tried. The zero Policy
// wishes nothing.
type Policy struct {
	Wish Wish // "" is AsIs
	// Code is the vendor's reason (busy) or cause (rest) that the keeper gives with
	// the wish; "" is none.
	Code string
	// Restore is what the platform does by itself and the keeper undoes.
	Restore []Cause
	// After is the time from the platform's deed to the keeper's first try. It
	// doubles with each try that counts, up to MostAfter. 0 is at once.
	After time.Duration
	// Limit is how many tries count within Within; then the wish is held back
	// until Within has passed since the last one. 0 is no try at all.
	Limit  int
	Within time.Duration
	// WrapUpMax is how long the work after a call may last before the keeper ends
	// it, where the wish is ready; 0: as long as the platform allows.
	WrapUpMax time.Duration
}

// MostAfter bounds the pause before a try.
const MostAfter = 5 * time.Minute

// DefaultPolicy returns the policy of an agent for which nothing is configured.
func DefaultPolicy() Policy {
	return Policy{Wish: AsIs, Restore: Causes(), After: 5 * time.Second, Limit: 6, Within: time.Hour}
}

// Undoes reports whether the keeper undoes what the platform did for that cause.
func (p Policy) Undoes(c Cause) bool { return c != CauseNone && slices.Contains(p.Restore, c) }

// Wishes reports whether anything is wished.
func (p Policy) Wishes() bool { return p.Wish.State() != "" }

// pause is the time before the next try when n counted.
func (p Policy) pause(n int) time.Duration {
	pause := p.After
	for range n {
		if pause *= 2; pause >= MostAfter {
			return MostAfter
		}
	}
	return min(pause, MostAfter)
}

// Held is why a wish is not pursued for now. It stands in metrics and in the API.
type Held string

// The reasons.
const (
	HeldNone      Held = ""
	HeldInspector Held = "inspector"   // an inspector set the state
	HeldProgram   Held = "program"     // another program set the state
	HeldUnknown   Held = "unknown"     // nobody knows who set the state, or what it is
	HeldPlatform  Held = "platform"    // the platform set the state, for a cause that `restore` does not name
	HeldLimit     Held = "limit"       // as many restores as allowed did not last
	HeldCanary    Held = "canary"      // many agents were busied at once: one is tried first
	HeldSignedOut Held = "not_online"  // the agent is not signed in
	HeldNoWay     Held = "unsupported" // the vendor documents no way to the wished state
)

// HeldReasons returns every reason for which a wish can be held back.
func HeldReasons() []Held {
	return []Held{HeldInspector, HeldProgram, HeldUnknown, HeldPlatform, HeldLimit, HeldCanary, HeldSignedOut, HeldNoWay}
}

// Text says in one sentence, without a full stop, why the wish is not pursued and
// what ends that.
func (h Held) Text() string {
	switch h {
	case HeldInspector:
		return "an inspector set the state: it is left to the inspector"
	case HeldProgram:
		return "another program set the state within the agent's session: the same program ends it, or a person does with `agentkeeper work`"
	case HeldUnknown:
		return "it is not known who set the state: a person ends it with `agentkeeper work`, or the platform's next event tells"
	case HeldPlatform:
		return "the platform set the state, for a cause that `work.restore` does not name: a person ends it with `agentkeeper work`"
	case HeldLimit:
		return "as many restores as `work.restore_limit` allows did not last: see why nobody answers the agent's calls; an answered call or `agentkeeper work` ends the waiting"
	case HeldCanary:
		return "many agents of the platform were made busy at once: one is restored first, and the others follow when that lasted"
	case HeldSignedOut:
		return "the agent is not signed in"
	case HeldNoWay:
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
func (w Word) Over(now time.Time) bool { return w.None() || (!w.Until.IsZero() && !now.Before(w.Until)) }
