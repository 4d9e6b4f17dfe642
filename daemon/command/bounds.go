package command

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds: what programs may ask of
// an agent at once, and what is kept of it.
func Bounds() []bound.Bound {
	const at = "commands"
	return []bound.Bound{
		{Where: at, What: "a request", Limit: bound.Bytes(BodyLimit), Beyond: "413", Test: "TestBoundsOfARequest"},
		{Where: at, What: "a request's time-out", Limit: bound.Time(MaxTimeout), Beyond: "400", Test: "TestBoundsOfARequest"},
		{Where: at, What: "those that wait for one agent", Limit: bound.Count(waitMost), Beyond: "429", Test: "TestTheLaneIsBounded"},
		{Where: at, What: "a platform's answer", Limit: bound.Bytes(answerLimit), Beyond: "the command is in doubt", Test: "TestALongAnswer"},
		{Where: at, What: "an answer that is kept with an `id`", Limit: bound.Bytes(keepAnswer), Beyond: "only the outcome is kept", Test: "TestALongAnswer"},
		{Where: at, What: "requests with an `id` in 10 minutes", Limit: bound.Count(keepMost), Beyond: "503, nothing is sent", Test: "TestIDsAreBounded"},
		{Where: at, What: "connections to one platform that are kept", Limit: bound.Count(idleMost), Beyond: "closed after the answer", Test: "TestKeptConnections"},
	}
}
