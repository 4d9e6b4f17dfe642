package edna

import (
	"net/http"
	"slices"

	"agentkeeper/vendors/rules"
)

// admit refuses everything about authentication, and the call that replaces an
// agent, for which a password is mandatory (vendor pages: log-in request, update
// an agent).
func admit(r rules.Request) (rules.Request, string) {
	list := r.Names()
	for _, name := range list {
		switch {
		case name == "auth", name == "login", name == "logout":
			return r, rules.Ours
		case rules.NamesPassword(name):
			return r, rules.OursPassword
		}
	}
	if at := slices.Index(list, "agents"); at >= 0 && len(list)-at <= 2 && r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions {
		return r, rules.OursPassword
	}
	return r, ""
}
