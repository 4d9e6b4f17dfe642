package runtel

import (
	"strconv"

	"agentkeeper/vendors/command"
	"agentkeeper/vendors/rules"
)

// commands are requests that a site allows by name: no page tells which action sets an
// operator's status, so nothing is allowed by itself and there are no verbs.
var commands = command.Set{Read: readAnswer, Reads: readsOnly}

// readsOnly knows the actions that only ask (vendor page: API description): every
// request is a POST.
func readsOnly(r rules.Request) bool {
	var asked struct {
		Action string `json:"action"`
	}
	return rules.Decode(r.Body, &asked) && (asked.Action == "list" || asked.Action == "get")
}

// readAnswer reads the envelope's code, whatever the HTTP status.
func readAnswer(_ int, body []byte) (string, command.Verdict) {
	e, err := parse(body)
	switch {
	case err != nil:
		return "", command.Unclear
	case e.code == good:
		return strconv.Itoa(e.code), command.Accepted
	}
	return strconv.Itoa(e.code), command.Refused
}
