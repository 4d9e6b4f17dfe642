package ecss

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// The statuses of a call that the simulator uses (vendor page: call/subscribe).
const (
	callInitiating = "initiating"
	callAlerting   = "alerting"
	callWorking    = "working"
	callHold       = "hold"
	callACW        = "acw"
	callReleased   = "released"
	callFinished   = "finished"
)

// CallSpec describes a call to be put through to an agent.
type CallSpec struct {
	NumberA      string       `json:"number_a"`       // the caller; "" = 79001234567
	DisplayNameA string       `json:"display_name_a"` // may be ""
	Queue        string       `json:"queue"`          // "" = support
	Type         string       `json:"type"`           // call, mail or chat; "" = call
	Ring         sim.Duration `json:"ring"`           // not answered for so long, the call goes away; 0 = rings on
	Direct       bool         `json:"direct"`         // not from a queue: it comes whatever the agent does
}

// call is one call at one agent.
type call struct {
	id      string
	agent   *agent
	spec    CallSpec
	numberB string
	outward bool // the agent calls
	status  string
	start   time.Time
	answer  time.Time
	release time.Time
	settled chan struct{} // closed when it rings no more
}

// textNoCall refuses a request for a call that the agent does not have, or not
// in a status that allows it.
const textNoCall = "No such call"

// Call puts a call through to an agent and tells who subscribed. It returns the
// call's id. A queue's call needs an agent that is available and has no other
// call; one in wrap-up has.
func (s *Sim) Call(login string, spec CallSpec) (id string, err error) {
	if spec.Type != "" && !slices.Contains([]string{"call", "mail", "chat"}, spec.Type) {
		return "", fmt.Errorf("type %q is none of call, mail, chat", spec.Type)
	}
	c, err := s.startCall(login, spec)
	if err != nil {
		return "", err
	}
	if spec.Ring > 0 {
		s.spawn(func() { s.ring(c) })
	}
	return c.id, nil
}

func (s *Sim) startCall(login string, spec CallSpec) (*call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	a, err := s.find(login)
	if err != nil {
		return nil, err
	}
	if err := a.takes(spec.Direct); err != nil {
		return nil, err
	}
	s.lastCall++
	c := &call{
		id: fmt.Sprintf("call-%d", s.lastCall), agent: a, spec: spec, numberB: a.seats[len(a.seats)-1].number,
		status: callAlerting, start: time.Now(), settled: make(chan struct{}),
	}
	a.calls = append(a.calls, c)
	s.announce(c)
	return c, nil
}

// takes returns why a call cannot be put through to the agent.
func (a *agent) takes(direct bool) error {
	state := a.stateOf()
	switch {
	case state == StateStopped, !direct && state != StateAvailable:
		return fmt.Errorf("agent %s is %s: only an available one gets calls", a.name, state)
	case !direct && len(a.calls) > 0:
		return fmt.Errorf("agent %s has the call %s: a queue gives it no other", a.name, a.calls[0].id)
	}
	return nil
}

// ring gives the call up when nobody answers in time.
func (s *Sim) ring(c *call) {
	timer := time.NewTimer(time.Duration(c.spec.Ring))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.settled:
		return
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.status == callAlerting {
		s.unanswered(c, false)
	}
}

// Hangup makes the caller of one call hang up, or of all calls of the agent
// where id is "".
func (s *Sim) Hangup(login, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(login)
	if err != nil {
		return err
	}
	found := id == ""
	for _, c := range slices.Clone(a.calls) {
		if id == "" || c.id == id {
			found = true
			s.hangup(c)
		}
	}
	if !found {
		return fmt.Errorf("agent %s has no call %q", a.name, id)
	}
	return nil
}

func (s *Sim) hangup(c *call) {
	switch c.status {
	case callAlerting, callInitiating:
		s.change(c, callReleased)
	case callWorking, callHold:
		s.wrapUp(c)
	}
}

// wrapUp ends a call that was talked in.
func (s *Sim) wrapUp(c *call) {
	if !s.w.WrapUp {
		s.change(c, callFinished)
		return
	}
	s.change(c, callACW)
	if most := time.Duration(s.w.Queue.AutoComplete); most > 0 {
		s.fork(func() { s.completeAfter(c, most) })
	}
}

// completeAfter ends a wrap-up when its time is over.
func (s *Sim) completeAfter(c *call, most time.Duration) {
	pause(s.ctx, most)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.status == callACW {
		s.change(c, callFinished)
	}
}

// unanswered takes a call away that was not answered, or was rejected; where the
// queue says so, its agent gets no more.
func (s *Sim) unanswered(c *call, rejected bool) {
	away, locked := s.w.Queue.AuxworkNoAnswer, s.w.Queue.LockNoAnswer
	if rejected {
		away, locked = s.w.Queue.AuxworkReject, s.w.Queue.LockReject
	}
	s.change(c, callReleased)
	s.setState(c.agent, c.agent.away || away, c.agent.blocked || locked)
}

// setState sends an agent away or blocks it, or ends that, and tells its
// websockets where the switch has an action for it.
func (c *core) setState(a *agent, away, blocked bool) {
	was := a.stateOf()
	a.away, a.blocked = away, blocked
	if a.stateOf() == was || c.w.Queue.StateNotice == "" {
		return
	}
	for _, st := range a.seats {
		if st.socket != nil {
			st.socket.push(frameOut{text: c.w.encode(object{
				"action": c.w.Queue.StateNotice, "payload": object{"operatorId": a.ID, "state": a.stateOf()},
			})})
		}
	}
}

