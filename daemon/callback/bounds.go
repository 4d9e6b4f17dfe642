package callback

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "`callback`"
	return []bound.Bound{
		{Where: where, What: "a request's body", Limit: bound.Bytes(bodyLimit), Beyond: "413", Test: "TestBodyLimit"},
		{Where: where, What: "time for its events to be durable", Limit: bound.Time(storeTimeout), Beyond: "503: the gateway sends again", Test: "TestTooLargeAndTooSlow"},
	}
}
