package huaweiconfig

import (
	"net/http"
	"strconv"
	"strings"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// The codes of this adapter's own.
const (
	codeLogin  = "login"
	codeNoGuid = "no-guid"
	codeKey    = "key"
	codeLapsed = "lapsed"
)

// codes are the gateway's and this adapter's own.
var codes = ccgateway.Codes.With(map[string]code.Line{
	codeLogin:  {On: code.Always(code.Setting), Text: "the login is no agentId", Action: "write a number: an administrator's id, or the VDN's id + 100000 (newer gateways: + 1000000)"},
	codeNoGuid: {On: code.Always(code.Unclassified), Text: "the login succeeded but its answer carried no Guid", Action: "check that no proxy between this host and the gateway removes the header Guid"},
	codeKey:    {On: code.Always(code.Lost), Text: "the stored key is not one of this adapter", Action: ccgateway.SignsInAgain},
	codeLapsed: {On: code.Always(code.Expired), Text: "the Guid was not used for longer than the window", Action: ccgateway.SignsInAgain + "; set probe to keep the Guid alive instead"},
})

// evidence is what the answer to a keep-alive says about the Guid.
type evidence uint8

const (
	none     evidence = iota // nothing: the transport's or the platform's trouble
	alive                    // it lives
	failing                  // it lives, but the request itself failed
	dead                     // it lives no longer
	unsuited                 // the request is not one that could show it
)

// judge reads a keep-alive's fault, nil for a good answer.
func judge(f *session.Fault) evidence {
	switch {
	case f == nil:
		return alive
	case f.Kind == session.Lost, f.Code == code.Status(http.StatusUnauthorized):
		return dead
	case aboutObject(f.Code):
		return failing
	case unknownRequest[f.Code], strings.HasPrefix(f.Code, "http 3"), strings.HasPrefix(f.Code, "http 4") && f.Cause == session.CauseAnswered:
		return unsuited
	}
	return none
}

// aboutObject reports whether code is one of 107-010 to 107-067: what was asked
// for could not be had. The authentication comes before (vendor page: error
// codes), so the Guid was good.
func aboutObject(code string) bool {
	text, found := strings.CutPrefix(code, "107-")
	n, err := strconv.Atoi(text)
	return found && len(text) == 3 && err == nil && n >= 10
}

// unknownRequest are codes of a request that the platform does not know as such.
var unknownRequest = map[string]bool{
	"000-002": true, "000-006": true, "107-002": true,
	code.Unreadable: true, wire.TooLarge.String(): true,
}
