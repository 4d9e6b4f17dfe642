package huawei

import (
	"fmt"
	"slices"
	"time"
)

// The stages of a call.
const (
	CallAlerting = "alerting" // the phone is told
	CallRinging  = "ringing"  // it waits for the agent's answer
	CallTalking  = "talking"
	CallHeld     = "held"
)

// Working is what an agent does, and what was done to it.
type Working struct {
	Reason     int               `json:"reason,omitempty"`     // of busy, or the cause of a rest
	By         string            `json:"by,omitempty"`         // ByAgent, ByPlatform or ByInspector
	Calls      map[string]string `json:"calls,omitempty"`      // callid and stage
	PhoneAway  bool              `json:"phone_away,omitempty"` // by PhoneAway
	Rings      int               `json:"rings,omitempty"`      // calls from queues, by Ring
	Answered   int               `json:"answered,omitempty"`   // calls to the agent that were talked in
	Unanswered int               `json:"unanswered,omitempty"` // that rang for too long
	Restores   int               `json:"restores,omitempty"`   // commands of the last hour that made it ready again
}

func (a *agent) working() Working {
	w := Working{
		PhoneAway: a.phoneAway, Rings: a.record.rings, Answered: a.record.answered, Unanswered: a.record.unanswered,
		Restores: len(a.record.restores),
	}
	if n := a.session; n != nil {
		w.Reason, w.By = n.reason, n.by
	}
	for _, c := range a.calls {
		if w.Calls == nil {
			w.Calls = map[string]string{}
		}
		w.Calls[c.id] = c.stage()
	}
	return w
}

// The states that an inspector can force.
const (
	ForceBusy = "busy"
	ForceIdle = "idle"
	ForceRest = "rest"
)

// Force is an inspector's: it makes the agent busy, idle or rest; in a call,
// after it.
func (s *Sim) Force(login, state string) error {
	w, ok := forced[state]
	if !ok {
		return fmt.Errorf("state %q cannot be forced: use busy, idle or rest", state)
	}
	return s.signedIn(login, func(a *agent) { s.force(a, w) })
}

// forced are the wishes of an inspector; that for idle has no state.
var forced = map[string]wish{
	ForceBusy: {status: StateBusy, reason: reasonInspector, by: ByInspector},
	ForceRest: {status: StateRest, by: ByInspector},
	ForceIdle: {by: ByInspector},
}

func (s *Sim) force(a *agent, w wish) {
	now := time.Now()
	switch n := a.session; {
	case w.status == 0:
		s.forceIdle(a, now)
	case len(a.calls) > 0:
		n.wish = w
	default:
		n.grant(w, now)
	}
}

// forceIdle ends whatever keeps the agent from calls.
func (s *Sim) forceIdle(a *agent, now time.Time) {
	n := a.session
	if n.wish = (wish{}); len(a.calls) > 0 {
		return
	}
	usual := map[int]string{
		StateBusy: "AgentState_CancelNotReady_Success", StateRest: "AgentState_CancelRest_Success",
		StateWrapUp: "AgentState_CancelWork_Success",
	}[n.status]
	usual = or(usual, "AgentState_Ready")
	switch s.cfg().Work.Forced {
	case ForcedEvent:
		usual = "AgentState_Force_Ready"
	case ForcedBoth:
		n.tell("AgentState_Force_Ready", null, now)
	}
	n.turn(StateIdle, usual, null, now)
}

// PhoneAway takes the agent's phone away: its calls end, and an idle agent becomes
// busy with reason 5, now or when it would become idle.
func (s *Sim) PhoneAway(login string) error {
	return s.with(login, func(a *agent) error {
		if a.phoneAway = true; a.session == nil {
			return nil
		}
		now, had := time.Now(), len(a.calls) > 0
		for _, c := range slices.Clone(a.calls) {
			a.hangUp(c, now)
		}
		if n := a.session; !had && n.status == StateIdle {
			n.grant(wish{status: StateBusy, reason: reasonPhone, by: ByPlatform}, now)
		}
		return nil
	})
}

// PhoneBack gives the phone back. What that does to the agent is the switch
// phone_back.
func (s *Sim) PhoneBack(login string) error {
	return s.with(login, func(a *agent) error {
		a.phoneAway = false
		n := a.session
		if n != nil && s.cfg().Work.PhoneBack == BackIdle && n.status == StateBusy && n.reason == reasonPhone && len(a.calls) == 0 {
			n.turn(StateIdle, "AgentState_CancelNotReady_Success", null, time.Now())
		}
		return nil
	})
}
