package listener

import "agentkeeper/daemon/bound"

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "every HTTP listener"
	return []bound.Bound{
		{Where: where, What: "a request's line and header", Limit: bound.Bytes(headerLimit), Beyond: "431", Test: "TestHeaderLimit"},
		{Where: where, What: "a request's path and query", Limit: bound.Bytes(targetLimit), Beyond: "414", Test: "TestTargetLimit"},
		{Where: where, What: "time for a TLS handshake, and for a header", Limit: bound.Time(headerTimeout), Beyond: "closed", Test: "TestSilentOverTLS"},
		{Where: where, What: "time for a request, unless the row of its kind says another", Limit: bound.Time(requestTimeout), Beyond: "closed", Test: "TestSlowRequest"},
		{Where: where, What: "time in which a client takes nothing of an answer", Limit: bound.Time(writeTimeout), Beyond: "closed", Test: "TestClientThatReadsNothing"},
		{Where: where, What: "time between two requests of a connection", Limit: bound.Time(idleTimeout), Beyond: "closed", Test: "TestIdleConnection"},
		{Where: where, What: "requests at once on a connection of HTTP/2", Limit: bound.Count(streams), Beyond: "the stream is reset", Test: "TestStreams"},
		{Where: where, What: "silence on HTTP/2 before a ping, and then for its answer", Limit: bound.Time(pingAfter) + ", " + bound.Time(pingTimeout), Beyond: "closed", Test: "TestSilentOverTLS"},
		{Where: where, What: "the text of an answer that refuses", Limit: bound.Bytes(errorLimit), Beyond: "cut, with …", Test: "TestFailLimit"},
		{Where: "`listen`", What: "a request's body", Limit: bound.Bytes(0), Beyond: "413, unread", Test: "TestReadOnly"},
	}
}
