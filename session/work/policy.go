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
	NoAnswer Cause = "no_answer" // a call was not answered
	Rejected Cause = "rejected"  // a call was rejected
	Phone    Cause = "phone"     // the agent's phone is away
)

// Causes returns every cause that can be undone.
func Causes() []Cause { return []Cause{NoAnswer, Rejected, Phone} }

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

// Undoes reports whether the keeper undoes what the platform did for that cause; ""
// is another cause, or one that is not known.
func (p Policy) Undoes(c Cause) bool { return c != "" && slices.Contains(p.Restore, c) }

// Wishes reports whether anything is wished.
func (p Policy) Wishes() bool { return p.Wish.State() != "" }

// Pause is the time before the next try when n counted.
func (p Policy) Pause(n int) time.Duration {
	pause := p.After
	for range n {
		if pause *= 2; pause >= MostAfter {
			return MostAfter
		}
	}
	return min(pause, MostAfter)
}
