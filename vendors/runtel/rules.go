package runtel

import (
	"net/http"
	"slices"
	"strings"

	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

const (
	refusedShape = "requests to the Runtel API are POST, without a query, with Content-Type: application/json: a log-in could hide in any other"
	refusedBody  = `the body must be one JSON object in UTF-8 with one plain "action" and at most one plain "obj", no key of an object twice, not compressed and at most 1 MiB long: a log-in could hide in any other`
	refusedPlace = "the Runtel API is POST /api/ alone; elsewhere on the platform only requests without a body are forwarded"
)

// admit looks into the body: all requests go to one path, and the envelope says
// what they are (vendor pages: API description, auth).
func admit(r rules.Request) (rules.Request, string) {
	if !slices.Contains(r.Names(), "api") {
		return admitElsewhere(r)
	}
	if r.Method != http.MethodPost || len(r.Query) > 0 || r.Media != "application/json" {
		return r, refusedShape
	}
	if !r.Readable {
		return r, refusedBody
	}
	members, normal, err := rules.ParseObject(r.Body)
	if err != nil {
		return r, refusedBody
	}
	if why := judgeMembers(members); why != "" {
		return r, why
	}
	r.Body = normal
	return r, ""
}

// admitElsewhere lets through what cannot carry an envelope, for example the
// download of a recording.
func admitElsewhere(r rules.Request) (rules.Request, string) {
	if len(r.Body) > 0 || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return r, refusedPlace
	}
	for _, p := range r.Query {
		switch strings.ToLower(p.Key) {
		case "action", "obj", "params":
			return r, refusedPlace
		}
	}
	return r, ""
}

// judgeMembers reads every "action" at any depth, for a platform may obey
// nested ones; what the envelope itself calls must be plain.
func judgeMembers(members []rules.Member) string {
	actions := 0
	for _, m := range members {
		own := m.Depth == 1
		switch {
		case m.Key == "action" && signs(m.Text):
			return rules.Ours
		case m.Key == "action" && own && !(m.IsText && rules.PlainName(m.Text)), m.Key == "obj" && own && !(m.IsText && rules.PlainName(m.Text)):
			return refusedBody
		case rules.NamesPassword(m.Key):
			return rules.OursPassword
		}
		if m.Key == "action" && own {
			actions++
		}
	}
	if actions != 1 {
		return refusedBody
	}
	return ""
}

// signs reports whether an action is a log-in or a log-out, of whatever object:
// which one a platform takes where "obj" is unknown or missing is not documented.
func signs(action string) bool {
	switch rules.Words(action) {
	case "auth", "login", "logout":
		return true
	}
	return false
}

// judgeAnswer reads the HTTP status and the envelope's code: which of them reports
// a failure is not documented.
func judgeAnswer(a rules.Answer) rules.Verdict {
	var envelope struct {
		Code wire.Text `json:"code"`
	}
	if a.Status == http.StatusOK && rules.Decode(a.Body, &envelope) && strings.TrimSuffix(strings.TrimSpace(string(envelope.Code)), ".0") == "401" {
		return rules.Dead
	}
	return rules.JudgeStatus(a)
}
