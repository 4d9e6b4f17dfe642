package huaweiconfig

import (
	"net/http"
	"strconv"
	"strings"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// The codes of this adapter's own.
const (
	codeLogin  = "login"
	codeNoGuid = "no-guid"
	codeKey    = "key"
	codeLapsed = "lapsed"
)

// advice explains a code to people.
type advice struct{ text, action string }

// own explains this adapter's codes.
var own = map[string]advice{
	codeLogin:  {"the login is no agentId", "write a number: an administrator's id, or the VDN's id + 100000 (newer gateways: + 1000000)"},
	codeNoGuid: {"the login succeeded but its answer carried no Guid", "check that no proxy between this host and the gateway removes the header Guid"},
	codeKey:    {"the stored key is not one of this adapter", ccgateway.SignsInAgain},
	codeLapsed: {"the Guid was not used for longer than the window", ccgateway.SignsInAgain + "; set probe to keep the Guid alive instead"},
}

// ownFault is one of this adapter's own codes.
func ownFault(kind session.Kind, cause session.Cause, code string) *session.Fault {
	return &session.Fault{Kind: kind, Cause: cause, Code: code, Text: own[code].text, Action: own[code].action}
}

// Explain looks up a code for people: a retcode of the vendor, "http 502", or
// one of the transport's or this adapter's own. ok is false for unknown ones.
func Explain(name string) (text, action string, ok bool) {
	if a, known := own[name]; known {
		return a.text, a.action, true
	}
	return ccgateway.Explain(name)
}

// verdict is what the answer to a keep-alive tells about the Guid.
type verdict uint8

const (
	silent  verdict = iota // nothing: the transport's or the platform's trouble
	alive                  // it lives
	limping                // it lives, but the request itself failed
	dead                   // it lives no longer
	misfit                 // the request is none that could tell
)

// judge reads a keep-alive's fault, nil for a good answer.
func judge(f *session.Fault) verdict {
	switch {
	case f == nil:
		return alive
	case f.Kind == session.Lost, f.Code == httpCode(http.StatusUnauthorized):
		return dead
	case aboutObject(f.Code):
		return limping
	case unfitting[f.Code], strings.HasPrefix(f.Code, "http 3"), strings.HasPrefix(f.Code, "http 4") && f.Cause == session.CauseAnswered:
		return misfit
	}
	return silent
}

// aboutObject reports whether code is one of 107-010 to 107-067: what was asked
// for could not be had. The authentication comes before (vendor page: error
// codes), so the Guid was good.
func aboutObject(code string) bool {
	text, found := strings.CutPrefix(code, "107-")
	n, err := strconv.Atoi(text)
	return found && len(text) == 3 && err == nil && n >= 10
}

// unfitting are codes of a request that the platform does not know as such.
var unfitting = map[string]bool{
	"000-002": true, "000-006": true, "107-002": true,
	ccgateway.Unreadable: true, wire.TooLarge.String(): true,
}

func httpCode(status int) string { return "http " + strconv.Itoa(status) }
