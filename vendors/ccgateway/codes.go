package ccgateway

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// Request is what an answer answers; the same retcode may mean different
// things.
type Request uint8

// The requests.
const (
	SignIn Request = iota
	Poll           // or any other request that proves a session
	SignOut
	requests // how many
)

// verdict is what an answer makes of a request.
type verdict struct {
	kind  session.Kind
	cause session.Cause
}

var (
	outage     = verdict{session.Outage, session.CauseAnswered}
	waiting    = verdict{kind: session.Outage} // the session is kept, however long it takes
	lost       = verdict{kind: session.Lost}
	taken      = verdict{kind: session.Taken}
	heldFast   = verdict{session.Taken, session.CauseUnforceable}
	busy       = verdict{kind: session.Busy}
	done       = verdict{kind: session.OK}
	credential = verdict{session.Refused, session.CauseCredential}
	setting    = verdict{session.Refused, session.CauseSetting}
)

// verdicts holds one verdict for each request: sign-in, poll, sign-out.
type verdicts [requests]verdict

// The patterns that most codes follow.
var (
	always   = verdicts{outage, outage, outage} // the platform's trouble
	switched = verdicts{waiting, waiting, waiting}
	password = verdicts{credential, outage, outage}
	wrong    = verdicts{setting, outage, outage}
	occupied = verdicts{taken, outage, outage}
	seated   = verdicts{heldFast, outage, outage} // force displaces nobody there
	gone     = verdicts{outage, lost, lost}
	out      = verdicts{outage, lost, done}
	inCall   = verdicts{outage, outage, busy}
)

// code is one line of the table.
type code struct {
	on     verdicts
	text   string
	action string
	after  time.Duration // not before, where waiting less is useless
}

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
	theirState = SignsInAgain
	anotherOne = "end the other session, or set taken: force to displace it"
)

// codes is the vendor's retcode table (vendor pages: sign-in, error codes), with
// what each means for the three requests of a keeper.
var codes = map[string]code{
	"000-000":   {on: always, text: "unknown error", action: theirSide},
	"000-001":   {on: wrong, text: "the gateway's way of fetching events is another one", action: "set AGENT_POLL as event method on the gateway, or ask its administrator"},
	"000-002":   {on: wrong, text: "address or parameter invalid", action: ourSide},
	NoRight:     {on: gone, text: "no permission: the authentication may have lapsed", action: theirState},
	"000-004":   {on: switched, text: "the agent is being switched over to the other site", action: "nothing to do: the session is kept until the switch-over is finished"},
	"000-005":   {on: wrong, text: "the target is the inspector itself", action: ourSide},
	"000-006":   {on: wrong, text: "message parameter error", action: ourSide},
	"000-007":   {on: always, text: "the request was repeated before the first was answered", action: "nothing to do; if it stays, look for another program that signs this agent in", after: 2 * time.Second},
	"100-001":   {on: wrong, text: "a sign-in parameter is empty or invalid", action: ourSide + ", its number and its password's length"},
	"100-002":   {on: occupied, text: "the agent is signed in already", action: anotherOne},
	"100-003":   {on: always, text: "resource unavailable: a fault of the platform, or its licences are used up", action: "look at the gateway's logs and licences"},
	"100-004":   {on: password, text: "wrong user or password", action: "correct the agent's password; it is tried again when the secret changes"},
	"100-005":   {on: always, text: "a sign-out parameter is invalid", action: theirSide},
	NotSignedIn: {on: out, text: "the agent is not signed in", action: theirState},
	"100-007":   {on: always, text: "the operation failed inside the platform", action: theirSide},
	"100-008":   {on: out, text: "the agent is signed out already", action: theirState},
	"100-009":   {on: inCall, text: "the state could not be set", action: CallOver},
	"100-010":   {on: inCall, text: "the agent's state does not allow it", action: CallOver},
	"100-011":   {on: seated, text: "the number is in use by another agent, or a sign-in parameter is invalid", action: "free the number, or give the agent another one"},
	"100-012":   {on: wrong, text: "the agent type is wrong", action: "correct agenttype: 4 is a PC with a telephone, 11 is video"},
	"100-013":   {on: wrong, text: "the number is invalid", action: "correct the agent's number"},
	"100-014":   {on: wrong, text: "the number is outside the configured range", action: "correct the agent's number, or the range on the platform"},
	"100-015":   {on: seated, text: "the agent is signed in and may not be forced out", action: "end the other session; force is not allowed on this platform"},
	"100-016":   {on: wrong, text: "the IP address is invalid", action: "correct ip: an IPv4 address"},
	"100-017":   {on: wrong, text: "authentication at the uPortal failed", action: "have the account checked on the platform"},
	"100-018":   {on: wrong, text: "the agent belongs to another VDN", action: "correct the login, or the platform's address"},
	"100-060":   {on: wrong, text: "the account cannot sign in", action: "have the account checked on the platform"},
	"100-061":   {on: password, text: "the account is locked", action: "have it unlocked, then resume the agent"},
	"100-062":   {on: password, text: "wrong account or password", action: "correct the agent's password"},
	"105-001":   {on: gone, text: "the platform has no record of the agent", action: theirState},
	"105-002":   {on: switched, text: "recovery after a switch-over is under way", action: "nothing to do: the session is kept until it is finished"},
	"105-003":   {on: switched, text: "recovery after a switch-over is finished", action: "nothing to do"},
	"105-004":   {on: gone, text: "the agent could not be queued for recovery", action: theirState},
	"105-005":   {on: gone, text: "the wait for recovery took too long", action: theirState},
	"105-006":   {on: gone, text: "the Guid does not fit after the switch-over", action: theirState},
	"105-007":   {on: gone, text: "recovery after a switch-over is off", action: theirState},
	"107-000":   {on: gone, text: "the stored sign-in is no longer valid", action: theirState},
	"107-001":   {on: always, text: "exception in the platform", action: theirSide},
	"107-002":   {on: wrong, text: "invalid input", action: ourSide},
	"107-003":   {on: password, text: "wrong user or password", action: "correct the agent's password; it is tried again when the secret changes"},
	"107-004":   {on: always, text: "the operation failed", action: theirSide},
	"107-005":   {on: always, text: "the platform's parts cannot reach each other", action: theirSide},
	"107-007":   {on: gone, text: "authentication failed before the configuration", action: theirState},
	"110-003":   {on: always, text: "the old password is wrong", action: "have the password checked on the platform"},
	"110-016":   {on: password, text: "the account is locked", action: "have it unlocked on the platform, then resume the agent"},
	"110-021":   {on: password, text: "too many wrong passwords: the account is locked now", action: "correct the password, have the account unlocked, then resume the agent"},
	"999-001":   {on: always, text: "the address of the WAS in the gateway's configuration is wrong", action: "correct the gateway's configuration"},
}

