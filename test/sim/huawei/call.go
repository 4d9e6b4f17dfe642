package huawei

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"agentkeeper/test/sim"
)

// call is one call at an agent.
type call struct {
	id      string
	caller  string
	called  string
	ringing bool // waits for the agent's answer
	talking bool
}

func (c *call) content() json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"callid":%q,"caller":%q,"called":%q,"feature":0}`, c.id, c.caller, c.called))
}

func (c *call) bare() json.RawMessage { return json.RawMessage(strconv.Quote(c.id)) }

func (c *call) object() json.RawMessage { return json.RawMessage(fmt.Sprintf(`{"callid":%q}`, c.id)) }

// outsider is who calls, where nobody says otherwise.
const outsider = "40001"

// newCall begins a call of the agent; it has one at a time.
func (a *agent) newCall(caller, called string) *call {
	a.calls++
	a.call = &call{id: fmt.Sprintf("%s-%d", a.Login, a.calls), caller: caller, called: called}
	return a.call
}

// step is one event of a call, and what it changes.
type step struct {
	kind    string
	content json.RawMessage
	change  func(*call)
}

// play makes the steps of a call happen one after another, as long as it lives.
func (s *Sim) play(a *agent, c *call, steps []step) {
	n := a.session
	for i, p := range steps {
		n.after(time.Duration(i)*time.Duration(s.cfg().Work.CallStep), func(now time.Time) {
			if a.call != c {
				return
			}
			if p.change != nil {
				p.change(c)
			}
			n.emit(event{kind: p.kind, at: now, content: p.content})
		})
	}
	n.settle(time.Now())
}

// offer is a call to the agent: answered by the phone itself, or ringing until
// the agent answers (developer guide: call with manual answer).
func (s *Sim) offer(a *agent, c *call) {
	steps := []step{
		{"AgentState_Busy", null, nil},
		{"AgentOther_PhoneAlerting", c.content(), nil},
		{"AgentOther_PhoneOffhook", null, nil},
	}
	if a.session.autoAnswer {
		steps = append(steps, step{"AgentEvent_Auto_Answer", c.content(), nil},
			step{"AgentEvent_Talking", c.content(), func(c *call) { c.talking = true }})
	} else {
		steps = append(steps, step{"AgentEvent_Ringing", c.content(), func(c *call) { c.ringing = true }})
	}
	s.play(a, c, steps)
}

// over ends the agent's call: first the events of its end, then the state that
// follows.
func (a *agent) over(now time.Time, events ...event) {
	n := a.session
	a.call = nil
	n.emit(events...)
	switch {
	case n.wish != wish{}:
		n.grant(n.wish, now)
	case !n.autoIdle:
		n.turn(stateWrapUp, "AgentState_Work", null, now)
	default:
		n.turn(stateIdle, "AgentState_Ready", null, now)
	}
}

// The ends of a phone's call, as PhoneRelease tells them.
const (
	byPlatform = 3
	byAgent    = 2
)

func phoneRelease(who int, now time.Time) event {
	return event{kind: "AgentOther_PhoneRelease", at: now, content: json.RawMessage(fmt.Sprintf(`{"phoneState":%d}`, who))}
}

// hangUp is the caller's.
func (a *agent) hangUp(now time.Time) {
	c := a.call
	if !c.talking {
		a.over(now, event{kind: "AgentEvent_No_Answer", at: now, content: c.object()}, phoneRelease(byPlatform, now))
		return
	}
	a.over(now, event{kind: "AgentEvent_Call_Release", at: now, content: c.bare()},
		event{kind: "AgentEvent_Customer_Release", at: now, content: c.object()}, phoneRelease(byPlatform, now))
}

// Call puts a call through to the agent, who is in it from now on.
func (s *Sim) Call(login string) error {
	return s.signedIn(login, func(a *agent) {
		if a.call == nil {
			s.offer(a, a.newCall(outsider, a.session.phone))
		}
	})
}

// Hangup makes the caller of the agent's call hang up.
func (s *Sim) Hangup(login string) error {
	return s.signedIn(login, func(a *agent) {
		if a.call != nil {
			a.hangUp(time.Now())
		}
	})
}

// voice runs f for a signed-in agent; f returns the retcode of a refusal.
func (s *Sim) voice(f func(a *agent, q *request, now time.Time) (result any, code string)) func(context.Context, *request) sim.Reply {
	return func(_ context.Context, q *request) sim.Reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		a, n, code := s.authenticate(q)
		if n == nil {
			return s.failure(code)
		}
		result, code := f(a, q, time.Now())
		if code != "" {
			return s.failure(code)
		}
		return s.success(result)
	}
}

// answer takes a ringing call (vendor page: answer).
func (s *Sim) answer(a *agent, q *request, now time.Time) (result any, code string) {
	c, id := a.call, first(q.query["callid"])
	if c == nil || !c.ringing || (id != "" && id != c.id) {
		return nil, "200-002"
	}
	c.ringing, c.talking = false, true
	a.session.emit(event{kind: "AgentEvent_Talking", at: now, content: c.content()})
	return struct{}{}, ""
}

// reject refuses a ringing call: mode 1 sends it back to its queue and makes the
// agent busy, mode 2 releases it (vendor page: reject).
func (s *Sim) reject(a *agent, q *request, now time.Time) (result any, code string) {
	var body struct {
		Mode   int    `json:"mode"`
		CallID string `json:"callid"`
	}
	c := a.call
	switch {
	case json.Unmarshal(q.body, &body) != nil, body.Mode != 1 && body.Mode != 2:
		return nil, "000-002"
	case c == nil, !c.ringing, body.CallID != "" && body.CallID != c.id:
		return nil, "200-002"
	case body.Mode == 1:
		a.session.wish = wish{status: stateBusy, reason: 7}
		a.over(now, event{kind: "AgentEvent_No_Answer", at: now, content: c.object()})
	default:
		a.session.wish = wish{}
		a.over(now, phoneRelease(byPlatform, now))
	}
	return struct{}{}, ""
}

// release ends the call that the agent talks in (vendor's demo: release).
func (s *Sim) release(a *agent, _ *request, now time.Time) (result any, code string) {
	c := a.call
	if c == nil || !c.talking {
		return nil, "200-017"
	}
	a.over(now, event{kind: "AgentEvent_Call_Release", at: now, content: c.bare()},
		event{kind: "AgentEvent_Customer_Release", at: now, content: c.object()}, phoneRelease(byAgent, now))
	return struct{}{}, ""
}

// callOut calls somebody; its result is the callid (developer guide: callout).
func (s *Sim) callOut(a *agent, q *request, _ time.Time) (result any, code string) {
	var body struct {
		Called any `json:"called"`
		Caller any `json:"caller"`
	}
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.UseNumber()
	switch {
	case d.Decode(&body) != nil, !phoneNumber.MatchString(scalar(body.Called)):
		return nil, "000-002"
	case a.call != nil:
		return nil, "200-001"
	}
	c := a.newCall(or(scalar(body.Caller), a.session.phone), scalar(body.Called))
	s.play(a, c, []step{
		{"AgentOther_PhoneAlerting", c.content(), nil},
		{"AgentOther_PhoneOffhook", null, nil},
		{"AgentState_Busy", null, nil},
		{"AgentEvent_Customer_Alerting", c.content(), nil},
		{"AgentEvent_Talking", c.content(), func(c *call) { c.talking = true }},
	})
	return c.id, ""
}
