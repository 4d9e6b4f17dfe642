package runtel

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"agentkeeper/vendors/wire"
)

// call is one request's envelope (vendor page: API description).
type call struct {
	Action   string          `json:"action"`
	Obj      string          `json:"obj"`
	ActionID string          `json:"action_id"`
	Params   json.RawMessage `json:"params"`
}

// newCall returns a request with an action_id that no other request has.
func newCall(action, obj string, params json.RawMessage) call {
	return call{Action: action, Obj: obj, ActionID: rand.Text(), Params: params}
}

// encode returns the request's body. It may hold a password.
func (c call) encode() []byte {
	body, err := json.Marshal(c)
	if err != nil {
		panic("runtel: a request of plain text cannot be encoded") // not reachable; the error might quote the password
	}
	return body
}

// envelope is every answer's outer form. Types differ between installations, so scalars are read as
// text.
type envelope struct {
	ActionID wire.Text       `json:"action_id"`
	Code     wire.Text       `json:"code"`
	Notifies json.RawMessage `json:"notifies"`
	Body     json.RawMessage `json:"body"`

	code int
}

var errEnvelope = errors.New("no JSON envelope with a code")

// parse reads an answer's body. The error quotes nothing of it.
func parse(body []byte) (envelope, error) {
	var e envelope
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(body, &e); err != nil {
		return envelope{}, errEnvelope
	}
	code, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(string(e.Code)), ".0"))
	if err != nil || code < 0 || code > 99999 {
		return envelope{}, errEnvelope
	}
	e.code = code
	return e, nil
}

// notice returns what the platform says beside the code: the texts in notifies,
// whose form is not documented. The caller makes it fit to show.
func (e envelope) notice() string {
	var list []json.RawMessage
	if json.Unmarshal(e.Notifies, &list) != nil {
		return ""
	}
	var texts []string
	for _, one := range list {
		if text := textOf(one); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// textOf reads a scalar, or the text in an object.
func textOf(raw json.RawMessage) string {
	var object struct {
		Text    wire.Text `json:"text"`
		Message wire.Text `json:"message"`
		Msg     wire.Text `json:"msg"`
	}
	if json.Unmarshal(raw, &object) == nil {
		return string(object.Text + object.Message + object.Msg)
	}
	var text wire.Text
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return string(text)
}

// grant is the body of a good log-in (vendor page: auth); only the token is
// sure to be there.
type grant struct {
	Token  wire.Text `json:"token"`
	Exp    wire.Text `json:"exp"`
	TZ     wire.Text `json:"tz"`
	UserID wire.Text `json:"user_id"`
}

// tokenLimit is the longest token that is accepted; the vendor's have
// some 250 characters.
const tokenLimit = 64 << 10

// grant reads the body leniently. ok is false without a usable token.
func (e envelope) grant() (w grant, ok bool) {
	if json.Unmarshal(e.Body, &w) != nil {
		return grant{}, false
	}
	return w, goodToken(string(w.Token))
}

// goodToken reports whether a token can be sent in a header as it is.
func goodToken(token string) bool {
	return token != "" && len(token) <= tokenLimit && !strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' })
}
