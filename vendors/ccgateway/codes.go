package ccgateway

import (
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
)

// The verdicts that only this vendor gives.
var (
	suspended = code.Verdict{Kind: session.Outage} // the session is kept, however long it takes
	taken     = code.Verdict{Kind: session.Taken}
	heldFast  = code.Verdict{Kind: session.Taken, Cause: session.CauseUnforceable}
	inCall    = code.Verdict{Kind: session.Busy}
)

// The verdicts on a sign-in, a poll and a sign-out that most codes follow.
var (
	always   = code.Always(code.Unclassified) // the platform's trouble
	switched = code.Always(suspended)
	password = code.Verdicts{code.Credential, code.Unclassified, code.Unclassified}
	wrong    = code.Verdicts{code.Setting, code.Unclassified, code.Unclassified}
	occupied = code.Verdicts{taken, code.Unclassified, code.Unclassified}
	seated   = code.Verdicts{heldFast, code.Unclassified, code.Unclassified} // force displaces nobody there
	gone     = code.Verdicts{code.Unclassified, code.Lost, code.Lost}
	out      = code.Verdicts{code.Unclassified, code.Lost, code.Done}
	talking  = code.Verdicts{code.Unclassified, code.Unclassified, inCall}
	unheard  = code.Verdicts{code.InDoubt, code.Outage, code.InDoubt}
)

// The retcodes that adapters decide on beside their kind.
const (
	NotSignedIn = "100-006"
	NoRight     = "000-003"
)

const success = "0"

// What people are told in situations that adapters meet too.
const (
	SignsInAgain = "nothing to do: the program signs in again by itself"
	CallOver     = "wait for the end of the call, or set sign_out: force to cut calls"
)

const (
	ourSide    = "check the agent's options in the configuration"
	theirSide  = "look at the gateway's logs; nothing to do here, it is tried again"
	anotherOne = "end the other session, or set taken: force to displace it"
)

