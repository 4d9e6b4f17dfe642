package runtel

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// request is what an answer answers; the same code may mean different things.
type request uint8

const (
	logIn request = iota
	probe
	logOut
	requests // how many
)

// verdict is what an answer makes of a request.
type verdict struct {
	kind  session.Kind
	cause session.Cause
}

var (
	odd        = verdict{session.Outage, session.CauseAnswered} // an answer, but no verdict
	forbidden  = verdict{session.Outage, session.CauseForbidden}
	outage     = verdict{kind: session.Outage}
	ban        = verdict{session.Outage, session.CauseBan}
	throttled  = verdict{session.Outage, session.CauseThrottled}
	doubt      = verdict{kind: session.Doubt}
	dead       = verdict{session.Lost, session.CauseExpired}
	done       = verdict{kind: session.OK}
	credential = verdict{session.Refused, session.CauseCredential}
	setting    = verdict{session.Refused, session.CauseSetting}
)

// verdicts holds one verdict for each request: log-in, probe, log-out.
type verdicts [requests]verdict

// code is one line of the table.
type code struct {
	on     verdicts
	text   string
	action string
	after  time.Duration // not before, where waiting less is useless
}

const (
	good = 200 // the only code that a vendor page shows

	wrongLogin = "correct the account's login or password; it is tried again when one of them changes"
	rights     = "check the account's role and the domain's billing on the platform; a new log-in does not help"
	theirSide  = "look at the platform's logs; nothing to do here, it is tried again"
	unbanUs    = "look for this host in the platform's Defender: unblock it and put it on the white list"
)

// codes says what the envelope's codes mean. The vendor documents none but 200:
// they are read as HTTP's. At a log-in 403 may be the Defender's ban (vendor page:
// Defender), which every further log-in would feed, or the answer to a wrong
// password.
var codes = map[int]code{
	http.StatusBadRequest:          {on: verdicts{setting, odd, odd}, text: "the request is not valid", action: "check the account's login (an e-mail address of at most 50 characters) and the option probe"},
	http.StatusUnauthorized:        {on: verdicts{credential, dead, done}, text: "login, password or token is not valid", action: wrongLogin},
	http.StatusPaymentRequired:     {on: verdicts{odd, odd, odd}, text: "the domain is blocked by its billing", action: rights, after: 5 * time.Minute},
	http.StatusForbidden:           {on: verdicts{forbidden, forbidden, odd}, text: "not allowed: the login or password is wrong, this host is blocked, or the account's role or the domain's billing forbids it", action: "check the account's login, password and role; if no account gets in, " + unbanUs},
	http.StatusNotFound:            {on: verdicts{odd, odd, odd}, text: "there is no such object or action", action: "check the options probe and domain_id"},
	http.StatusMethodNotAllowed:    {on: verdicts{odd, odd, odd}, text: "the action is not allowed for the object", action: "check the option probe"},
	http.StatusUnprocessableEntity: {on: verdicts{setting, odd, odd}, text: "a parameter is not valid", action: "check the account's login (an e-mail address of at most 50 characters) and the option probe"},
	http.StatusLocked:              {on: verdicts{credential, odd, odd}, text: "the account is locked", action: "have it unlocked on the platform, then resume the agent"},
	http.StatusTooManyRequests:     {on: verdicts{throttled, throttled, throttled}, text: "too many requests", action: "lower sign_in.rate"},
	http.StatusInternalServerError: {on: verdicts{outage, outage, outage}, text: "the platform failed", action: theirSide},
	http.StatusBadGateway:          {on: verdicts{doubt, outage, doubt}, text: "a part of the platform got no answer from another", action: theirSide},
	http.StatusGatewayTimeout:      {on: verdicts{doubt, outage, doubt}, text: "a part of the platform got no answer from another", action: theirSide},
	http.StatusServiceUnavailable:  {on: verdicts{throttled, throttled, throttled}, text: "the service is not available", action: theirSide},
}

