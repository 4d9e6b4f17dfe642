package work

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds: what working states may
// cost a platform and the memory.
func Bounds() []bound.Bound {
	const at = "working states"
	return []bound.Bound{
		{Where: at, What: "read-backs of a platform's agents in a second", Limit: bound.Count(looksPerSecond), Beyond: "wait for their turn", Test: "TestAdoption"},
		{Where: at, What: "events `work.*` of one agent that wait for the platform's next answer", Limit: bound.Count(untoldMost), Beyond: "the oldest are dropped", Test: "TestUntold"},
	}
}
