package edna

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

const (
	correct      = "correct the account's login or password; it is tried again when one of them changes"
	ourSide      = "nothing to do: the program logs in again by itself"
	checkBackend = "check the platform behind its web server"
)

// The codes of this adapter's own.
const (
	codeBarred    = "barred"
	codeContested = "contested"
	codeExpired   = "expired"
	codeKey       = "key"
	codeNoToken   = "no-token"
	codePage      = "page"
)

// codes says what answers mean to a log-in and to a probe; there is no log-out. The
// platform has no codes of its own, so they are HTTP statuses and this adapter's. How
// a wrong password is answered is not documented; a 400 can only be about the credentials,
// since a log-in sends nothing else, so it counts as one.
var codes = code.Table{Lines: map[string]code.Line{
	"http 400": {On: code.Verdicts{code.Credential, code.Done}, Text: "the request, or what it names, is not valid", Action: correct},
	"http 401": {On: code.Verdicts{code.Credential, code.Expired}, Text: "login, password or token is not valid", Action: correct},
	"http 403": {On: code.Verdicts{code.Forbidden, code.Done}, Text: "not allowed: the login or password is wrong, this host is banned, or the account's role forbids it", Action: "check the account's login and password, that nothing before the platform blocks this host, and the role (INTEGRATOR, given by the vendor's support)"},
	"http 404": {On: code.Verdicts{code.Forbidden, code.Done}, Text: "there is no such address, object or account", Action: "check url, and the account's login and password"},
	"http 405": {On: code.Always(code.Unclassified), Text: "the address does not take this request", Action: "check url and the option probe"},
	"http 422": {On: code.Verdicts{code.Setting, code.Unclassified}, Text: "a field is not valid", Action: "check the account's login and the option locale"},
	"http 423": {On: code.Verdicts{code.Credential, code.Unclassified}, Text: "the account is locked", Action: "have it unlocked on the platform, then resume the agent"},
	"http 429": {On: code.Always(code.Throttled), Text: "too many requests", Action: "lower sign_in.rate"},
	"http 502": {On: code.Verdicts{code.InDoubt, code.Outage}, Text: "the web server got no answer from the platform", Action: checkBackend},
	"http 503": {On: code.Always(code.Throttled), Text: "the service is not available", Action: checkBackend},
	"http 504": {On: code.Verdicts{code.InDoubt, code.Outage}, Text: "the web server got no answer from the platform", Action: checkBackend},
	"http 3##": {On: code.Always(code.Unclassified), Text: "the address redirects elsewhere", Action: "set url to the platform's own address, and check the option probe"},
	"http 5##": {On: code.Always(code.Outage), Text: "the platform failed", Action: code.TheirSide},
	"http ###": {On: code.Always(code.Unclassified), Text: "unexpected HTTP status", Action: code.TheirSide},

	codeBarred:    {On: code.Always(code.Forbidden), Text: "the probe is answered 403 though it was answered well with this token before: the token died, the account's role changed, or this host is banned", Action: "nothing to do: one log-in tells; if it is refused, check the account and whether the platform blocks this host"},
	codeContested: {On: code.Always(code.Expired), Text: "a young token was refused, as was the one before: another client logs in with the account, the platform restarts, or its tokens live for minutes only", Action: "make sure that nobody else uses the account; set max_age if tokens are known to live that short"},
	codeExpired:   {On: code.Always(code.Expired), Text: "the token is older than max_age, and nothing proves it alive", Action: ourSide},
	codeKey:       {On: code.Always(code.Lost), Text: "the stored key is not one of this adapter", Action: ourSide},
	codeNoToken:   {On: code.Always(code.Forbidden), Text: "the log-in was answered with success but without a usable token, as some platforms answer a wrong password", Action: "check the account's login and password, that url is the platform's, and what the servers before it answer"},
	codePage:      {On: code.Always(code.Unclassified), Text: "the probe was answered with a web page: that was not the platform's API", Action: "check url, the option probe, and what the servers before the platform answer"},
}}

// refusal is what an answer to r says against it, nil where it says nothing.
// clean makes the platform's text fit to show.
func refusal(r code.Request, a wire.Answer, clean func(string) string) *session.Fault {
	if a.OK() {
		return nil
	}
	f := codes.Read(r, a, code.Body{Message: clean(messageOf(a.Body))})
	switch {
	case r != code.SignIn:
	case a.Status == http.StatusNotFound && isPage(a):
		return code.Unclassified.Judge(f) // a web server's own page: the address is wrong
	case a.Status == http.StatusInternalServerError && aboutCredentials(messageOf(a.Body)):
		return code.Forbidden.Judge(f)
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
