package store

import (
	"github.com/nats-io/nats-server/v2/server"

	"agentkeeper/daemon/bound"
)

// Bounds returns this package's rows of the table of bounds: what is stored at
// most, and what a program that reads the stream of events may take.
func Bounds() []bound.Bound {
	const at, refused = "`events.listen`", "the creation is refused, with what to write"
	const kept, tooLarge = "the store", "refused; an event is lost and counted as `too_large`"
	return []bound.Bound{
		{Where: kept, What: "an event, or what is kept about an agent", Limit: bound.Bytes(maxValue), Beyond: tooLarge, Test: "TestTooLargeIsRefused"},
		{Where: kept, What: "the names that one is kept under, escapes and identifier included", Limit: bound.Bytes(maxSubject), Beyond: tooLarge, Test: "TestTooLargeIsRefused"},
		{Where: at, What: "connections of one user, and no more than half of all", Limit: bound.Count(userConnections), Beyond: "\"maximum account active connections exceeded\"", Test: "TestDoorBoundsAUser"},
		{Where: at, What: "a connection's beginning, login included", Limit: bound.Time(authTimeout), Beyond: "closed", Test: "TestDoorHoldsASilentCrowd"},
		{Where: at, What: "a message from a client", Limit: bound.Bytes(userPayload), Beyond: "\"Maximum Payload Violation\"", Test: "TestDoorRefusesWhatIsTooLarge"},
		{Where: at, What: "the answer to a command", Limit: bound.Bytes(MaxAnswer), Beyond: "the platform's answer is left out of it, with a sentence that says so", Test: "TestLongestAnswer"},
		{Where: at, What: "a line of the protocol", Limit: bound.Bytes(maxControlLine), Beyond: "\"maximum control line exceeded\"", Test: "TestDoorRefusesWhatIsTooLarge"},
		{Where: at, What: "consumers of all users together; of one user: `max_consumers`", Limit: bound.Count(maxConsumers), Beyond: "\"maximum consumers limit reached\"", Test: "TestConsumersOfAllUsersAreBounded"},
		{Where: at, What: "a consumer's name", Limit: bound.Bytes(server.JSMaxNameLen), Beyond: refused, Test: "TestConsumersNamedByTheRequest"},
		{Where: at, What: "a consumer's filters", Limit: bound.Count(maxFilters), Beyond: refused, Test: "TestConsumersAreNotKeptForEver"},
		{Where: at, What: "a consumer's waiting pull requests", Limit: bound.Count(maxWaiting), Beyond: refused, Test: "TestConsumersAreNotKeptForEver"},
		{Where: at, What: "a consumer's unacknowledged events", Limit: bound.Count(maxAckPending), Beyond: refused, Test: "TestConsumersAreNotKeptForEver"},
		{Where: at, What: "a consumer's `backoff` steps", Limit: bound.Count(maxBackOff), Beyond: refused, Test: "TestConsumersAreNotKeptForEver"},
		{Where: at, What: "a consumer that nobody reads, by default", Limit: bound.Time(DefaultInactive), Beyond: "deleted", Test: "TestConsumersAreNotKeptForEver"},
		{Where: at, What: "a consumer that nobody reads, at the creator's wish", Limit: bound.Time(MaxInactive), Beyond: refused, Test: "TestConsumersAreNotKeptForEver"},
	}
}
