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

// Call puts a call through to an agent that is available and tells who
// subscribed. It returns the call's id.
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
	if state := a.stateOf(); state != StateAvailable {
		return nil, fmt.Errorf("agent %s is %s: only an available one gets calls", a.name, state)
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
		s.unanswered(c)
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
	switch {
	case c.status == callAlerting, c.status == callInitiating:
		s.change(c, callReleased)
	case c.status == callWorking && s.w.WrapUp:
		s.change(c, callACW)
	case c.status == callWorking:
		s.change(c, callFinished)
	}
}

func (s *Sim) unanswered(c *call) {
	if s.w.AuxworkNoAnswer {
		c.agent.away = true
	}
	s.change(c, callReleased)
}

func (s *Sim) accept(k *socket, req request) reply {
	return s.onCall(k, req, callWorking, callAlerting)
}

func (s *Sim) reject(k *socket, req request) reply {
	c := k.call(req, callAlerting)
	if c == nil {
		return failed(textNoCall)
	}
	s.unanswered(c)
	return done()
}

func (s *Sim) complete(k *socket, req request) reply {
	return s.onCall(k, req, callFinished, callWorking, callACW)
}

// onCall moves the agent's call that the request names to a new status, if it
// is in one of those given.
func (s *Sim) onCall(k *socket, req request, to string, from ...string) reply {
	c := k.call(req, from...)
	if c == nil {
		return failed(textNoCall)
	}
	s.change(c, to)
	return done()
}

// call finds the agent's own call that the request names, in one of the
// statuses; nil: there is none.
func (k *socket) call(req request, statuses ...string) *call {
	id := textField(req.Payload, "callId")
	for _, c := range k.seat.agent.calls {
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
		l.answer = now
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
func (s *Sim) makeCall(k *socket, req request) reply {
	s.lastCall++
	a, id := k.seat.agent, fmt.Sprintf("call-%d", s.lastCall)
	to := cmp.Or(textField(req.Payload, "number"), textField(req.Payload, "numberB"), textField(req.Payload, "to"))
	if !strings.ContainsAny(to, "#*") {
		l := &call{
			id: id, agent: a, spec: CallSpec{NumberA: k.seat.number}, numberB: to, outward: true, status: callInitiating, start: time.Now(),
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
func (s *Sim) getCall(k *socket, req request) reply {
	ref := textField(req.Payload, "callRef")
	for _, l := range slices.Concat(k.seat.agent.calls, k.seat.agent.past) {
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
