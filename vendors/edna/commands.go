package edna

import (
	"net/http"

	"agentkeeper/vendors/command"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// commands set the statuses of others (vendor page: set agent's status): the account
// is an integrator and has no working state of its own, so there are no verbs.
var commands = command.Set{
	Documented: []string{"PUT api/v1/agents/*/status"},
	Read:       readAnswer,
}

// readAnswer reads the HTTP status: a good answer has an empty body. A refusal is an
// object such as {timestamp, status, error, message, path}; anything else may come from
// a server before the platform, and a failure of the platform's own says nothing of
// the effect.
func readAnswer(status int, body []byte) (string, command.Verdict) {
	var failure struct {
		Status, Error, Message wire.Text
	}
	switch {
	case status >= http.StatusOK && status < http.StatusMultipleChoices:
		if isPage(wire.Answer{Status: status, Body: body}) {
			return "", command.Unclear
		}
		return "", command.Accepted
	case status < http.StatusBadRequest || status >= http.StatusInternalServerError:
		return "", command.Unclear
	case rules.Decode(body, &failure) && failure.Status+failure.Error+failure.Message != "":
		return "", command.Refused
	}
	return "", command.Unclear
}
