package config

import (
	"agentkeeper/daemon/bound"
	"agentkeeper/session"
)

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "the configuration"
	return []bound.Bound{
		{Where: where, What: "the name of a platform or a group", Limit: bound.Bytes(nameLimit), Beyond: "a mistake", Test: "TestNameLimits"},
		{Where: where, What: "a login, a number", Limit: bound.Bytes(session.NameLimit), Beyond: "a mistake", Test: "TestNameLimits"},
		{Where: where, What: "a secret's file", Limit: bound.Bytes(maxSecret), Beyond: "a mistake", Test: "TestSourceRead"},
	}
}
