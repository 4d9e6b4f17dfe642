package ccgateway

import (
	"net/http"
	"strings"

	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// RetcodeOf reads the code in an answer's envelope, "" for none.
func RetcodeOf(a rules.Answer) string {
	var envelope struct {
		Retcode wire.Text `json:"retcode"`
	}
	if a.Status != http.StatusOK || !rules.Decode(a.Body, &envelope) {
		return ""
	}
	return strings.TrimSpace(string(envelope.Retcode))
}
