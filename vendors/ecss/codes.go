package ecss

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// failure is one line of the table of what a login's answer means.
type failure struct {
	code    string
	text    string // the vendor's, exact
	kind    session.Kind
	cause   session.Cause
	meaning string
	action  string
}

// failures holds every failure that the vendor documents (vendor page: login).
// All of them come with status 401; the text alone tells them apart.
var failures = []failure{
	{
		"401 occupied", "Requested number is occupied", session.Taken, session.CauseNone,
		"another operator holds the telephone number",
		"end the other operator's session on that number (a telephone signed in by feature code counts too), or give this agent another number",
	},
	{
		"401 no-number", "Requested number is not exist", session.Refused, session.CauseSetting,
		"the telephone number does not exist",
		"correct the agent's number, or create it on the platform",
	},
	{
		"401 credentials", "Invalid login or password", session.Refused, session.CauseCredential,
		"login or password is wrong",
		"correct the agent's login or password; it is not tried again until one of them changes or the agent is resumed",
	},
	{
		"401 not-activated", "Service is not activated for this phone number", session.Refused, session.CauseSetting,
		"the contact centre agent service is not active on the telephone number",
		"activate the contact centre agent service for the number on the platform",
	},
	{
		"401 system", "System error. Abonent manager is unavailable", session.Outage, session.CauseNone,
		"a part of the platform (the subscriber manager) is down",
		"none, unless it lasts: then check the platform's core",
	},
	{
		"401 gateway-timeout", "Gateway timeout", session.Outage, session.CauseNone,
		"the proxy cannot reach the platform's core",
		"none, unless it lasts: then check the core and the proxy's connection to it",
	},
	{
		"401 timeout", "timeout", session.Outage, session.CauseAnswered,
		"the platform did not answer its proxy in time, or the domain does not exist",
		"if it lasts while other agents log in, check the option domain: a domain that does not exist looks like this",
	},
	{
		"401 no-domain", "domain not exists", session.Refused, session.CauseSetting,
		"the domain (virtual PBX) does not exist",
		"correct the option domain, or the domain of the profile",
	},
}

// fault makes the table's line an error. takenRetry is for an occupied number.
func (f failure) fault(takenRetry time.Duration) *session.Fault {
	fault := &session.Fault{Kind: f.kind, Cause: f.cause, Code: f.code, Text: f.meaning, Action: f.action}
	if f.kind == session.Taken {
		fault.After = takenRetry
	}
	return fault
}

// Codes of our own, for what is no answer to a login.
const (
	codeClosed      = "socket-closed"
	codeEvicted     = "evicted"
	codeBroken      = "broken-frame"
	codeDead        = "dead-socket"
	codeExpired     = "session-gone"
	codeNoResume    = "no-resume"
	codeNoAnswer    = "no-answer"
	codeUnreadable  = "unreadable"
	codeNoSubscribe = "subscribe"
	codeException   = "exception"
	codeNoPong      = "no-pong"
	codeUnknown     = "401"
)

type note struct{ text, action string }

var notes = map[string]note{
	codeClosed:      {"the platform closed the websocket, and with it the session", ""},
	codeBroken:      {"the platform sent what no websocket may, or a message above 8 MiB, so the connection was given up, and with it the session", "look at what the proxy sends to this operator, and at what stands between it and this host"},
	codeEvicted:     {"the platform ended the session in favour of another one", "find the other client that signs this agent in, or allow the agent several sessions (only_one_session)"},
	codeDead:        {"the platform did not answer any ping in time", ""},
	codeExpired:     {"the platform does not know the session any more", "if it happens about every autoLogoutTimeout, raise the agent's auto_logout_timeout on the platform"},
	codeNoResume:    {"a session of this platform ends with its connection and cannot be continued", ""},
	codeNoAnswer:    {"the request was sent and its answer never came", "none, unless it lasts: then check the proxy and the core behind it"},
	codeUnreadable:  {"the platform's answer cannot be understood", "check that url names the ecss-cc-ui-api proxy (port 8091 as installed)"},
	codeNoSubscribe: {"the platform does not send this agent's calls", "check the operator's rights, or set subscribe: false"},
	"401":           {"the platform refused for a reason that it does not document", "look at the text and at the platform's log"},
	codeException:   {"the proxy reports an exception instead of an answer", "look at the text and at the proxy's log"},
	codeNoPong:      {"requests are answered, but websocket pings are not: something between this host and the proxy swallows them", "none needed, requests prove the session alive instead; set ping: 0 to send no pings"},
	"500 5":         {"the operator is not allowed to do that", "check the operator's rights on the platform"},
	"http 426":      {"the address speaks websocket only", "set login_over: websocket"},
}

