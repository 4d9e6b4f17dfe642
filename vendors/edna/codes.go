package edna

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// request is what an answer answers; the same status may mean different things.
type request uint8

const (
	logIn request = iota
	probe
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
	throttled  = verdict{session.Outage, session.CauseThrottled}
	doubt      = verdict{kind: session.Doubt}
	dead       = verdict{session.Lost, session.CauseExpired}
	alive      = verdict{kind: session.OK}
	credential = verdict{session.Refused, session.CauseCredential}
	setting    = verdict{session.Refused, session.CauseSetting}
)

// code is one line of the tables: one verdict for each request, and words.
type code struct {
	on     [requests]verdict
	text   string
	action string
}

const (
	theirSide = "look at the platform's logs; nothing to do here, it is tried again"
	ourSide   = "nothing to do: the program logs in again by itself"
	behind    = "check the platform behind its web server"
)

// statuses says what HTTP statuses other than 2xx mean: the platform has no codes
// of its own. What a wrong password is answered no page tells; a 400 can only be
// about the credentials, since a log-in sends nothing else, so it counts as one.
var statuses = map[int]code{
	http.StatusBadRequest:          {on: [requests]verdict{credential, alive}, text: "the request, or what it names, is not valid", action: "correct the account's login or password; it is tried again when one of them changes"},
	http.StatusUnauthorized:        {on: [requests]verdict{credential, dead}, text: "login, password or token is not valid", action: "correct the account's login or password; it is tried again when one of them changes"},
	http.StatusForbidden:           {on: [requests]verdict{forbidden, alive}, text: "not allowed: the login or password is wrong, this host is banned, or the account's role forbids it", action: "check the account's login and password, that nothing before the platform blocks this host, and the role (INTEGRATOR, given by the vendor's support)"},
	http.StatusNotFound:            {on: [requests]verdict{forbidden, alive}, text: "there is no such address, object or account", action: "check url, and the account's login and password"},
	http.StatusMethodNotAllowed:    {on: [requests]verdict{odd, odd}, text: "the address does not take this request", action: "check url and the option probe"},
	http.StatusUnprocessableEntity: {on: [requests]verdict{setting, odd}, text: "a field is not valid", action: "check the account's login and the option locale"},
	http.StatusLocked:              {on: [requests]verdict{credential, odd}, text: "the account is locked", action: "have it unlocked on the platform, then resume the agent"},
	http.StatusTooManyRequests:     {on: [requests]verdict{throttled, throttled}, text: "too many requests", action: "lower sign_in.rate"},
	http.StatusBadGateway:          {on: [requests]verdict{doubt, outage}, text: "the web server got no answer from the platform", action: behind},
	http.StatusGatewayTimeout:      {on: [requests]verdict{doubt, outage}, text: "the web server got no answer from the platform", action: behind},
	http.StatusServiceUnavailable:  {on: [requests]verdict{throttled, throttled}, text: "the service is not available", action: behind},
}

// statusLine explains any status other than 2xx.
func statusLine(status int) code {
	if line, known := statuses[status]; known {
		return line
	}
	switch {
	case status >= 300 && status < 400:
		return code{on: [requests]verdict{odd, odd}, text: "the address redirects elsewhere", action: "set url to the platform's own address, and check the option probe"}
	case status >= 500:
		return code{on: [requests]verdict{outage, outage}, text: "the platform failed", action: theirSide}
	}
	return code{on: [requests]verdict{odd, odd}, text: "unexpected HTTP status", action: theirSide}
}

// The codes of this adapter's own.
const (
	codeBarred    = "barred"
	codeContested = "contested"
	codeExpired   = "expired"
	codeKey       = "key"
	codeNoToken   = "no-token"
	codePage      = "page"
)

