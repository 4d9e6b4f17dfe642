package huawei

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// envelope is an answer as the agents' interface fills it.
type envelope struct{ ccgateway.Envelope }

// events returns what a poll brought: nothing, one object, or an array of them.
func (e envelope) events() []session.Event {
	switch raw := bytes.TrimSpace(e.Event); {
	case blank(raw):
		return nil
	case raw[0] == '[':
		return eventList(raw)
	default:
		return []session.Event{newEvent(raw)}
	}
}

func eventList(raw json.RawMessage) []session.Event {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return []session.Event{newEvent(raw)}
	}
	var events []session.Event
	for _, one := range list {
		if one = bytes.TrimSpace(one); !blank(one) {
			events = append(events, newEvent(one))
		}
	}
	return events
}

// blank reports whether raw means "no event".
func blank(raw []byte) bool {
	switch string(raw) {
	case "", "null", `""`, "{}", "[]", "false":
		return true
	}
	return false
}

// unknownType names events without a type.
const unknownType = "unknown"

func newEvent(raw json.RawMessage) session.Event {
	var v struct {
		EventType    wire.Text `json:"eventType"`
		EventGenTime wire.Text `json:"eventGenTime"` // ms since 1970; absent in older versions
	}
	e := session.Event{Type: unknownType, Data: raw}
	if err := json.Unmarshal(raw, &v); err != nil {
		return e
	}
	if name := wire.Plain(string(v.EventType)); name != "" {
		e.Type = name
	}
	e.Time = moment(string(v.EventGenTime))
	return e
}

// moment reads milliseconds since 1970, zero for anything else.
func moment(text string) time.Time {
	const year9999 = 253402300799999
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 || ms > year9999 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// shutdownOf returns the start of the session whose end e reports, as the
// vendor writes it. ok is false for other events and where e names none.
func shutdownOf(e session.Event) (loginTime string, ok bool) {
	if e.Type != codeShutdown {
		return "", false
	}
	var v struct {
		Content struct {
			LoginTime wire.Text `json:"loginTime"`
		} `json:"content"`
	}
	if err := json.Unmarshal(e.Data, &v); err != nil || v.Content.LoginTime == "" {
		return "", false
	}
	return string(v.Content.LoginTime), true
}

// grant is the result of a sign-in.
type grant struct {
	MediaType     wire.Text `json:"mediatype"`     // T or F for CTI server, web and mail media
	LoginTime     wire.Text `json:"loginTime"`     // ms since 1970
	IsForceChange wire.Text `json:"isForceChange"` // "true": no calls before the password is changed
	TimeRemaining wire.Text `json:"timeRemaining"` // days until the password expires, "" = never
}

// grant reads the result leniently: what cannot be read is left empty.
func (e envelope) grant() grant {
	var w grant
	if err := json.Unmarshal(e.Result, &w); err != nil {
		return grant{}
	}
	return w
}