// statuses says what an HTTP status without an envelope means: it comes from a
// server before the API. 502 and 504 stand for an answer that was lost.
var statuses = map[int]code{
	http.StatusUnauthorized:       {on: verdicts{credential, dead, done}, text: "login, password or token is not valid", action: wrongLogin},
	http.StatusForbidden:          {on: verdicts{forbidden, ban, ban}, text: "the server before the API refuses the request: a ban of this host, or a wrong login or password", action: unbanUs + "; check the account's login and password"},
	http.StatusNotFound:           {on: verdicts{odd, outage, outage}, text: "the API is not at this address", action: "check url"},
	http.StatusMethodNotAllowed:   {on: verdicts{odd, outage, outage}, text: "the API is not at this address", action: "check url"},
	http.StatusTooManyRequests:    {on: verdicts{throttled, throttled, throttled}, text: "too many requests", action: "lower sign_in.rate"},
	http.StatusBadGateway:         {on: verdicts{doubt, outage, doubt}, text: "the web server got no answer from the API", action: theirSide},
	http.StatusGatewayTimeout:     {on: verdicts{doubt, outage, doubt}, text: "the web server got no answer from the API", action: theirSide},
	http.StatusServiceUnavailable: {on: verdicts{throttled, throttled, throttled}, text: "the service is not available", action: theirSide},
}

// The codes of this adapter's own.
const (
	codeCrossed    = "crossed"
	codeExpired    = "expired"
	codeKey        = "key"
	codeNoToken    = "no-token"
	codeUnreadable = "unreadable"
)

// own explains this adapter's codes.
var own = map[string]code{
	codeCrossed:    {text: "the answer belongs to another request: its action_id is not ours", action: "look for a proxy or cache between this host and the platform"},
	codeExpired:    {text: "every plausible end of the token's life is over", action: "nothing to do: the program logs in again by itself"},
	codeKey:        {text: "the stored key is not one of this adapter", action: "nothing to do: the program logs in again by itself"},
	codeNoToken:    {text: "the log-in was answered well, but without a usable token, as some platforms answer a wrong password", action: "check the account's login and password, and that url is the platform's"},
	codeUnreadable: {on: verdicts{doubt, outage, doubt}, text: "the answer is no JSON envelope with a code", action: "check that url is the platform's, and what the web server answers"},
}

// ownFault is one of this adapter's codes as a fault.
func ownFault(name string, v verdict) *session.Fault {
	return &session.Fault{Kind: v.kind, Cause: v.cause, Code: name, Text: own[name].text, Action: own[name].action}
}

// intercepted is a status that a server before the API answered, and that says
// nothing about the account.
func intercepted(status int) *session.Fault {
	return &session.Fault{Kind: odd.kind, Cause: odd.cause, Code: "http " + strconv.Itoa(status),
		Text:   "a server before the API answers in its place",
		Action: "check the access rules of the proxy or load balancer before the platform"}
}

// Explain looks up a code for people: one of an envelope ("401"), "http 502",
// or one of the transport's or this adapter's own. ok is false for unknown ones.
func Explain(name string) (text, action string, ok bool) {
	if c, known := own[name]; known {
		return c.text, c.action, true
	}
	if status, isHTTP := strings.CutPrefix(name, "http "); isHTTP {
		n, err := strconv.Atoi(status)
		c := statusLine(n)
		return c.text, c.action, err == nil
	}
	if n, err := strconv.Atoi(name); err == nil {
		c, known := codeLine(n)
		return c.text, c.action, known
	}
	return wire.Explain(name)
}

// codeFault is what an envelope's code means as the answer to r, nil where it
// means that all is done. notice is the platform's own text, fit to show.
func codeFault(r request, n int, notice string) *session.Fault {
	if n == good {
		return nil
	}
	line, _ := codeLine(n)
	return line.fault(r, strconv.Itoa(n), notice)
}

// codeLine explains an envelope's code. known is false where nobody knows it.
func codeLine(n int) (line code, known bool) {
	line, known = codes[n]
	switch {
	case known:
		return line, true
	case n >= 500 && n <= 599:
		return codes[http.StatusInternalServerError], true
	}
	return code{on: verdicts{odd, odd, odd}, text: "unknown code", action: theirSide}, false
}

func (c code) fault(r request, name, notice string) *session.Fault {
	v := c.on[r]
	if v == done {
		return nil
	}
	text := c.text
	if notice != "" {
		text = fmt.Sprintf("%s (%q)", text, notice)
	}
	return &session.Fault{Kind: v.kind, Cause: v.cause, Code: name, Text: text, Action: c.action, After: c.after}
}

// statusLine explains an HTTP status that came without an envelope.
func statusLine(status int) code {
	if line, known := statuses[status]; known {
		return line
	}
	switch {
	case status >= 300 && status < 400:
		return code{on: verdicts{odd, outage, outage}, text: "the address redirects elsewhere", action: "set url to the platform's own address"}
	case status >= 500:
		return code{on: verdicts{outage, outage, outage}, text: "the platform failed", action: theirSide}
	}
	return code{on: verdicts{odd, outage, outage}, text: "unexpected HTTP status", action: theirSide}
}
