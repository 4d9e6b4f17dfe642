package api

import (
	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	return []bound.Bound{
		{Where: "`control`", What: "a request's body", Limit: bound.Bytes(bodyLimit), Beyond: "413", Test: "TestBodyLimit"},
		{Where: "`control`", What: "a person's reason", Limit: bound.Bytes(session.TextLimit), Beyond: "400; usage error of a command", Test: "TestReasonLimit"},
		{Where: "`control`", What: "`wait=` for an outcome", Limit: bound.Time(waitLimit), Beyond: "400", Test: "TestWaitLimit"},
		{Where: "`control`", What: "a plan's body: a configuration and the files that it names", Limit: bound.Bytes(PlanLimit), Beyond: "413", Test: "TestTheSizeOfAPlan"},
		{Where: "`control`", What: "plans that are made at once", Limit: bound.Count(1), Beyond: "503", Test: "TestOnePlanAtATime"},
		{Where: "`control`", What: "plans whose bodies arrive at once; time for a body", Limit: bound.Count(planBodies) + ", " + bound.Time(planBodyTime), Beyond: "503; 408", Test: "TestSlowPlansHoldUpNobody"},
		{Where: "the event API", What: "readers at `listen`, and as many at `control`", Limit: bound.Count(followers), Beyond: "503", Test: "TestFollowersAreBounded"},
		{Where: "the event API", What: "patterns of types", Limit: bound.Count(store.MaxPatterns), Beyond: "400", Test: "TestEventsFilterIsBounded"},
		{Where: "the event API", What: "a pattern", Limit: bound.Bytes(store.MaxPatternSize), Beyond: "400", Test: "TestEventsFilterIsBounded"},
		{Where: "the API", What: "agents in a page of the list, `limit=`", Limit: bound.Count(pageLimit), Beyond: "400", Test: "TestPages"},
		{Where: "the API", What: "a name that others are suggested for", Limit: bound.Bytes(option.DistanceLimit), Beyond: "no suggestion", Test: "TestSuggestionsAreBounded"},
		{Where: "the API", What: "pairs of letters compared for a suggestion", Limit: bound.Count(option.NearestCost), Beyond: "only names that contain it", Test: "TestSuggestionsAreBounded"},
	}
}
