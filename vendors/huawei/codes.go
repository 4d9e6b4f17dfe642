package huawei

import (
	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// The codes of this adapter's own.
const (
	codeNoGuid     = "no-guid"
	codeShutdown   = "AgentOther_ShutdownService"
	codeKey        = "key"
	codeUnverified = "unverified"
)

// advice explains a code to people.
type advice struct{ text, action string }

// own explains this adapter's codes.
var own = map[string]advice{
	codeNoGuid:     {"the sign-in's answer carried no Guid, and without one the gateway does not know the session", "check that no proxy between this host and the gateway removes the header Set-GUID"},
	codeShutdown:   {"the platform reported that the agent was signed out", ccgateway.SignsInAgain},
	codeKey:        {"the stored key is not one of this adapter", ccgateway.SignsInAgain},
	codeUnverified: {"the sign-out was accepted, but whether the agent is out could not be seen", "nothing to do: it is tried again"},
}

// ownFault is one of this adapter's own codes as a fault of kind.
func ownFault(kind session.Kind, code string) *session.Fault {
	return &session.Fault{Kind: kind, Code: code, Text: own[code].text, Action: own[code].action}
}

// Explain looks up a code for people: a retcode of the vendor, "http 502", or
// one of the transport's or this adapter's own. ok is false for unknown ones.
func Explain(name string) (text, action string, ok bool) {
	if a, known := own[name]; known {
		return a.text, a.action, true
	}
	return ccgateway.Explain(name)
}

// read judges the answer to r; see [ccgateway.Read].
func read(r ccgateway.Request, a wire.Answer, clean func(string) string) (envelope, *session.Fault) {
	e, fault := ccgateway.Read(r, a, clean)
	return envelope{e}, fault
}
