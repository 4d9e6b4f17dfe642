package huaweiconfig

import (
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/command"
)

// commands are requests that a site allows by name: the account has no working state
// and no calls of its own.
var commands = command.Set{Base: ccgateway.Base, ContentType: ccgateway.ContentType[0], Read: readAnswer}

// readAnswer reads the envelope, whatever the HTTP status.
func readAnswer(_ int, body []byte) (string, command.Verdict) {
	e, err := ccgateway.Parse(body)
	switch {
	case err != nil:
		return "", command.Unclear
	case e.OK():
		return string(e.Retcode), command.Accepted
	}
	return string(e.Retcode), command.Refused
}
