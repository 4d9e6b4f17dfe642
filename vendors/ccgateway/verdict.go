package ccgateway

import (
	"strings"

	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// RetcodeOf reads the code in an answer's envelope, whatever the HTTP status, ""
// for none.
func RetcodeOf(a rules.Answer) string {
	var envelope struct {
		Retcode wire.Text `json:"retcode"`
	}
	if !rules.Decode(a.Body, &envelope) {
		return ""
	}
	if code := strings.TrimSpace(string(envelope.Retcode)); plausible(code) {
		return code
	}
	return ""
}