// own explains this adapter's codes.
var own = map[string]code{
	codeBarred:    {text: "the probe is answered 403 though it was answered well with this token before: the token died, the account's role changed, or this host is banned", action: "nothing to do: one log-in tells; if it is refused, check the account and whether the platform blocks this host"},
	codeContested: {text: "a young token was refused, as was the one before: another client logs in with the account, the platform restarts, or its tokens live for minutes only", action: "make sure that nobody else uses the account; set max_age if tokens are known to live that short"},
	codeExpired:   {text: "the token is older than it is trusted, and nothing proves it alive", action: ourSide},
	codeKey:       {text: "the stored key is not one of this adapter", action: ourSide},
	codeNoToken:   {text: "the log-in was answered with success but without a usable token, as some platforms answer a wrong password", action: "check the account's login and password, that url is the platform's, and what the servers before it answer"},
	codePage:      {text: "the probe was answered with a web page: that was not the platform's API", action: "check url, the option probe, and what the servers before the platform answer"},
}

// ownFault is one of this adapter's codes as a fault.
func ownFault(name string, v verdict) *session.Fault {
	return &session.Fault{Kind: v.kind, Cause: v.cause, Code: name, Text: own[name].text, Action: own[name].action}
}

// Explain looks up a code for people: "http 401", or one of the transport's or
// this adapter's own. ok is false for unknown ones.
func Explain(name string) (text, action string, ok bool) {
	if c, known := own[name]; known {
		return c.text, c.action, true
	}
	if number, isHTTP := strings.CutPrefix(name, "http "); isHTTP {
		status, err := strconv.Atoi(number)
		c := statusLine(status)
		return c.text, c.action, err == nil
	}
	return wire.Explain(name)
}

// refusal is what an answer to r says against it, nil where it says nothing.
// clean makes the platform's text fit to show. A live session must not fall
// silent because the platform asks to slow down: probes keep to their own pace.
func refusal(r request, a wire.Answer, clean func(string) string) *session.Fault {
	if a.OK() {
		return nil
	}
	line := statusLine(a.Status)
	if to := a.Redirect(); to != "" {
		line.text = to
	}
	v := line.on[r]
	switch {
	case v == alive:
		return nil
	case r == logIn && v == forbidden && a.Status == http.StatusNotFound && isPage(a):
		v = odd // a web server's own page: the address is wrong
	case r == logIn && a.Status == http.StatusInternalServerError && aboutCredentials(messageOf(a.Body)):
		v = forbidden
	}
	f := &session.Fault{
		Kind: v.kind, Cause: v.cause, Code: statusCode(a.Status),
		Text: withMessage(line.text, clean(messageOf(a.Body))), Action: line.action,
	}
	if f.Kind == session.Outage && r == logIn {
		f.After = wire.RetryAfter(a.Header, time.Now(), restLimit)
	}
	return f
}

// credentialWords are of the texts in which Spring Security, which the platform's
// answers look like, speaks of a refused account. Installations answer such an
// exception with 500 where nothing handles it.
var credentialWords = []string{"credential", "password", "user not found", "username", "disabled", "locked"}

func aboutCredentials(message string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(credentialWords, func(word string) bool { return strings.Contains(message, word) })
}

// intercepted is a status that a server before the platform answered, and that
// says nothing about the account.
func intercepted(status int) *session.Fault {
	return &session.Fault{Kind: odd.kind, Cause: odd.cause, Code: statusCode(status),
		Text:   "a server before the platform answers in its place",
		Action: "check the access rules of the proxy or load balancer before the platform"}
}

// isPage reports whether an answer is a web page, which no call of the API
// brings: it comes from a server before the platform, or is there for browsers.
func isPage(a wire.Answer) bool {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return kind == "text/html" || bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<"))
}

// isBinary reports whether an answer is no text at all: nothing that a platform
// would say to a wrong password.
func isBinary(a wire.Answer) bool {
	return bytes.ContainsFunc(a.Body, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}

func statusCode(status int) string { return "http " + strconv.Itoa(status) }

func withMessage(text, message string) string {
	if message == "" {
		return text
	}
	return fmt.Sprintf("%s (%q)", text, message)
}

// messageOf returns what a failure's JSON body says in words, "" for a page or
// nothing. The platform's answers look like Spring's {timestamp, status, error,
// message, path}.
func messageOf(body []byte) string {
	var v struct {
		Error   wire.Text `json:"error"`
		Message wire.Text `json:"message"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || json.Unmarshal(body, &v) != nil {
		return ""
	}
	if v.Message != "" {
		return string(v.Message)
	}
	return string(v.Error)
}

// restLimit bounds what a Retry-After can ask for.
const restLimit = time.Hour
