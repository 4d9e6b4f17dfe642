package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"agentkeeper/vendors/wire"
)

// Rules are what the proxy must know of a vendor's HTTP interface. Both
// functions are pure.
type Rules struct {
	// Forbids says, for people, why the request must not reach the platform,
	// "" where it may.
	Forbids func(Request) string
	// Judge says what an answer means for the credential.
	Judge func(Answer) Verdict
}

// Request is what rules see of a request.
type Request struct {
	Method   string
	Segments []string // of the path behind the login, unescaped; none is a dot segment
	Body     []byte   // up to 1 MiB and a byte of it
	Readable bool     // Body is whole, and neither compressed nor in an odd alphabet
}

// Answer is what rules see of an answer.
type Answer struct {
	Login    string   // whose credential the request carried
	Segments []string // of the request
	Status   int
	Body     []byte // nil unless it is short text
}

// Verdict is what an answer says about the credential.
type Verdict uint8

// The verdicts.
const (
	Good     Verdict = iota // nothing against it
	Doubtful                // the session may be lost: its keeper, which polls it all the time, finds out by itself
	Dead                    // the platform refuses it: the keeper must be told
)

// RulesFor returns a vendor's rules by its name in the configuration, the zero
// Rules for one whose sessions are not spoken over HTTP (ecss) or is not known.
func RulesFor(vendor string) Rules {
	switch vendor {
	case "huawei":
		return Rules{Forbids: forbidsHuawei, Judge: judgeHuawei}
	case "huawei-config":
		return Rules{Forbids: forbidsConfig, Judge: judgeConfig}
	case "runtel":
		return Rules{Forbids: forbidsRuntel, Judge: judgeRuntel}
	case "edna":
		return Rules{Forbids: forbidsEdna, Judge: judgeStatus}
	}
	return Rules{}
}

const (
	ours      = "log-ins and log-outs are the service's: ask its control API (sign-in, sign-out)"
	oursPoll  = "this request would take events or a new Guid from agentkeeper, which keeps the session by them: follow its /api/v1/events"
	hidden    = "the body must be one JSON object in UTF-8, not compressed and at most 1 MiB long: a log-in could hide in any other"
	notSigned = "100-006"
	noRight   = "000-003"
)

// names returns the segments as they are compared: servers differ in whether
// they tell cases apart, and whether ".json" belongs to a name.
func names(segments []string) []string {
	list := make([]string, 0, len(segments))
	for _, s := range segments {
		if s == "" {
			continue // behind a final slash
		}
		name, _, _ := strings.Cut(strings.ToLower(s), ".")
		list = append(list, strings.TrimSpace(name))
	}
	return list
}

// forbidsHuawei refuses signing in and out, for which a name anywhere in the
// path is enough, and what brings events or a new Guid in its answer: two polls
// of one agent take each other's events (vendor pages: sign-in, forced sign-in,
// sign-out, polling, heartbeat, updateGuid, syncagentinfo).
func forbidsHuawei(r Request) string {
	list := names(r.Segments)
	if at := slices.Index(list, "onlineagent"); at >= 0 && len(list)-at <= 2 {
		return ours
	}
	for _, name := range list {
		switch name {
		case "login", "logout", "loginex", "loginbyaccount", "forcelogin", "forcelogout", "forcelogoutwithreason":
			return ours
		case "agentevent", "updateguid", "handshake", "heartbeat", "syncagentinfo":
			return oursPoll
		}
	}
	return ""
}

// judgeHuawei never calls a credential dead: the agent's poll, at most 10 s
// away, gives a better verdict than a request that may concern another agent or
// lack a right, and the price of an error is a sign-out. HTTP statuses are a
// load balancer's (vendor page: polling).
func judgeHuawei(a Answer) Verdict {
	if !slices.Contains(a.Segments, a.Login) {
		return Good
	}
	switch code := retcode(a); {
	case a.Status == http.StatusUnauthorized, code == notSigned, code == noRight:
		return Doubtful
	}
	return Good
}

func forbidsConfig(r Request) string {
	for _, name := range names(r.Segments) {
		if name == "login" || name == "logout" {
			return ours
		}
	}
	return ""
}

// judgeConfig reads the codes of a lapsed Guid (vendor page: configuration
// error codes). "No right" may be the account's lasting state.
func judgeConfig(a Answer) Verdict {
	switch code := retcode(a); {
	case a.Status == http.StatusUnauthorized, code == "107-000", code == "107-007", code == notSigned:
		return Dead
	case code == noRight:
		return Doubtful
	}
	return Good
}

// retcode reads a Huawei envelope's, "" for none.
func retcode(a Answer) string {
	var envelope struct {
		Retcode wire.Text `json:"retcode"`
	}
	if a.Status != http.StatusOK || !decode(a.Body, &envelope) {
		return ""
	}
	return strings.TrimSpace(string(envelope.Retcode))
}

// forbidsRuntel looks into the body: all requests go to one path, and the
// envelope says what they are (vendor pages: API description, auth).
func forbidsRuntel(r Request) string {
	if !slices.Contains(names(r.Segments), "api") || len(r.Body) == 0 {
		return ""
	}
	actions, objects, ok := calls(r.Body)
	switch {
	case !r.Readable, !ok:
		return hidden
	case slices.ContainsFunc(actions, signs) && (len(objects) == 0 || slices.ContainsFunc(objects, isUser)):
		return ours
	}
	return ""
}

func signs(action string) bool {
	return strings.EqualFold(action, "auth") || strings.EqualFold(action, "logout")
}

// isUser holds for "" too, which stands for what is no text.
func isUser(obj string) bool { return obj == "" || strings.EqualFold(obj, "User") }

// calls reads every "action" and "obj" of a JSON object, in any case and
// however often: servers differ in which of two they obey. ok is false for
// anything but one object.
func calls(body []byte) (actions, objects []string, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, nil, false
	}
	for dec.More() {
		key, err := dec.Token()
		name, _ := key.(string)
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil, nil, false
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "action":
			actions = append(actions, textOf(value))
		case "obj":
			objects = append(objects, textOf(value))
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, false
	}
	_, err := dec.Token()
	return actions, objects, errors.Is(err, io.EOF)
}

// textOf reads a JSON string, "" for anything else.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// judgeRuntel reads the HTTP status and the envelope's code: which of them
// tells of a failure, no page says.
func judgeRuntel(a Answer) Verdict {
	var envelope struct {
		Code wire.Text `json:"code"`
	}
	if a.Status == http.StatusOK && decode(a.Body, &envelope) && strings.TrimSuffix(strings.TrimSpace(string(envelope.Code)), ".0") == "401" {
		return Dead
	}
	return judgeStatus(a)
}

// forbidsEdna refuses everything about authentication; the log-in is POST
// /api/auth/login (vendor page: log-in request).
func forbidsEdna(r Request) string {
	for _, name := range names(r.Segments) {
		switch name {
		case "auth", "login", "logout":
			return ours
		}
	}
	return ""
}

// judgeStatus reads the HTTP status. 403 is a right that the account lacks.
func judgeStatus(a Answer) Verdict {
	if a.Status == http.StatusUnauthorized {
		return Dead
	}
	return Good
}

func decode(text []byte, into any) bool {
	return len(text) > 0 && json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), into) == nil
}
