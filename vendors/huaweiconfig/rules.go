package huaweiconfig

import (
	"net/http"

	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/rules"
)

// admit refuses log-ins and log-outs (vendor page: configuration log-in). To set
// the passwords of others is what the interface is for.
func admit(r rules.Request) (rules.Request, string) {
	for _, name := range r.Names() {
		if name == "login" || name == "logout" {
			return r, rules.Ours
		}
	}
	return r, ""
}

// judgeAnswer reads the codes of a lapsed Guid (vendor page: configuration error
// codes). "No right" may be the account's lasting state.
func judgeAnswer(a rules.Answer) rules.Verdict {
	switch retcode := ccgateway.RetcodeOf(a); {
	case retcode == "" && a.Status == http.StatusUnauthorized, retcode == "107-000", retcode == "107-007", retcode == ccgateway.NotSignedIn:
		return rules.Dead
	case retcode == ccgateway.NoRight:
		return rules.Doubtful
	}
	return rules.Good
}
