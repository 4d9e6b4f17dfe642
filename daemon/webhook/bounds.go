package webhook

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	return []bound.Bound{
		{Where: "a webhook", What: "events held in memory", Limit: bound.Count(maxEvents) + ", " + bound.Bytes(maxBytes), Beyond: "they wait in the store", Test: "TestSlowHookIsBounded"},
	}
}
