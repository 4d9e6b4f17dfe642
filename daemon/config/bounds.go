package config

import (
	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/holiday"
	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

const (
	// maxCount bounds the other numbers of things: what is in flight at once, and
	// refusals.
	maxCount = 10_000
	// MaxConsumers bounds max_consumers. All users together may have as many, so a
	// larger number would promise what the store refuses.
	MaxConsumers = 2000
)

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "the configuration"
	return []bound.Bound{
		{Where: where, What: "the name of a platform or a group", Limit: bound.Bytes(strict.NameLimit), Beyond: "a mistake", Test: "TestNameLimits"},
		{Where: where, What: "a login, a number", Limit: bound.Bytes(session.NameLimit), Beyond: "a mistake", Test: "TestNameLimits"},
		{Where: where, What: "a platform's `concurrent_dials`", Limit: bound.Count(maxDials), Beyond: "a mistake", Test: "TestDials"},
		{Where: where, What: "a platform's `source_addresses`", Limit: bound.Count(maxSources), Beyond: "a mistake", Test: "TestDials"},
		{Where: where, What: "agents", Limit: bound.Count(maxAgents), Beyond: "a mistake", Test: "TestAgentLimit"},
		{Where: where, What: "the file itself; a list of agents", Limit: bound.Bytes(maxFile), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "a list or calendar of days", Limit: bound.Bytes(holiday.MaxFile), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "a file of certificates or a key", Limit: bound.Bytes(maxPEM), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "a `web_config_file`", Limit: bound.Bytes(maxWeb), Beyond: "a mistake", Test: "TestFileLimits"},
		{Where: where, What: "sites in `cors_origins`", Limit: bound.Count(maxOrigins), Beyond: "a mistake", Test: "TestOrigins"},
		{Where: where, What: "a secret's file", Limit: bound.Bytes(maxSecret), Beyond: "a mistake", Test: "TestSourceRead"},
		{Where: where, What: "`concurrent` of a platform's sign-ins and of a webhook, `lockout.failures`", Limit: bound.Count(maxCount), Beyond: "a mistake", Test: "TestCountLimits"},
		{Where: where, What: "`max_consumers` of one user", Limit: bound.Count(MaxConsumers), Beyond: "a mistake", Test: "TestCountLimits"},
		{Where: where, What: "`commands.timeout`", Limit: bound.Time(maxCommandTimeout), Beyond: "a mistake", Test: "TestCommands"},
		{Where: where, What: "entries in one `allow`", Limit: bound.Count(maxAllow), Beyond: "a mistake", Test: "TestCommands"},
		{Where: where, What: "cron specs in one `sign_in` or `sign_out`", Limit: bound.Count(shift.MaxSpecs), Beyond: "a mistake", Test: "TestScheduleLimits"},
		{Where: where, What: "`workdays` of one schedule, those of files included", Limit: bound.Count(shift.MaxWorkdays), Beyond: "a mistake", Test: "TestScheduleLimits"},
		{Where: where, What: "`restore_limit` of `work`", Limit: bound.Count(maxRestores), Beyond: "a mistake", Test: "TestWorkMistakes"},
		{Where: where, What: "`restore_after` of `work`, from " + minRestoreAfter.String(), Limit: bound.Time(maxRestoreAfter), Beyond: "a mistake", Test: "TestWorkMistakes"},
		{Where: where, What: "`restore_within` and `wrap_up_max` of `work`", Limit: bound.Time(maxWorkTime), Beyond: "a mistake", Test: "TestWorkMistakes"},
	}
}