// Codes is the vendor's table of retcodes (vendor pages: sign-in, error codes), with
// what each means for the three requests of a keeper. The families explain codes that
// no keeper should meet. No vendor page lists an HTTP status for these calls, so all of
// them are the transport's: 502 and 504 come from a load balancer that had passed the
// request on, so an operation may have been carried out.
var Codes = code.Table{RetryAfterMax: 10 * time.Minute, Lines: map[string]code.Line{
	success:     {},
	"000-000":   {On: always, Text: "unknown error", Action: theirSide},
	"000-001":   {On: wrong, Text: "the gateway's way of fetching events is another one", Action: "set AGENT_POLL as event method on the gateway, or ask its administrator"},
	"000-002":   {On: wrong, Text: "address or parameter invalid", Action: ourSide},
	NoRight:     {On: gone, Text: "no permission: the authentication may have lapsed", Action: SignsInAgain},
	"000-004":   {On: switched, Text: "the agent is being switched over to the other site", Action: "nothing to do: the session is kept until the switch-over is finished"},
	"000-005":   {On: wrong, Text: "the target is the inspector itself", Action: ourSide},
	"000-006":   {On: wrong, Text: "message parameter error", Action: ourSide},
	"000-007":   {On: always, Text: "the request was repeated before the first was answered", Action: "nothing to do; if it stays, look for another program that signs this agent in", After: 2 * time.Second},
	"100-001":   {On: wrong, Text: "a sign-in parameter is empty or invalid", Action: ourSide + ", its number and its password's length"},
	"100-002":   {On: occupied, Text: "the agent is signed in already", Action: anotherOne},
	"100-003":   {On: always, Text: "resource unavailable: a fault of the platform, or its licences are used up", Action: "look at the gateway's logs and licences"},
	"100-004":   {On: password, Text: "wrong user or password", Action: "correct the agent's password; it is tried again when the secret changes"},
	"100-005":   {On: always, Text: "a sign-out parameter is invalid", Action: theirSide},
	NotSignedIn: {On: out, Text: "the agent is not signed in", Action: SignsInAgain},
	"100-007":   {On: always, Text: "the operation failed inside the platform", Action: theirSide},
	"100-008":   {On: out, Text: "the agent is signed out already", Action: SignsInAgain},
	"100-009":   {On: talking, Text: "the state could not be set", Action: CallOver},
	"100-010":   {On: talking, Text: "the agent's state does not allow it", Action: CallOver},
	"100-011":   {On: seated, Text: "the number is in use by another agent, or a sign-in parameter is invalid", Action: "free the number, or give the agent another one"},
	"100-012":   {On: wrong, Text: "the agent type is wrong", Action: "correct agenttype: 4 is a PC with a telephone, 11 is video"},
	"100-013":   {On: wrong, Text: "the number is invalid", Action: "correct the agent's number"},
	"100-014":   {On: wrong, Text: "the number is outside the configured range", Action: "correct the agent's number, or the range on the platform"},
	"100-015":   {On: seated, Text: "the agent is signed in and may not be forced out", Action: "end the other session; force is not allowed on this platform"},
	"100-016":   {On: wrong, Text: "the IP address is invalid", Action: "correct ip: an IPv4 address"},
	"100-017":   {On: wrong, Text: "authentication at the uPortal failed", Action: "have the account checked on the platform"},
	"100-018":   {On: wrong, Text: "the agent belongs to another VDN", Action: "correct the login, or the platform's address"},
	"100-060":   {On: wrong, Text: "the account cannot sign in", Action: "have the account checked on the platform"},
	"100-061":   {On: password, Text: "the account is locked", Action: "have it unlocked, then resume the agent"},
	"100-062":   {On: password, Text: "wrong account or password", Action: "correct the agent's password"},
	"105-001":   {On: gone, Text: "the platform has no record of the agent", Action: SignsInAgain},
	"105-002":   {On: switched, Text: "recovery after a switch-over is under way", Action: "nothing to do: the session is kept until it is finished"},
	"105-003":   {On: switched, Text: "recovery after a switch-over is finished", Action: "nothing to do"},
	"105-004":   {On: gone, Text: "the agent could not be queued for recovery", Action: SignsInAgain},
	"105-005":   {On: gone, Text: "the wait for recovery took too long", Action: SignsInAgain},
	"105-006":   {On: gone, Text: "the Guid does not fit after the switch-over", Action: SignsInAgain},
	"105-007":   {On: gone, Text: "recovery after a switch-over is off", Action: SignsInAgain},
	"107-000":   {On: gone, Text: "the stored sign-in is no longer valid", Action: SignsInAgain},
	"107-001":   {On: always, Text: "exception in the platform", Action: theirSide},
	"107-002":   {On: wrong, Text: "invalid input", Action: ourSide},
	"107-003":   {On: password, Text: "wrong user or password", Action: "correct the agent's password; it is tried again when the secret changes"},
	"107-004":   {On: always, Text: "the operation failed", Action: theirSide},
	"107-005":   {On: always, Text: "the platform's parts cannot reach each other", Action: theirSide},
	"107-007":   {On: gone, Text: "authentication failed before the configuration", Action: SignsInAgain},
	"110-003":   {On: always, Text: "the old password is wrong", Action: "have the password checked on the platform"},
	"110-016":   {On: password, Text: "the account is locked", Action: "have it unlocked on the platform, then resume the agent"},
	"110-021":   {On: password, Text: "too many wrong passwords: the account is locked now", Action: "correct the password, have the account unlocked, then resume the agent"},
	"999-001":   {On: always, Text: "the address of the WAS in the gateway's configuration is wrong", Action: "correct the gateway's configuration"},

	"101-###": {On: always, Text: "conference fault", Action: theirSide},
	"104-###": {On: always, Text: "recording fault", Action: theirSide},
	"106-###": {On: always, Text: "multimedia fault", Action: theirSide},
	"107-0##": {On: always, Text: "fault of a configuration object", Action: theirSide},
	"110-0##": {On: always, Text: "fault of a user or password rule", Action: theirSide},
	"200-###": {On: always, Text: "call-control state fault", Action: theirSide},
	"210-###": {On: always, Text: "call-control state fault", Action: theirSide},
	"300-###": {On: always, Text: "agent or group query fault", Action: theirSide},
	"400-###": {On: always, Text: "call data fault", Action: theirSide},
	"500-###": {On: always, Text: "recording or playback fault", Action: theirSide},
	"600-###": {On: always, Text: "queue fault", Action: theirSide},
	"700-###": {On: always, Text: "chat or conference fault", Action: theirSide},
	"701-###": {On: always, Text: "chat or conference fault", Action: theirSide},
	"800-###": {On: always, Text: "proxy or video fault", Action: theirSide},
	"900-###": {On: always, Text: "inspection fault", Action: theirSide},

	"http 401": {On: always, Text: refusedBefore, Action: accessRules},
	"http 403": {On: always, Text: refusedBefore, Action: accessRules},
	"http 407": {On: always, Text: refusedBefore, Action: accessRules},
	"http 404": {On: always, Text: elsewhere, Action: checkAddress},
	"http 405": {On: always, Text: elsewhere, Action: checkAddress},
	"http 429": {On: code.Always(code.Throttled), Text: "too many requests", Action: "lower sign_in.rate"},
	"http 500": {On: code.Always(code.Outage), Text: "unexpected HTTP status", Action: checkLogs},
	"http 502": {On: unheard, Text: "the load balancer got no answer from the gateway", Action: checkGateway},
	"http 503": {On: code.Always(code.Throttled), Text: "the service is not available", Action: checkGateway},
	"http 504": {On: unheard, Text: "the load balancer got no answer from the gateway", Action: checkGateway},
	"http 3##": {On: always, Text: "the address redirects elsewhere", Action: "set url to the gateway itself"},
	"http ###": {On: always, Text: "unexpected HTTP status", Action: checkLogs},

	// An operation may have been carried out; a poll brought nothing, which says
	// nothing about the session.
	code.Unreadable: {On: code.Verdicts{code.InDoubt, code.Unclassified, code.InDoubt}, Text: "the answer is no JSON envelope with a retcode", Action: "check that url is the gateway's, and what the load balancer answers"},
}}

const (
	refusedBefore = "a server before the gateway refuses us"
	accessRules   = "check the load balancer's or proxy's access rules"
	elsewhere     = "the gateway is not at this address, or the login is no agent id"
	checkAddress  = "check url, and that the login is a number the gateway knows"
	checkGateway  = "check the gateway behind the load balancer"
	checkLogs     = "look at the gateway's and the load balancer's logs"
)
