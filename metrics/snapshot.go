package metrics

import (
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/webhook"
)

// Source tells what is, now. It is asked once per scrape, from any goroutine.
type Source interface{ Snapshot() Snapshot }

// Snapshot is the service at one instant, in the words of the packages that know.
type Snapshot struct {
	StoreUp     bool         // it can be written
	StoreDamage store.Damage // found on disk since the start
	Traced      int          // agents whose exchange with the platform is written down
	Platforms   []fleet.Platform
	Agents      []fleet.Agent // needed only with Options.PerAgent
	Working     []Working     // of the platforms that tell working states
	Webhooks    []webhook.Status
	Stream      StreamStatus
}

// recordsLost counts the records that are lost for certain: a loss of which nobody
// knows the extent is one.
func recordsLost(d store.Damage) int {
	lost := d.Lost()
	if d.Unknown {
		lost++
	}
	if d.HashKey {
		lost++
	}
	return lost
}
