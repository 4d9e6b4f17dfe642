package config

import (
	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/holiday"
	"agentkeeper/session"
)

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "the configuration"
	return []bound.Bound{
		{Where: where, What: "the name of a platform or a group", Limit: bound.Bytes(nameLimit), Beyond: "a mistake", Test: "TestNameLimits"},
		{Where: where, What: "a login, a number", Limit: bound.Bytes(session.NameLimit), Beyond: "a mistake", Test: "TestNameLimits"},
		{Where: where, What: "agents", Limit: bound.Count(maxAgents), Beyond: "a mistake", Test: "TestAgentLimit"},
		{Where: where, What: "the file itself; a list of agents", Limit: bound.Bytes(maxFile), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "a list or calendar of days", Limit: bound.Bytes(holiday.MaxFile), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "a file of certificates or a key", Limit: bound.Bytes(maxPEM), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "a `web_config_file`", Limit: bound.Bytes(maxWeb), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "sites in `cors_origins`", Limit: bound.Count(maxOrigins), Beyond: "a mistake", Test: "TestOrigins"},
		{Where: where, What: "a secret's file", Limit: bound.Bytes(maxSecret), Beyond: "a mistake", Test: "TestSourceRead"},
	}
}
