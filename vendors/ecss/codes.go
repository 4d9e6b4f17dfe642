package ecss

import (
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// The failures of a login that the vendor documents.
const (
	codeOccupied       = "401 occupied"
	codeNoNumber       = "401 no-number"
	codeCredentials    = "401 credentials"
	codeNotActivated   = "401 not-activated"
	codeSystem         = "401 system"
	codeGatewayTimeout = "401 gateway-timeout"
	codeTimeout        = "401 timeout"
	codeNoDomain       = "401 no-domain"
)

// The codes of this adapter's own.
const (
	codeClosed      = "socket-closed"
	codeEvicted     = "evicted"
	codeBroken      = "broken-frame"
	codeDead        = "dead-socket"
	codeExpired     = "session-gone"
	codeNoResume    = "no-resume"
	codeNoAnswer    = "no-answer"
	codeNoSubscribe = "subscribe"
	codeException   = "exception"
	codeNoPong      = "no-pong"
	codeUnknown     = "401"
)

// texts are the vendor's, exact, for each documented failure of a login. All of them
// come with status 401; the text alone tells them apart (vendor page: login).
var texts = []struct{ code, text string }{
	{codeOccupied, "Requested number is occupied"},
	{codeNoNumber, "Requested number is not exist"},
	{codeCredentials, "Invalid login or password"},
	{codeNotActivated, "Service is not activated for this phone number"},
	{codeSystem, "System error. Abonent manager is unavailable"},
	{codeGatewayTimeout, "Gateway timeout"},
	{codeTimeout, "timeout"},
	{codeNoDomain, "domain not exists"},
}

var (
	taken  = code.Verdict{Kind: session.Taken}
	closed = code.Verdict{Kind: session.Lost, Cause: session.CauseClosed}
	// lost are the verdicts on an answer that a gateway lost: a login may
	// have been done.
	lost = code.Verdicts{code.InDoubt, code.Outage, code.InDoubt}
	// otherStatus is a status in a frame that nobody knows.
	otherStatus = code.Line{On: code.Always(code.Unclassified), Text: "the platform answered with this status", Action: "look at the text and at the platform's log"}
)

// codes says what the platform's answers, the ends of a websocket and HTTP statuses in
// the place of the vendor's own protocol mean.
var codes = code.Table{Lines: map[string]code.Line{
	codeOccupied:       {On: code.Always(taken), Text: "another operator holds the telephone number", Action: "end the other operator's session on that number (a telephone signed in by feature code counts too), or give this agent another number"},
	codeNoNumber:       {On: code.Always(code.Setting), Text: "the telephone number does not exist", Action: "correct the agent's number, or create it on the platform"},
	codeCredentials:    {On: code.Always(code.Credential), Text: "login or password is wrong", Action: "correct the agent's login or password; it is not tried again until one of them changes or the agent is resumed"},
	codeNotActivated:   {On: code.Always(code.Setting), Text: "the contact centre agent service is not active on the telephone number", Action: "activate the contact centre agent service for the number on the platform"},
	codeSystem:         {On: code.Always(code.Outage), Text: "a part of the platform (the subscriber manager) is down", Action: "none, unless it lasts: then check the platform's core"},
	codeGatewayTimeout: {On: code.Always(code.Outage), Text: "the proxy cannot reach the platform's core", Action: "none, unless it lasts: then check the core and the proxy's connection to it"},
	codeTimeout:        {On: code.Always(code.Unclassified), Text: "the platform did not answer its proxy in time, or the domain does not exist", Action: "if it lasts while other agents log in, check the option domain: a domain that does not exist looks like this"},
	codeNoDomain:       {On: code.Always(code.Setting), Text: "the domain (virtual PBX) does not exist", Action: "correct the option domain, or the domain of the profile"},
	codeUnknown:        {On: code.Always(code.Unclassified), Text: "the platform refused for a reason that it does not document", Action: "look at the text and at the platform's log"},
	"500 5":            {On: code.Always(code.Unclassified), Text: "the operator is not allowed to do that", Action: "check the operator's rights on the platform"},
	"#":                otherStatus,
	"##":               otherStatus,
	"###":              otherStatus,
	"####":             otherStatus,
	"#####":            otherStatus,

	"http 426": {On: code.Always(code.Unclassified), Text: "the address speaks websocket only", Action: "set login_over: websocket"},
	"http 429": {On: code.Always(code.Throttled), Text: otherProtocol, Action: checkProxy},
	"http 500": {On: code.Always(code.Outage), Text: otherProtocol, Action: checkProxy},
	"http 502": {On: lost, Text: otherProtocol, Action: checkProxy},
	"http 503": {On: code.Always(code.Throttled), Text: otherProtocol, Action: checkProxy},
	"http 504": {On: lost, Text: otherProtocol, Action: checkProxy},
	"http ###": {On: code.Always(code.Unclassified), Text: otherProtocol, Action: checkProxy},

	codeClosed:      {On: code.Always(closed), Text: "the platform closed the websocket, and with it the session"},
	codeBroken:      {On: code.Always(closed), Text: "the platform sent what no websocket may, or a message above 8 MiB, so the connection was given up, and with it the session", Action: "look at what the proxy sends to this operator, and at what stands between it and this host"},
	codeEvicted:     {On: code.Always(taken), Text: "the platform ended the session in favour of another one", Action: "find the other client that signs this agent in, or allow the agent several sessions (only_one_session)"},
	codeDead:        {On: code.Always(closed), Text: "the platform did not answer any ping in time"},
	codeExpired:     {On: code.Always(code.Expired), Text: "the platform does not know the session any more", Action: "if it happens about every autoLogoutTimeout, raise the agent's auto_logout_timeout on the platform"},
	codeNoResume:    {On: code.Always(code.Verdict{Kind: session.Lost, Cause: session.CauseRestart}), Text: "a session of this platform ends with its connection and cannot be continued"},
	codeNoAnswer:    {On: code.Always(code.InDoubt), Text: "the request was sent and its answer never came", Action: "none, unless it lasts: then check the proxy and the core behind it"},
	codeException:   {On: code.Always(code.Unclassified), Text: "the proxy reports an exception instead of an answer", Action: "look at the text and at the proxy's log"},
	code.Unreadable: {On: code.Always(code.InDoubt), Text: "the platform's answer cannot be understood", Action: "check that url names the ecss-cc-ui-api proxy (port 8091 as installed)"},

	// Warnings.
	codeNoSubscribe: {On: code.Always(code.Unclassified), Text: "the platform does not send this agent's calls", Action: "check the operator's rights, or set subscribe: false"},
	codeNoPong:      {On: code.Always(code.Unclassified), Text: "requests are answered, but websocket pings are not: something between this host and the proxy swallows them", Action: "none needed, requests prove the session alive instead; set ping: 0 to send no pings"},
}}

const (
	otherProtocol = "the platform answered with an HTTP status instead of its own protocol"
	checkProxy    = "check url and login_path, and the proxy"
)

// ended is the fault of one of this adapter's own codes.
func ended(name string, err error) *session.Fault {
	f := codes.Fault(code.SignIn, name, "")
	f.Err = err
	return f
}

// known finds the code of the failure that one of the platform's texts means: it
// is the vendor's text, or, where within is set, holds it or the words of a
// translation. "" is none.
func known(found []string, within bool) string {
	for _, text := range found {
		text = strings.TrimRight(strings.TrimSpace(text), ".")
		for _, t := range texts {
			if strings.EqualFold(text, t.text) {
				return t.code
			}
		}
	}
	if !within {
		return ""
	}
	for _, text := range found {
		if name := foundIn(strings.ToLower(text)); name != "" {
			return name
		}
	}
	return ""
}

// foundIn finds the code of the longest of the vendor's texts that a text holds, or
// else of the translation whose words it has; "" is none.
func foundIn(text string) (name string) {
	longest := 0
	for _, t := range texts {
		if len(t.text) > longest && strings.Contains(text, strings.ToLower(t.text)) {
			name, longest = t.code, len(t.text)
		}
	}
	if name != "" {
		return name
	}
	for _, t := range translations {
		if !slices.ContainsFunc(t.words, func(word string) bool { return !strings.Contains(text, word) }) {
			return t.code
		}
	}
	return ""
}

// translations are words that a translated text has, all of them, in lower case.
// The vendor's is a Russian product; how it translates is not documented. The
// first that fits counts.
var translations = []struct {
	code  string
	words []string
}{
	{codeCredentials, []string{"логин", "парол"}},
	{codeCredentials, []string{"неверн", "парол"}},
	{codeCredentials, []string{"invalid", "password"}},
	{codeCredentials, []string{"wrong", "password"}},
	{codeCredentials, []string{"incorrect", "password"}},
	{codeOccupied, []string{"номер", "занят"}},
	{codeNotActivated, []string{"не активирован"}},
	{codeNoNumber, []string{"номер", "не существует"}},
	{codeNoDomain, []string{"домен", "не существует"}},
	{codeSystem, []string{"недоступ"}},
	{codeGatewayTimeout, []string{"врем", "ожидания", "шлюз"}},
	{codeTimeout, []string{"врем", "ожидания"}},
}

// failure finds the code that a frame's texts mean. Longer texts and translations
// count where the frame is a refusal.
func (e envelope) failure() string { return known(e.texts(), e.denied() || e.thrown) }

// failed is the fault of a documented failure. takenRetry is for an occupied number.
func failed(name string, takenRetry time.Duration) *session.Fault {
	f := codes.Fault(code.SignIn, name, "")
	if f.Kind == session.Taken {
		f.After = takenRetry
	}
	return f
}

// rejected classifies an answer that is no success. What the table does not
// know is an outage of a platform that answers.
func rejected(e envelope, takenRetry time.Duration, secrets ...string) *session.Fault {
	if name := e.failure(); name != "" {
		return failed(name, takenRetry)
	}
	message := ""
	if found := e.texts(); len(found) > 0 {
		message = wire.Plain(wire.Redact(found[0], secrets...))
	}
	return codes.Fault(code.SignIn, e.code(), message)
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
