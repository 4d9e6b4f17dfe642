package page

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	return []bound.Bound{
		{Where: "the status page", What: "open pages", Limit: bound.Count(maxViewers), Beyond: "503", Test: "TestOneLookForAll"},
	}
}
