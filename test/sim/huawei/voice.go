package huawei

import (
	"bytes"
	"encoding/json"
	"time"
)

// voiceCall is one of the calls that concern an agent's calls. code is the
// retcode of a refusal.
type voiceCall func(s *Sim, a *agent, q *request, now time.Time) (result any, code string)

// voiceCalls are the calls below /voicecall/{agentid}/, by method and the rest of
// their path.
var voiceCalls = map[[2]string]voiceCall{
	{"PUT", "answer"}:     (*Sim).answer,
	{"POST", "reject"}:    (*Sim).reject,
	{"DELETE", "release"}: (*Sim).release,
	{"PUT", "callout"}:    (*Sim).callOut,
	{"POST", "hold"}:      (*Sim).hold,
	{"POST", "gethold"}:   (*Sim).getHold,
}

// Retcodes of calls (vendor page: error codes; which one a missing callid is
// answered with is not known).
const (
	badParameter = "000-002"
	noCallToTake = "200-002"
	notTalking   = "200-017"
	noCallToHold = "200-005"
	noHeldCall   = "200-013"
)

// named returns the agent's call that fits and that the request names: a callid
// is needed where several fit. none is the retcode where there is no such call.
func (a *agent) named(id string, fits func(*call) bool, none string) (c *call, code string) {
	for _, o := range a.calls {
		switch {
		case !fits(o), id != "" && id != o.id:
		case c != nil:
			return nil, badParameter
		default:
			c = o
		}
	}
	if c == nil {
		return nil, none
	}
	return c, ""
}

// answer takes a ringing call (vendor page: answer).
func (s *Sim) answer(a *agent, q *request, now time.Time) (result any, code string) {
	c, code := a.named(first(q.query["callid"]), isRinging, noCallToTake)
	if c == nil {
		return nil, code
	}
	s.pickUp(a, c, now)
	return struct{}{}, ""
}

// pickUp makes the agent talk in a call that rings; one that it talks in is put
// on hold.
func (s *Sim) pickUp(a *agent, c *call, now time.Time) {
	if other := a.callThat(isTalking); other != nil {
		a.putOnHold(other, now)
	}
	a.talkIn(c)
	a.session.emit(event{kind: "AgentEvent_Talking", at: now, content: c.content()})
}

func (a *agent) putOnHold(c *call, now time.Time) {
	c.talking, c.held = false, true
	a.session.emit(event{kind: "AgentEvent_Hold", at: now, content: c.bare()})
}

// reject refuses a ringing call: mode 1 sends it back to its queue and makes the
// agent busy, mode 2 releases it (vendor page: reject).
func (s *Sim) reject(a *agent, q *request, now time.Time) (result any, code string) {
	var body struct {
		Mode   int    `json:"mode"`
		CallID string `json:"callid"`
	}
	if json.Unmarshal(q.body, &body) != nil || (body.Mode != 1 && body.Mode != 2) {
		return nil, badParameter
	}
	c, code := a.named(body.CallID, isRinging, noCallToTake)
	switch {
	case c == nil:
		return nil, code
	case body.Mode == 1:
		a.session.wish = wish{status: StateBusy, reason: reasonRejected, by: ByPlatform}
		s.backToQueue(c)
		a.over(c, now, event{kind: "AgentEvent_No_Answer", at: now, content: c.object()})
	default:
		a.session.wish = wish{}
		a.over(c, now, phoneRelease(byPlatform, now))
	}
	return struct{}{}, ""
}

// release ends the call that the agent talks in (vendor's demo: release).
func (s *Sim) release(a *agent, _ *request, now time.Time) (result any, code string) {
	c := a.callThat(isTalking)
	if c == nil {
		return nil, notTalking
	}
	a.over(c, now, event{kind: "AgentEvent_Call_Release", at: now, content: c.bare()},
		event{kind: "AgentEvent_Customer_Release", at: now, content: c.object()}, phoneRelease(byAgent, now))
	return struct{}{}, ""
}

// hold puts the call on hold that the agent talks in (vendor's demo: hold).
func (s *Sim) hold(a *agent, _ *request, now time.Time) (result any, code string) {
	c := a.callThat(isTalking)
	if c == nil {
		return nil, noCallToHold
	}
	a.putOnHold(c, now)
	return struct{}{}, ""
}

// getHold takes a call back from hold (vendor's demo: gethold).
func (s *Sim) getHold(a *agent, q *request, now time.Time) (result any, code string) {
	c, code := a.named(first(q.query["callid"]), isHeld, noHeldCall)
	switch {
	case c == nil:
		return nil, code
	case a.callThat(isTalking) != nil:
		return nil, noHeldCall
	}
	s.pickUp(a, c, now)
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
		return nil, badParameter
	case len(a.calls) > 0:
		return nil, "200-001"
	}
	c := a.newCall(or(scalar(body.Caller), a.session.phone), scalar(body.Called))
	c.out = true
	s.play(a, c, []step{
		{"AgentOther_PhoneAlerting", c.content(), nil},
		{"AgentOther_PhoneOffhook", null, nil},
		{"AgentState_Busy", null, nil},
		{"AgentEvent_Customer_Alerting", c.content(), nil},
		{"AgentEvent_Talking", c.content(), func(c *call, _ time.Time) { a.talkIn(c) }},
	})
	return c.id, ""
}
