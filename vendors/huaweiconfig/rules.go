package huaweiconfig

import (
	"net/http"

	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/rules"
)

// Rules are what programs may send with an account's Guid.
func Rules() rules.Set { return rules.Set{Admit: admit, Judge: judgeAnswer} }

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
	switch code := ccgateway.RetcodeOf(a); {
	case code == "" && a.Status == http.StatusUnauthorized, code == "107-000", code == "107-007", code == ccgateway.NotSignedIn:
		return rules.Dead
	case code == ccgateway.NoRight:
		return rules.Doubtful
	}
	return rules.Good
}
