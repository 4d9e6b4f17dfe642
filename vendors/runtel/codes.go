package runtel

import (
	"strconv"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

const (
	good = 200 // the only code that a vendor page shows

	wrongLogin = "correct the account's login or password; it is tried again when one of them changes"
	rights     = "check the account's role and the domain's billing on the platform; a new log-in does not help"
	unbanUs    = "look for this host in the platform's Defender: unblock it and put it on the white list"
	ourSide    = "nothing to do: the program logs in again by itself"
)

// The codes of this adapter's own.
const (
	codeCrossed = "crossed"
	codeExpired = "expired"
	codeKey     = "key"
	codeNoToken = "no-token"
)

// lost are the verdicts on an answer that was lost on the platform's side: an
// operation may have been carried out.
var lost = code.Verdicts{code.InDoubt, code.Outage, code.InDoubt}

// codes says what answers mean to a log-in, a probe and a log-out. The vendor
// documents no code of the envelope but 200: they are read as HTTP's. At a log-in 403
// may be the Defender's ban (vendor page: Defender), which every further log-in would
// feed, or the answer to a wrong password. An HTTP status without an envelope comes
// from a server before the API.
var codes = code.Table{Lines: map[string]code.Line{
	"200": {On: code.Always(code.Done)},
	"400": {On: code.Verdicts{code.Setting, code.Unclassified, code.Unclassified}, Text: "the request is not valid", Action: "check the account's login (an e-mail address of at most 50 characters) and the option probe"},
	"401": {On: code.Verdicts{code.Credential, code.Expired, code.Done}, Text: "login, password or token is not valid", Action: wrongLogin},
	"402": {On: code.Always(code.Unclassified), Text: "the domain is blocked by its billing", Action: rights, After: 5 * time.Minute},
	"403": {On: code.Verdicts{code.Forbidden, code.Forbidden, code.Unclassified}, Text: "not allowed: the login or password is wrong, this host is blocked, or the account's role or the domain's billing forbids it", Action: "check the account's login, password and role; if no account gets in, " + unbanUs},
	"404": {On: code.Always(code.Unclassified), Text: "there is no such object or action", Action: "check the options probe and domain_id"},
	"405": {On: code.Always(code.Unclassified), Text: "the action is not allowed for the object", Action: "check the option probe"},
	"422": {On: code.Verdicts{code.Setting, code.Unclassified, code.Unclassified}, Text: "a parameter is not valid", Action: "check the account's login (an e-mail address of at most 50 characters) and the option probe"},
	"423": {On: code.Verdicts{code.Credential, code.Unclassified, code.Unclassified}, Text: "the account is locked", Action: "have it unlocked on the platform, then resume the agent"},
	"429": {On: code.Always(code.Throttled), Text: "too many requests", Action: "lower sign_in.rate"},
	"502": {On: lost, Text: "a part of the platform got no answer from another", Action: code.TheirSide},
	"503": {On: code.Always(code.Throttled), Text: "the service is not available", Action: code.TheirSide},
	"504": {On: lost, Text: "a part of the platform got no answer from another", Action: code.TheirSide},
	"5##": {On: code.Always(code.Outage), Text: "the platform failed", Action: code.TheirSide},

	"http 401": {On: code.Verdicts{code.Credential, code.Expired, code.Done}, Text: "login, password or token is not valid", Action: wrongLogin},
	"http 403": {On: code.Verdicts{code.Forbidden, code.Ban, code.Ban}, Text: "the server before the API refuses the request: a ban of this host, or a wrong login or password", Action: unbanUs + "; check the account's login and password"},
	"http 404": {On: code.Verdicts{code.Unclassified, code.Outage, code.Outage}, Text: "the API is not at this address", Action: "check url"},
	"http 405": {On: code.Verdicts{code.Unclassified, code.Outage, code.Outage}, Text: "the API is not at this address", Action: "check url"},
	"http 429": {On: code.Always(code.Throttled), Text: "too many requests", Action: "lower sign_in.rate"},
	"http 502": {On: lost, Text: "the web server got no answer from the API", Action: code.TheirSide},
	"http 503": {On: code.Always(code.Throttled), Text: "the service is not available", Action: code.TheirSide},
	"http 504": {On: lost, Text: "the web server got no answer from the API", Action: code.TheirSide},
	"http 3##": {On: code.Verdicts{code.Unclassified, code.Outage, code.Outage}, Text: "the address redirects elsewhere", Action: "set url to the platform's own address"},
	"http 5##": {On: code.Always(code.Outage), Text: "the platform failed", Action: code.TheirSide},
	"http ###": {On: code.Verdicts{code.Unclassified, code.Outage, code.Outage}, Text: "unexpected HTTP status", Action: code.TheirSide},

	codeCrossed:     {On: code.Always(code.Outage), Text: "the answer belongs to another request: its action_id is not ours", Action: "look for a proxy or cache between this host and the platform"},
	codeExpired:     {On: code.Always(code.Expired), Text: "every plausible end of the token's life is over", Action: ourSide},
	codeKey:         {On: code.Always(code.Lost), Text: "the stored key is not one of this adapter", Action: ourSide},
	codeNoToken:     {On: code.Always(code.Forbidden), Text: "the log-in was answered well, but without a usable token, as some platforms answer a wrong password", Action: "check the account's login and password, and that url is the platform's"},
	code.Unreadable: {On: lost, Text: "the answer is no JSON envelope with a code", Action: "check that url is the platform's, and what the web server answers"},
}}

// read judges the answer to c: nil if the platform said yes. clean makes the
// platform's text fit to show. For a log-out, a token that is dead already is yes.
func read(r code.Request, c call, a wire.Answer, clean func(string) string) (envelope, *session.Fault) {
	e, err := parse(a.Body)
	var says code.Body
	switch {
	case err != nil:
	case !e.echoes(c, a):
		says.Code = codeCrossed
	default:
		says = code.Body{Code: e.judged(a), Message: clean(e.notice())}
	}
	return e, codes.Read(r, a, says)
}

// judged is the code to judge by: the envelope's, or the HTTP status where that
// reports a failure and the envelope of none that is known.
func (e envelope) judged(a wire.Answer) string {
	name := strconv.Itoa(e.code)
	if _, known := codes.Lines[name]; !a.OK() && (!known || e.code == good) {
		return strconv.Itoa(a.Status)
	}
	return name
}

// echoes reports whether the answer belongs to c. A failure may come without an
// action_id, from a part of the platform that did not get to read it.
func (e envelope) echoes(c call, a wire.Answer) bool {
	if e.ActionID == "" {
		return !a.OK() || e.code != good
	}
	return string(e.ActionID) == c.ActionID
}
