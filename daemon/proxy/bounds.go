package proxy

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "the local proxy"
	return []bound.Bound{
		{Where: where, What: "requests on their way to a platform", Limit: bound.Count(concurrent), Beyond: "503", Test: "TestConcurrentRequests"},
		{Where: where, What: "requests with a body beyond " + bound.Bytes(smallBody), Limit: bound.Count(largeBodies), Beyond: "503", Test: "TestLargeBodies"},
		{Where: where, What: "a request's body", Limit: bound.Bytes(bodyLimit), Beyond: "413", Test: "TestLongBodies"},
		{Where: where, What: "time for the first " + bound.Bytes(replayLimit) + " of a body", Limit: bound.Time(bodyTimeout), Beyond: "408", Test: "TestSlowBodiesHoldUpNobody"},
		{Where: where, What: "time for a request as a whole", Limit: bound.Time(requestLimit), Beyond: "504", Test: "TestRequestAsAWhole"},
		{Where: where, What: "time for each " + bound.Bytes(bodyPace) + " of a longer one", Limit: "1 s", Beyond: "408", Test: "TestLongBodies"},
	}
}
