package huawei

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// call is one call at an agent.
type call struct {
	id      string
	caller  string
	called  string
	out     bool // the agent calls
	queued  bool // from the queue, where it goes back to
	ringing bool // waits for the agent's answer
	talking bool
	held    bool // talked, and put on hold
	talked  bool // it was answered at some time
}

func (c *call) content() json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"callid":%q,"caller":%q,"called":%q,"feature":0}`, c.id, c.caller, c.called))
}

func (c *call) bare() json.RawMessage { return json.RawMessage(strconv.Quote(c.id)) }

func (c *call) object() json.RawMessage { return json.RawMessage(fmt.Sprintf(`{"callid":%q}`, c.id)) }

// stage is what the call does, for people.
func (c *call) stage() string {
	switch {
	case c.talking:
		return CallTalking
	case c.held:
		return CallHeld
	case c.ringing:
		return CallRinging
	}
	return CallAlerting
}

// outsider is who calls, where nobody says otherwise.
const outsider = "40001"

// newCall begins a call of the agent.
func (a *agent) newCall(caller, called string) *call {
	a.numbered++
	c := &call{id: fmt.Sprintf("%s-%d", a.Login, a.numbered), caller: caller, called: called}
	a.calls = append(a.calls, c)
	return c
}

// has reports whether the call still is one of the agent's.
func (a *agent) has(c *call) bool { return slices.Contains(a.calls, c) }

// callThat returns the first call that fits, nil: there is none.
func (a *agent) callThat(fits func(*call) bool) *call {
	if i := slices.IndexFunc(a.calls, fits); i >= 0 {
		return a.calls[i]
	}
	return nil
}

func isRinging(c *call) bool { return c.ringing }
func isTalking(c *call) bool { return c.talking }
func isHeld(c *call) bool    { return c.held }

// step is one event of a call, and what it changes.
type step struct {
	kind    string
	content json.RawMessage
	change  func(*call, time.Time)
}

// play makes the steps of a call happen one after another, as long as it lives.
func (s *Sim) play(a *agent, c *call, steps []step) {
	n := a.session
	for i, p := range steps {
		n.after(time.Duration(i)*time.Duration(s.cfg().Work.CallStep), func(now time.Time) {
			if !a.has(c) {
				return
			}
			if p.change != nil {
				p.change(c, now)
			}
			n.emit(event{kind: p.kind, at: now, content: p.content})
		})
	}
	n.settle(time.Now())
}

// offer is a call to the agent: answered by the phone itself, or ringing until
// the agent answers (developer guide: call with manual answer).
func (s *Sim) offer(a *agent, c *call) {
	ring := step{"AgentEvent_Ringing", c.content(), func(c *call, now time.Time) { s.startRinging(a, c, now) }}
	if len(a.calls) > 1 { // the phone is in use: only the agent can take it
		s.play(a, c, []step{ring})
		return
	}
	steps := []step{
		{"AgentState_Busy", null, nil},
		{"AgentOther_PhoneAlerting", c.content(), nil},
		{"AgentOther_PhoneOffhook", null, nil},
	}
	if a.session.autoAnswer {
		steps = append(steps, step{"AgentEvent_Auto_Answer", c.content(), nil},
			step{"AgentEvent_Talking", c.content(), func(c *call, _ time.Time) { a.talkIn(c) }})
	} else {
		steps = append(steps, ring)
	}
	s.play(a, c, steps)
}

// startRinging lets a call ring until somebody takes it or nobody did.
func (s *Sim) startRinging(a *agent, c *call, now time.Time) {
	c.ringing = true
	a.session.at(now.Add(time.Duration(s.cfg().Work.RingTime)), func(now time.Time) {
		if a.has(c) && c.ringing {
			s.notAnswered(a, c, now)
		}
	})
}

// talkIn makes the agent talk in a call.
func (a *agent) talkIn(c *call) {
	if !c.out && !c.talked {
		a.record.answered++
		a.missed = 0
	}
	c.ringing, c.talking = false, true
	c.held, c.talked = false, true
}

// notAnswered takes a call away that rang for too long. As the switches say, it
// makes the agent busy, which nothing of the platform's ends (vendor page: busy
// reasons).
func (s *Sim) notAnswered(a *agent, c *call, now time.Time) {
	a.missed++
	a.record.unanswered++
	s.backToQueue(c)
	w := &s.cfg().Work
	if n := a.session; w.NoAnswer == NoAnswerBusy && a.missed >= w.NoAnswerAfter && n.wish == (wish{}) {
		a.missed = 0
		n.wish = wish{status: StateBusy, reason: reasonNoAnswer, by: ByPlatform}
	}
	kind := "AgentEvent_No_Answer"
	if w.NoAnswerFromCTI {
		kind = "AgentEvent_No_Answer_From_Cti"
	}
	a.over(c, now, event{kind: kind, at: now, content: c.object()}, phoneRelease(byPlatform, now))
}

// over ends one of the agent's calls: first the events of its end, then, where
// it was the last, the state that follows.
func (a *agent) over(c *call, now time.Time, events ...event) {
	n := a.session
	a.calls = slices.DeleteFunc(a.calls, func(o *call) bool { return o == c })
	n.emit(events...)
	switch {
	case len(a.calls) > 0:
	case n.wish != wish{}:
		n.grant(n.wish, now)
	case c.talked && !n.autoIdle:
		n.enterWrapUp("AgentState_Work", now)
	default:
		n.turn(StateIdle, "AgentState_Ready", null, now)
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
func (a *agent) hangUp(c *call, now time.Time) {
	if !c.talked {
		a.over(c, now, event{kind: "AgentEvent_No_Answer", at: now, content: c.object()}, phoneRelease(byPlatform, now))
		return
	}
	a.over(c, now, event{kind: "AgentEvent_Call_Release", at: now, content: c.bare()},
		event{kind: "AgentEvent_Customer_Release", at: now, content: c.object()}, phoneRelease(byPlatform, now))
}

// ErrGetsNoCall is the error for a call to an agent that the queues do not give
// any: one that is not idle, or may not be called.
var ErrGetsNoCall = errors.New("the agent gets no call now")

// Ring is a call from a queue: the platform gives it to an idle agent only. It
// is answered by the phone where the agent signed in with autoanswer, else it
// rings for the switch ring_time until the agent, or somebody at its phone,
// answers.
func (s *Sim) Ring(login string) (callID string, err error) {
	err = s.with(login, func(a *agent) error {
		if why := a.barred(); why != "" {
			return fmt.Errorf("%q: %w: %s", login, ErrGetsNoCall, why)
		}
		a.record.rings++
		c := a.newCall(outsider, a.session.phone)
		s.offer(a, c)
		callID = c.id
		return nil
	})
	return callID, err
}

// barred tells why queues give the agent no call; "" where they do.
func (a *agent) barred() string {
	n := a.session
	switch {
	case n == nil:
		return "it is signed out"
	case a.ForceChange:
		return "its password must be changed first"
	case a.phoneAway:
		return "its phone is away"
	case n.noCalls:
		return "settalkright took it out"
	case a.state() != StateIdle:
		return fmt.Sprintf("its state is %d", a.state())
	}
	return ""
}

// Direct is a call to the agent itself, as from a colleague: it comes whatever
// the agent does, beside other calls too. One beside others always rings.
func (s *Sim) Direct(login string) (callID string, err error) {
	err = s.signedIn(login, func(a *agent) {
		c := a.newCall(outsider, a.session.phone)
		s.offer(a, c)
		callID = c.id
	})
	return callID, err
}

// Call is Direct for an agent without a call; beside one it does nothing.
func (s *Sim) Call(login string) error {
	return s.signedIn(login, func(a *agent) {
		if len(a.calls) == 0 {
			s.offer(a, a.newCall(outsider, a.session.phone))
		}
	})
}

// Answer makes somebody at the agent's phone take the call that rings.
func (s *Sim) Answer(login string) error {
	return s.signedIn(login, func(a *agent) {
		if c := a.callThat(isRinging); c != nil {
			s.pickUp(a, c, time.Now())
		}
	})
}

// GiveUp makes the platform take a ringing call away at once, as after
// ring_time.
func (s *Sim) GiveUp(login string) error {
	return s.signedIn(login, func(a *agent) {
		if c := a.callThat(isRinging); c != nil {
			s.notAnswered(a, c, time.Now())
		}
	})
}

// Hangup makes the callers of all the agent's calls hang up.
func (s *Sim) Hangup(login string) error {
	return s.signedIn(login, func(a *agent) {
		for _, c := range slices.Clone(a.calls) {
			a.hangUp(c, time.Now())
		}
	})
}
