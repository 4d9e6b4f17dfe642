package ecss

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentkeeper/vendors/wire"
)

// request is what we send (vendor page: login, call/accept).
type request struct {
	Action  string `json:"action"`
	ID      uint64 `json:"requestId"`
	Payload any    `json:"payload"`
}

func (r request) encode() []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic("ecss: a request of ours that is no JSON: " + err.Error())
	}
	return data
}

// loginPayload is the payload of a login (vendor page: login).
type loginPayload struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	Number   string `json:"number"`
	Profile  string `json:"profile"`
	Domain   string `json:"domain,omitempty"`
	Role     string `json:"role,omitempty"`
}

// envelope is a frame of the platform, read leniently: types differ, keys come
// and go, and most positions are not documented.
type envelope struct {
	action  string
	id      uint64 // of the request that it answers
	hasID   bool
	status  int // 0: none
	payload json.RawMessage
	all     map[string]json.RawMessage
	raw     json.RawMessage // the frame as it came, in UTF-8
	thrown  bool            // an exception of the proxy's framework: {"event":"exception","data":{…}}
}

// open reads one frame; ok is false for everything but a JSON object.
func open(data []byte) (e envelope, ok bool) {
	if json.Unmarshal(data, &e.all) != nil || e.all == nil {
		return envelope{}, false
	}
	e.raw = data
	e.action = e.scalar("action")
	e.payload = e.all["payload"]
	if status, ok := whole(e.scalar("status")); ok && status <= math.MaxInt16 {
		e.status = int(status)
	}
	e.id, e.hasID = whole(e.scalar("requestId"))
	if e.scalar("event") == "exception" {
		e.throw()
	}
	return e, true
}

// throw reads an exception frame. Frameworks of the kind that the proxy is made
// with send it for a request that failed, without the request's id.
func (e *envelope) throw() {
	e.thrown = true
	if len(e.payload) == 0 {
		e.payload = e.all["data"]
	}
	var data struct {
		Status     wire.Text `json:"status"`
		StatusCode wire.Text `json:"statusCode"`
	}
	if e.status != 0 || json.Unmarshal(e.payload, &data) != nil {
		return
	}
	for _, text := range []wire.Text{data.Status, data.StatusCode} {
		if n, ok := whole(string(text)); ok && n <= math.MaxInt16 {
			e.status = int(n)
		}
	}
}

// answers reports whether a frame is the answer to the request with the action
// and id. While it is the only one under way, so is an exception that names no
// request, and a frame with its action that refuses it or carries a token.
func (e envelope) answers(action string, id uint64, only bool) bool {
	if e.hasID {
		return e.id == id
	}
	if !only || e.thrown {
		return only
	}
	refuses := e.status != 0 && !e.good()
	return e.action == action && (refuses || (e.good() && e.grant().token != ""))
}

func (e envelope) scalar(key string) string {
	var text wire.Text
	if raw, ok := e.all[key]; !ok || json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// whole reads a number that counts something, whatever it was written as.
func whole(text string) (uint64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > 1<<53 || f != math.Trunc(f) {
		return 0, false
	}
	return uint64(f), true
}

// good reports whether the status is a success.
func (e envelope) good() bool { return e.status/100 == 2 }

// denied reports whether the status is that of a session that is not there.
func (e envelope) denied() bool { return e.status == 401 || e.status == 403 }

// code is the vendor's own code: the status, followed by what the payload
// calls code (integrators saw 500 with 5).
func (e envelope) code() string {
	code := strconv.Itoa(e.status)
	if e.thrown && e.status == 0 {
		code = codeException
	}
	var inner struct{ Code wire.Text }
	if json.Unmarshal(e.payload, &inner) != nil {
		return code
	}
	if _, err := strconv.ParseUint(string(inner.Code), 10, 16); err == nil {
		code += " " + string(inner.Code)
	}
	return code
}

// eventType names an event: the action as the vendor writes it, in one line of 200
// characters at most, or the status of a frame without one ("status.401"), or
// "notification".
func (e envelope) eventType() string {
	if name := wire.Plain(e.action); name != "" {
		return name
	}
	if e.status != 0 {
		return "status." + strconv.Itoa(e.status)
	}
	return "notification"
}

// textKeys are the keys that may hold a failure's text, likely ones
// first. The vendor shows no failed answer.
var textKeys = []string{"message", "error", "text", "msg", "reason", "description", "details"}

// texts returns what may be the answer's text, likely places first.
func (e envelope) texts() []string {
	var found []string
	found = collect(found, e.payload, 4)
	for _, key := range textKeys {
		found = collect(found, e.all[key], 4)
	}
	return found
}

// collect appends the strings in raw: itself, or those under text keys, at any
// place within depth.
func collect(found []string, raw json.RawMessage, depth int) []string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || depth == 0 {
		return found
	}
	switch raw[0] {
	case '"':
		var text string
		if json.Unmarshal(raw, &text) == nil && strings.TrimSpace(text) != "" {
			found = append(found, text)
		}
	case '[':
		var list []json.RawMessage
		_ = json.Unmarshal(raw, &list) // part of a valid document
		for _, item := range list[:min(len(list), 16)] {
			found = collect(found, item, depth-1)
		}
	case '{':
		found = collectObject(found, raw, depth)
	}
	return found
}

func collectObject(found []string, raw json.RawMessage, depth int) []string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object) // part of a valid document
	for _, key := range textKeys {
		found = collect(found, object[key], depth-1)
		delete(object, key)
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if inner := bytes.TrimSpace(object[key]); len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') {
			found = collect(found, inner, depth-1)
		}
	}
	return found
}

// grant is what the answer to a successful login holds.
type grant struct {
	token      string
	agentID    string
	autoLogout time.Duration // 0: none
}

// grant reads the payload of a successful login; a bare payload without an
// envelope will do.
func (e envelope) grant() grant {
	fields := e.all
	var payload map[string]json.RawMessage
	if json.Unmarshal(e.payload, &payload) == nil && payload != nil {
		fields = payload
	}
	inner := envelope{all: fields}
	return grant{
		token: inner.scalar("token"), agentID: inner.scalar("agentId"),
		autoLogout: minutes(inner.scalar("autoLogoutTimeout")),
	}
}

// minutes reads a time that the vendor gives in minutes, fractions allowed; 0
// where there is none. Above a year there is none either.
func minutes(text string) time.Duration {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0 && f <= 366*24*60) {
		return 0
	}
	return time.Duration(f * float64(time.Minute))
}