// families explains the codes that no keeper should meet, by their beginning;
// the longest fitting one counts.
var families = []struct{ prefix, text string }{
	{"101-", "conference fault"}, {"104-", "recording fault"}, {"106-", "multimedia fault"},
	{"107-0", "fault of a configuration object"}, {"110-0", "fault of a user or password rule"},
	{"200-", "call-control state fault"}, {"210-", "call-control state fault"},
	{"300-", "agent or group query fault"}, {"400-", "call data fault"},
	{"500-", "recording or playback fault"}, {"600-", "queue fault"},
	{"700-", "chat or conference fault"}, {"701-", "chat or conference fault"},
	{"800-", "proxy or video fault"}, {"900-", "inspection fault"},
}

// Unreadable is the code of a 2xx answer that is no envelope.
const Unreadable = "unreadable"

// own explains the codes that are not the vendor's.
var own = map[string]code{
	Unreadable: {text: "the answer is no JSON envelope with a retcode", action: "check that url is the gateway's, and what the load balancer answers"},
}

// Explain looks up a code for people: a retcode of the vendor, "http 502", or
// one of the transport's. ok is false for unknown ones.
func Explain(name string) (text, action string, ok bool) {
	if c, known := codes[name]; known {
		return c.text, c.action, true
	}
	if c, known := own[name]; known {
		return c.text, c.action, true
	}
	if number, isHTTP := strings.CutPrefix(name, "http "); isHTTP {
		status, err := strconv.Atoi(number)
		text, action = statusMeaning(status)
		return text, action, err == nil
	}
	if text, ok = family(name); ok {
		return text, theirSide, true
	}
	return wire.Explain(name)
}

func family(name string) (text string, ok bool) {
	for _, f := range families {
		if strings.HasPrefix(name, f.prefix) {
			return f.text, true
		}
	}
	return "", false
}

// codeFault is what a retcode other than "0" means as the answer to r, nil where
// it means that all is done. message is the vendor's own text, fit to show.
func codeFault(r Request, name, message string) *session.Fault {
	line, known := codes[name]
	if !known {
		line = code{on: always, action: theirSide}
		if line.text, known = family(name); !known {
			line.text = "unknown code"
		}
	}
	v := line.on[r]
	if v == done {
		return nil
	}
	return &session.Fault{Kind: v.kind, Cause: v.cause, Code: name, Text: withMessage(line.text, message), Action: line.action, After: line.after}
}

func withMessage(text, message string) string {
	if message == "" || strings.EqualFold(message, "success") || strings.EqualFold(message, text) {
		return text
	}
	return fmt.Sprintf("%s (%q)", text, message)
}

// statusMeaning explains an HTTP status; no vendor page lists any for these
// calls, so all of them are the transport's.
func statusMeaning(status int) (text, action string) {
	switch {
	case status >= 300 && status < 400:
		return "the address redirects elsewhere", "set url to the gateway itself"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return "a server before the gateway refuses us", "check the load balancer's or proxy's access rules"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return "the gateway is not at this address, or the login is no agent id", "check url, and that the login is a number the gateway knows"
	case status == http.StatusTooManyRequests:
		return "too many requests", "lower sign_in.rate"
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return "the load balancer got no answer from the gateway", "check the gateway behind the load balancer"
	case status == http.StatusServiceUnavailable:
		return "the service is not available", "check the gateway behind the load balancer"
	}
	return "unexpected HTTP status", "look at the gateway's and the load balancer's logs"
}