// Explain looks up a code of this adapter's faults and warnings: what it means
// and what a person can do. ok is false for other codes.
func Explain(code string) (text, action string, ok bool) {
	for _, f := range failures {
		if f.code == code {
			return f.meaning, f.action, true
		}
	}
	if n, ok := notes[code]; ok {
		return n.text, n.action, true
	}
	if text, action, ok := wire.Explain(code); ok {
		return text, action, true
	}
	if status, ok := strings.CutPrefix(code, "http "); ok && number(status) {
		return "the platform answered with HTTP status " + status + " instead of its own protocol", "check url and login_path, and the proxy", true
	}
	if first, _, _ := strings.Cut(code, " "); number(first) {
		return "the platform answered with status " + first, "look at the text and at the platform's log", true
	}
	return "", "", false
}

func number(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// noted makes a fault of one of the notes.
func noted(kind session.Kind, cause session.Cause, code string, err error) *session.Fault {
	n := notes[code]
	return &session.Fault{Kind: kind, Cause: cause, Code: code, Text: n.text, Action: n.action, Err: err}
}

// known finds the failure that one of the texts stands for: it is the vendor's
// text, or, where within is set, holds it or the words of a translation.
func known(texts []string, within bool) (failure, bool) {
	for _, text := range texts {
		text = strings.TrimRight(strings.TrimSpace(text), ".")
		for _, f := range failures {
			if strings.EqualFold(text, f.text) {
				return f, true
			}
		}
	}
	if !within {
		return failure{}, false
	}
	for _, text := range texts {
		if f, ok := foundIn(strings.ToLower(text)); ok {
			return f, true
		}
	}
	return failure{}, false
}

// foundIn finds the longest of the vendor's texts that a text holds, or else the
// failure whose words it has.
func foundIn(text string) (found failure, ok bool) {
	for _, f := range failures {
		if strings.Contains(text, strings.ToLower(f.text)) && len(f.text) > len(found.text) {
			found, ok = f, true
		}
	}
	if ok {
		return found, true
	}
	for _, t := range translations {
		if !slices.ContainsFunc(t.words, func(word string) bool { return !strings.Contains(text, word) }) {
			return byCode(t.code)
		}
	}
	return failure{}, false
}

// translations are words that a translated text has, all of them, in lower case.
// The vendor's is a Russian product; how it translates is not documented. The
// first that fits counts.
var translations = []struct {
	code  string
	words []string
}{
	{"401 credentials", []string{"логин", "парол"}},
	{"401 credentials", []string{"неверн", "парол"}},
	{"401 credentials", []string{"invalid", "password"}},
	{"401 credentials", []string{"wrong", "password"}},
	{"401 credentials", []string{"incorrect", "password"}},
	{"401 occupied", []string{"номер", "занят"}},
	{"401 not-activated", []string{"не активирован"}},
	{"401 no-number", []string{"номер", "не существует"}},
	{"401 no-domain", []string{"домен", "не существует"}},
	{"401 system", []string{"недоступ"}},
	{"401 gateway-timeout", []string{"врем", "ожидания", "шлюз"}},
	{"401 timeout", []string{"врем", "ожидания"}},
}

func byCode(code string) (failure, bool) {
	for _, f := range failures {
		if f.code == code {
			return f, true
		}
	}
	return failure{}, false
}

// failure finds what a frame's texts stand for. Longer texts and translations
// count where the frame is a refusal.
func (e envelope) failure() (failure, bool) { return known(e.texts(), e.denied() || e.thrown) }

// rejected classifies an answer that is no success. What the table does not
// know is an outage of a platform that answers.
func rejected(e envelope, takenRetry time.Duration, secrets ...string) *session.Fault {
	texts := e.texts()
	if f, ok := e.failure(); ok {
		return f.fault(takenRetry)
	}
	fault := &session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: e.code()}
	fault.Text, fault.Action, _ = Explain(fault.Code)
	if len(texts) > 0 {
		fault.Text += ": " + wire.Plain(wire.Redact(texts[0], secrets...))
	}
	return fault
}

// evictions are words that leave no doubt that another session took this
// one's place. The vendor documents none; anything else is just a close.
var evictions = []string{"another session", "other session", "new session", "another client", "logged in elsewhere", "only_one_session", "displaced"}

func evicted(texts ...string) bool {
	for _, text := range texts {
		for _, words := range evictions {
			if strings.Contains(strings.ToLower(text), words) {
				return true
			}
		}
	}
	return false
}
