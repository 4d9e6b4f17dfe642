package huawei

import (
	"net/http"
	"slices"

	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/rules"
)

// admit refuses signing in and out, for which a name anywhere in the path is
// enough, what brings events or a new Guid in its answer (two polls of one agent
// take each other's events), and what changes a password (vendor pages: sign-in,
// forced sign-in, sign-out, polling, heartbeat, updateGuid, syncagentinfo,
// modifyaccountpwdex).
func admit(r rules.Request) (rules.Request, string) {
	list := r.Names()
	if at := slices.Index(list, "onlineagent"); at >= 0 && len(list)-at <= 2 {
		return r, rules.Ours
	}
	for _, name := range list {
		switch name {
		case "login", "logout", "loginex", "loginbyaccount", "forcelogin", "forcelogout", "forcelogoutwithreason":
			return r, rules.Ours
		case "agentevent", "updateguid", "handshake", "heartbeat", "syncagentinfo":
			return r, rules.OursPoll
		}
		if rules.NamesPassword(name) {
			return r, rules.OursPassword
		}
	}
	return r, ""
}

// judgeAnswer never calls a credential dead: the agent's poll, at most 10 s away,
// gives a better verdict than a request that may concern another agent or lack
// a right, and the price of an error is a sign-out. HTTP statuses
// without an envelope are a load balancer's (vendor page: polling).
func judgeAnswer(a rules.Answer) rules.Verdict {
	if !slices.Contains(a.Segments, a.Login) {
		return rules.Good
	}
	switch retcode := ccgateway.RetcodeOf(a); {
	case retcode == "" && a.Status == http.StatusUnauthorized, retcode == ccgateway.NotSignedIn, retcode == ccgateway.NoRight:
		return rules.Doubtful
	}
	return rules.Good
}
