package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// CloudEvent is an event as consumers get it.
type CloudEvent struct {
	SpecVersion string          `json:"specversion"` // "1.0"
	ID          string          `json:"id"`          // the same over every redelivery
	Source      string          `json:"source"`      // /platforms/hq/agents/291
	Type        string          `json:"type"`        // huawei.AgentState_Ready, session.signed_in
	Time        time.Time       `json:"time"`
	Recorded    time.Time       `json:"recordedtime"` // when we received it, by our clock
	ContentType string          `json:"datacontenttype"`
	Sequence    uint64          `json:"sequence"` // per agent, rising
	Data        json.RawMessage `json:"data"`     // the whole vendor object; bytes that are no UTF-8 became U+FFFD
}

// Gap tells what was lost. The sequence numbers are those that the lost events
// had; its own event has the last of them.
type Gap struct {
	Agent  string `json:"agent"`  // hq/291
	Reason string `json:"reason"` // one of Reasons
	Events int    `json:"events"` // how many; at most, where Possible
	// Possible tells that nobody knows whether anything was lost.
	Possible bool      `json:"possible,omitempty"`
	First    uint64    `json:"first_sequence"`
	Last     uint64    `json:"last_sequence"`
	Since    time.Time `json:"since"` // when the first of them was received
	Until    time.Time `json:"until"` // and the last
}

func newGap(id session.ID, reason string, lost ...*letter) *Gap {
	first, last := lost[0], lost[len(lost)-1]
	return &Gap{
		Agent: id.String(), Reason: reason, Events: len(lost), First: first.sequence, Last: last.sequence,
		Since: first.received.UTC(), Until: last.received.UTC(),
	}
}

// extend adds a later gap of the same agent and reason.
func (g *Gap) extend(by *Gap) {
	g.Events += by.Events
	g.Last, g.Until = by.Last, by.Until
}

// mark returns the event of an item that is a gap. The id was a lost event's:
// it is in the stream once.
func (it *item) mark() *letter {
	data, _ := json.Marshal(it.gap) // plain values always encode
	it.open = 1
	c := newCloudEvent(it.id, GapType, it.gap.Last, it.gap.Until, it.gap.Until, data)
	return &letter{of: it, message: c.message(it.id), sequence: it.gap.Last, received: it.gap.Until}
}

// item makes the keeper's events ready to go.
func (s *Stream) item(id session.ID, events []keeper.Event) *item {
	it := &item{id: id, letters: make([]*letter, len(events)), again: len(events) > 0 && events[0].Again}
	for i, e := range events {
		it.letters[i] = &letter{of: it, message: s.cloudEvent(id, e).message(id), sequence: e.Sequence, received: e.Received}
	}
	return it
}

func (s *Stream) cloudEvent(id session.ID, e keeper.Event) CloudEvent {
	typ := OwnType(e.Type)
	if !e.Own {
		typ = s.vendorOf(id.Platform) + "." + e.Type
	}
	at := e.Time
	if at.IsZero() {
		at = e.Received
	}
	data := e.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	if !utf8.Valid(data) { // no consumer could read it
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	return newCloudEvent(id, typ, e.Sequence, at, e.Received, data)
}

func newCloudEvent(id session.ID, typ string, sequence uint64, at, received time.Time, data json.RawMessage) CloudEvent {
	return CloudEvent{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s/%d", id, sequence), Source: "/platforms/" + id.Platform + "/agents/" + id.Login,
		Type: typ, Time: at.UTC(), Recorded: received.UTC(), ContentType: "application/json", Sequence: sequence, Data: data,
	}
}

// message encodes the event for the store.
func (c CloudEvent) message(id session.ID) store.Message {
	data, err := json.Marshal(c)
	if err != nil { // the vendor's object is no JSON: keep it as text
		c.Data, _ = json.Marshal(string(c.Data))
		data, _ = json.Marshal(c)
	}
	return store.Message{ID: id, Type: c.Type, MsgID: c.ID, Data: data, Received: c.Recorded}
}
