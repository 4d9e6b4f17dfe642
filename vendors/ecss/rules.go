package ecss

import (
	"strings"

	"agentkeeper/vendors/rules"
)

const (
	refusedAction  = "an action is named by ASCII letters, digits, _, - and . with / between them, for example call/accept"
	refusedPayload = "the payload must be one JSON object in UTF-8, no key of an object twice"
)

// admitAction refuses log-ins and log-outs of anybody under all the names that
// are known of them, and whatever else names them (vendor pages: login;
// operator/forceLogout; the core's login_agent and logout_agent).
func admitAction(action string, payload []byte) ([]byte, string) {
	if !rules.PlainName(action) {
		return nil, refusedAction
	}
	words := rules.Words(action)
	for _, word := range []string{"login", "logout", "logoff", "signin", "signout", "auth", "token"} {
		if strings.Contains(words, word) {
			return nil, rules.Ours
		}
	}
	if rules.NamesPassword(action) {
		return nil, rules.OursPassword
	}
	if len(payload) == 0 {
		return nil, ""
	}
	members, normal, err := rules.ParseObject(payload)
	if err != nil {
		return nil, refusedPayload
	}
	for _, m := range members {
		if rules.NamesPassword(m.Key) {
			return nil, rules.OursPassword
		}
	}
	return normal, ""
}
