package metrics

import (
	"time"

	"agentkeeper/session"
)

// Source tells what is, now. It is asked once per scrape, from any goroutine.
type Source interface{ Snapshot() Snapshot }

// Snapshot is the fleet at one instant.
type Snapshot struct {
	Platforms []PlatformStatus
	Agents    []AgentStatus // needed only with Options.PerAgent
}

// PlatformStatus is one platform at one instant.
type PlatformStatus struct {
	Name           string
	States         map[session.State]int  // agents by state
	Parked         map[session.Reason]int // parked agents by reason
	WishedOnline   int
	InFlight       int // operations
	Queue          int // sign-ins waiting in the gate
	Quarantined    bool
	RefusalsLeft   int
	PasswordExpiry time.Time // the earliest of its agents; zero: unknown
}

// AgentStatus is one agent at one instant.
type AgentStatus struct {
	ID             session.ID
	Online         bool
	LastContact    time.Time // zero: none yet
	PasswordExpiry time.Time // zero: the platform does not tell
}
