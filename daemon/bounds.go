package daemon

import (
	"agentkeeper/daemon/api"
	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/proxy"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/tracing"
	"agentkeeper/daemon/webhook"
	"agentkeeper/daemon/work"
	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// bounds are the rows of the table of bounds, by the directory of the package
// that they and their tests belong to.
func bounds() []packageBounds {
	return []packageBounds{
		{".", connectionBounds()},
		{".", senderBounds()},
		{"listener", listener.Bounds()},
		{"api", api.Bounds()},
		{"page", page.Bounds()},
		{"proxy", proxy.Bounds()},
		{"callback", callback.Bounds()},
		{"webhook", webhook.Bounds()},
		{"command", command.Bounds()},
		{"work", work.Bounds()},
		{"store", store.Bounds()},
		{"tracing", tracing.Bounds()},
		{"config", config.Bounds()},
		{"../session", sessionBounds()},
		{"../vendors/wire", wireBounds()},
		{"../vendors/huawei", messageBounds()},
	}
}

type packageBounds struct {
	dir  string
	rows []bound.Bound
}

func connectionBounds() []bound.Bound {
	const made = "the longest idle makes room; else closed"
	return []bound.Bound{
		{Where: "every HTTP listener", What: "connections, with enough open files", Limit: bound.Count(openfiles.Most), Beyond: made, Test: "TestSizeLimits"},
		{Where: "`listen`", What: "connections of one address beyond the loopback (IPv6: of its /64)", Limit: bound.Count(openfiles.Most / publicPart), Beyond: made, Test: "TestShares"},
		{Where: "`callback`", What: "connections of one address", Limit: bound.Count(openfiles.Most / callbackPart), Beyond: made, Test: "TestShares"},
		{Where: "`control`, the proxy's socket", What: "connections of one user", Limit: bound.Count(openfiles.Most / controlPart), Beyond: made, Test: "TestShares"},
		{Where: "`control`", What: "connections of all but root and the service's user", Limit: bound.Count(openfiles.Most - controlReserved), Beyond: made, Test: "TestShares"},
	}
}

// sessionBounds are those of a package that knows nothing of this one.
func sessionBounds() []bound.Bound {
	return []bound.Bound{
		{Where: "a vendor's answer", What: "a text that is kept and shown", Limit: bound.Bytes(session.TextLimit), Beyond: "cut, with …", Test: "TestFaultTextLimit"},
		{Where: "a vendor's answer", What: "a code that is kept and shown", Limit: bound.Bytes(session.CodeLimit), Beyond: "cut, with …", Test: "TestFaultTextLimit"},
	}
}

// wireBounds are those of a package that knows nothing of this one, either.
func wireBounds() []bound.Bound {
	const where, beyond = "a vendor's answer", "an error that says so; the session stays"
	return []bound.Bound{
		{Where: where, What: "its status line and header", Limit: bound.Bytes(wire.HeaderLimit), Beyond: beyond, Test: "TestAnswers"},
		{Where: where, What: "its body", Limit: bound.Bytes(wire.BodyLimit), Beyond: beyond, Test: "TestAnswers"},
	}
}

// messageBounds are what every adapter keeps to; the test is of one of them.
func messageBounds() []bound.Bound {
	return []bound.Bound{
		{Where: "a vendor's answer to a poll, a pushed request, a websocket's message", What: "its body", Limit: bound.Bytes(session.MessageLimit), Beyond: "counted, and marked among the events (`session.gap`)", Test: "TestLargeAnswers"},
	}
}