func (s *Sim) accept(_ *socket, req request) reply {
	return s.onCall(req, callWorking, callAlerting)
}

func (s *Sim) reject(_ *socket, req request) reply {
	c := req.call(callAlerting)
	if c == nil {
		return failed(textNoCall)
	}
	s.unanswered(c, true)
	return done()
}

func (s *Sim) complete(_ *socket, req request) reply {
	return s.onCall(req, callFinished, callWorking, callHold, callACW)
}

// onCall moves the agent's call that the request names to a new status, if it
// is in one of those given.
func (s *Sim) onCall(req request, to string, from ...string) reply {
	c := req.call(from...)
	if c == nil {
		return failed(textNoCall)
	}
	s.change(c, to)
	return done()
}

// call finds the agent's own call that the request names, in one of the
// statuses; nil: there is none.
func (req request) call(statuses ...string) *call {
	return req.seat.agent.callIn(textField(req.Payload, "callId"), statuses...)
}

func (a *agent) callIn(id string, statuses ...string) *call {
	for _, c := range a.calls {
		if c.id == id && slices.Contains(statuses, c.status) {
			return c
		}
	}
	return nil
}

// change moves a call on and tells who subscribed; a call that is over is
// forgotten.
func (c *core) change(l *call, to string) {
	now := time.Now()
	if l.status == callAlerting && l.settled != nil {
		close(l.settled)
	}
	l.status = to
	switch to {
	case callWorking:
		if l.answer.IsZero() {
			l.answer = now
		}
	case callACW:
		l.release = now
	case callReleased, callFinished:
		if l.release.IsZero() {
			l.release = now
		}
		l.agent.calls = slices.DeleteFunc(l.agent.calls, func(o *call) bool { return o == l })
		l.agent.remember(l)
	}
	c.announce(l)
}

// abandonCalls ends the calls of an agent that has gone.
func (c *core) abandonCalls(a *agent) {
	for _, l := range slices.Clone(a.calls) {
		c.change(l, callReleased)
	}
}

// announce notifies every subscriber of a call's change.
func (c *core) announce(l *call) {
	for k, id := range l.agent.watchers {
		frame := object{"action": actionSubscribe, "payload": c.notice(l)}
		switch c.w.NotifyEnvelope {
		case "n1":
			frame["requestId"], frame["status"] = id, 200
		case "n3":
			frame["action"] = actionChanged
		}
		for _, f := range append(c.w.noise(), frameOut{text: c.w.encode(frame)}) {
			k.push(f)
		}
	}
}

func (c *core) notice(l *call) any {
	switch c.w.NotifyPayload {
	case "array":
		return []object{l.object()}
	case "full":
		return l.agent.presentCalls()
	}
	return l.object()
}

func (a *agent) presentCalls() []object {
	calls := make([]object, len(a.calls))
	for i, l := range a.calls {
		calls[i] = l.object()
	}
	return calls
}

// object is the call as CallFromServer; its flags are strings (vendor page:
// call/subscribe).
func (l *call) object() object {
	return object{
		"id": l.id, "operatorId": l.agent.ID, "status": l.status, "type": cmp.Or(l.spec.Type, "call"),
		"numberA": cmp.Or(l.spec.NumberA, "79001234567"), "numberB": l.numberB,
		"displayNameA": l.spec.DisplayNameA, "displayNameB": l.agent.Login,
		"direction": l.direction(), "queueId": cmp.Or(l.spec.Queue, "support"), "queueDescription": "",
		"startTime": stamp(l.start), "answerTime": stamp(l.answer), "releaseTime": stamp(l.release),
		"ref": "ref-" + l.id, "callRef": l.ref(), "acd": "true", "faxReceive": "false", "isConsult": "false",
	}
}

func (l *call) ref() string { return "callref-" + l.id }

// direction is a call's; its values are not documented.
func (l *call) direction() string {
	if l.outward {
		return "outgoing"
	}
	return "incoming"
}

// remember keeps a call that is over, for call/get.
func (a *agent) remember(l *call) {
	const kept = 20
	a.past = append(a.past, l)
	if over := len(a.past) - kept; over > 0 {
		a.past = a.past[over:]
	}
}

// makeCall begins a call of the agent and answers its id; the payload's form is
// not known, and a number is looked for in it. A feature code is answered alike
// and changes nothing (field notes: dialled as a logout).
func (s *Sim) makeCall(_ *socket, req request) reply {
	s.lastCall++
	a, id := req.seat.agent, fmt.Sprintf("call-%d", s.lastCall)
	to := cmp.Or(textField(req.Payload, "number"), textField(req.Payload, "numberB"), textField(req.Payload, "to"))
	if !strings.ContainsAny(to, "#*") {
		l := &call{
			id: id, agent: a, spec: CallSpec{NumberA: req.seat.number}, numberB: to, outward: true, status: callInitiating, start: time.Now(),
		}
		a.calls = append(a.calls, l)
		s.announce(l)
	}
	if s.w.MakeCall == "string" {
		return good(id)
	}
	return good(object{"callId": id})
}

// getCall answers one call by its callRef, one that is over too.
func (s *Sim) getCall(_ *socket, req request) reply {
	ref := textField(req.Payload, "callRef")
	for _, l := range slices.Concat(req.seat.agent.calls, req.seat.agent.past) {
		if l.ref() == ref {
			return good(l.object())
		}
	}
	return failed(textNoCall)
}

// stamp returns t in ISO 8601, nil for zero.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
