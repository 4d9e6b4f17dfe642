package session

import "time"

// Terms are an account's rules that the driver keeps to; each vendor derives
// them from its own options.
type Terms struct {
	// Grace is how long a Next in progress may be left to end by itself when
	// the session is to end: cutting a poll may lose the event that it carries.
	Grace time.Duration
	// Force allows a forced sign-in after a plain one was answered Taken.
	Force bool
	// At most ForceLimit forced sign-ins, or sign-ins after an eviction,
	// within ForceWithin; then the agent is parked (replaced).
	ForceLimit  int
	ForceWithin time.Duration
}
