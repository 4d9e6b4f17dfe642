package metrics

import (
	"time"

	"agentkeeper/session"
)

// Source tells what is, now. It is asked once per scrape, from any goroutine.
type Source interface{ Snapshot() Snapshot }

// Snapshot is the fleet at one instant.
type Snapshot struct {
	StoreUp     bool // it can be written
	StoreDamage StoreDamage
	Traced      int // agents whose exchange with the platform is written down
	Platforms   []PlatformStatus
	Agents      []AgentStatus // needed only with Options.PerAgent
	Webhooks    []WebhookStatus
	Stream      StreamStatus
}

// StoreDamage counts what was found damaged on disk since the start.
type StoreDamage struct {
	Mended      int    // records written again from their second copy, and damaged parts of that
	RecordsLost int    // at least: a loss of which nobody knows the extent is one
	EventsLost  uint64 // that no limit of age or size dropped
}

// PlatformStatus is one platform at one instant.
type PlatformStatus struct {
	Name           string
	States         map[session.State]int  // agents by state
	Parked         map[session.Reason]int // parked agents by reason
	WishedOnline   int
	Missing        map[string]int // agents that should be online and are not, by why; see MissingReasons
	Stuck          int            // agents past the deadline of what they do
	Warned         int            // agents whose session lives and yet needs a person
	Up             bool           // it can be reached
	Window         time.Duration
	InFlight       int // operations
	Queue          int // sign-ins waiting in the gate
	Quarantined    bool
	RefusalsLeft   int
	PasswordExpiry time.Time // the earliest of its agents; zero: unknown
}

// Why an agent that should be online is not, where no session.Reason says so.
const (
	MissingQueued   = "queued"   // its sign-in waits for its turn, and nothing but the rate holds it
	MissingStarting = "starting" // its sign-in is sent, or is about to be
)

// MissingReasons returns all that PlatformStatus.Missing may be keyed by.
func MissingReasons() []string {
	list := []string{MissingQueued, MissingStarting}
	for _, r := range session.Reasons() {
		list = append(list, string(r))
	}
	return list
}

// AgentStatus is one agent at one instant.
type AgentStatus struct {
	ID             session.ID
	Online         bool
	LastContact    time.Time // zero: none yet
	PasswordExpiry time.Time // zero: the platform does not tell
}

// WebhookStatus is one webhook at one instant.
type WebhookStatus struct {
	Name    string
	Lag     uint64            // events that wait
	Age     time.Duration     // of the oldest of them
	Stopped bool              // until somebody acts
	Dead    map[string]uint64 // events that it cannot get, by reason
}
