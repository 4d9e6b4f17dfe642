package huawei

import (
	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// The codes of this adapter's own.
const (
	codeNoGuid     = "no-guid"
	codeShutdown   = "AgentOther_ShutdownService"
	codeKey        = "key"
	codeUnverified = "unverified"
)

// codes are the gateway's and this adapter's own.
var codes = ccgateway.Codes.With(map[string]code.Line{
	codeNoGuid:     {On: code.Always(code.Lost), Text: "the sign-in's answer carried no Guid, and without one the gateway does not know the session", Action: "check that no proxy between this host and the gateway removes the header Set-GUID"},
	codeShutdown:   {On: code.Always(code.Lost), Text: "the platform reported that the agent was signed out", Action: ccgateway.SignsInAgain},
	codeKey:        {On: code.Always(code.Lost), Text: "the stored key is not one of this adapter", Action: ccgateway.SignsInAgain},
	codeUnverified: {On: code.Always(code.InDoubt), Text: "the sign-out was accepted, but whether the agent is out could not be seen", Action: "nothing to do: it is tried again"},
})

// read judges the answer to r; see [ccgateway.Read].
func read(r code.Request, a wire.Answer, clean func(string) string) (envelope, *session.Fault) {
	e, fault := ccgateway.Read(r, a, clean)
	return envelope{e}, fault
}
