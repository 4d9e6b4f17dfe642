package daemon

import (
	"agentkeeper/daemon/api"
	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/proxy"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
)

// bounds are the rows of the table of bounds, by the directory of the package
// that they and their tests belong to.
func bounds() []packageBounds {
	return []packageBounds{
		{".", connectionBounds()},
		{"listener", listener.Bounds()},
		{"api", api.Bounds()},
		{"page", page.Bounds()},
		{"proxy", proxy.Bounds()},
		{"callback", callback.Bounds()},
		{"webhook", webhook.Bounds()},
		{"store", store.Bounds()},
		{"config", config.Bounds()},
		{"../session", sessionBounds()},
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
