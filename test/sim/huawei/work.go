package huawei

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/test/sim"
)

// The platform's numbers for what an agent does (vendor page: agentstatus), as
// AgentState has them.
const (
	StateOut     = 2
	StateBusy    = 3
	StateIdle    = 4
	StateWrapUp  = 5
	StateTalking = 7
	StateRest    = 8
	StatePreRest = 9
)

const stateFailed = "100-009" // the state could not be set

// The busy reasons of the platform's own (vendor page: busy reasons).
const (
	reasonNoAnswer  = 2
	reasonInspector = 3
	reasonPhone     = 5
	reasonRejected  = 7
)

// Who brought a state about, as AgentState tells.
const (
	ByAgent     = "agent" // its client
	ByPlatform  = "platform"
	ByInspector = "inspector"
)

// The values of Work's choices; the first of each group is the default.
const (
	NoAnswerBusy  = "busy"  // a call that nobody answers makes the agent busy, reason 2
	NoAnswerReady = "ready" // the agent stays idle

	ForcedReason = "reason" // an inspector's busy is SetNotReady_Success with reason 3, its idle the event of an agent's own
	ForcedEvent  = "event"  // AgentState_Force_SetNotReady, AgentState_Force_Ready
	ForcedBoth   = "both"   // both, that event first

	AwayAgain   = "again"   // idle is answered 0, and the phone that is away makes busy again at once
	AwayRefused = "refused" // idle is 100-009 while the phone is away

	BackNothing = "nothing" // a phone that is back changes nothing
	BackIdle    = "idle"    // it ends the busy state of reason 5

	OverlapRefused = "000-007" // a command beside another is refused
	OverlapServed  = "served"  // it is carried out
)

// Work is how the platform carries state calls and calls, and what it does to an
// agent by itself.
type Work struct {
	CallStep        sim.Duration `json:"call_step" name:"call-step" default:"50ms" help:"The time between the steps of a call."`
	RingTime        sim.Duration `json:"ring_time" name:"ring-time" default:"20s" help:"How long a call rings that nobody answers."`
	NoAnswer        string       `json:"no_answer" name:"no-answer" enum:"busy,ready" default:"busy" help:"What an agent is that did not answer: ${enum}; busy has reason 2."`
	NoAnswerAfter   int          `json:"no_answer_after" name:"no-answer-after" default:"1" help:"Calls in a row that must not be answered for that."`
	NoAnswerFromCTI bool         `json:"no_answer_from_cti" name:"no-answer-from-cti" help:"The event is AgentEvent_No_Answer_From_Cti."`
	RestDelay       sim.Duration `json:"rest_delay" name:"rest-delay" default:"100ms" help:"The time from the answer to rest until it takes effect."`
	RestLost        bool         `json:"rest_lost" name:"rest-lost" help:"Rest is answered 0 and never takes effect."`
	PreRest         bool         `json:"pre_rest" name:"pre-rest" help:"The agent's state is 9 meanwhile, and cancelrest takes it back."`
	WrapUpMax       sim.Duration `json:"wrap_up_max" name:"wrap-up-max" help:"How long a wrap-up after a call may last (maxAgentWrapupTime); left out: without end."`
	Forced          string       `json:"forced" name:"forced" enum:"reason,event,both" default:"reason" help:"How an inspector's busy and idle are told: ${enum}; reason is SetNotReady_Success with reason 3, event is AgentState_Force_SetNotReady and AgentState_Force_Ready."`
	Inspectors      string       `json:"inspectors" name:"inspectors" help:"The logins of agents that may force others (qualitycontrol), separated by commas."`
	InspectorHolds  bool         `json:"inspector_holds" name:"inspector-holds" help:"The agent cannot end what an inspector forced: 100-009."`
	PhoneAway       string       `json:"phone_away" name:"phone-away" enum:"again,refused" default:"again" help:"Idle while the phone is away: busy again at once, or refused by 100-009: ${enum}."`
	PhoneBack       string       `json:"phone_back" name:"phone-back" enum:"nothing,idle" default:"nothing" help:"What a phone that is back does to an agent that is busy for it: ${enum}."`
	CommandTime     sim.Duration `json:"command_time" name:"command-time" help:"How long the platform works on a command; a client that goes away does not stop it."`
	Overlap         string       `json:"overlap" name:"overlap" enum:"000-007,served" default:"000-007" help:"What a command beside another of the same agent is answered: ${enum}; a violation all the same."`
}

// wish is a state that was asked for in a call or in wrap-up: it takes effect
// afterwards. The zero wish is none.
type wish struct {
	status int
	reason int           // of busy, or the cause of a rest
	lasts  time.Duration // of a rest: until the platform reminds
	by     string        // "" is ByAgent
	mute   bool          // without its event
}

// effect is what happens to a session at a later instant.
type effect struct {
	at time.Time
	do func(now time.Time)
}

// after makes f happen to the session d from now, unless the session is over.
func (s *session) after(d time.Duration, f func(now time.Time)) { s.at(time.Now().Add(d), f) }

// at makes f happen to the session at an instant, unless the session is over.
func (s *session) at(at time.Time, f func(now time.Time)) {
	i := len(s.later)
	for i > 0 && s.later[i-1].at.After(at) {
		i--
	}
	s.later = append(s.later[:i:i], append([]effect{{at, f}}, s.later[i:]...)...)
	s.wakeUp()
}

// settle makes happen what is due.
func (s *session) settle(now time.Time) {
	for len(s.later) > 0 && !s.later[0].at.After(now) {
		e := s.later[0]
		s.later = s.later[1:]
		e.do(e.at)
	}
}

// until is how long nothing more happens by itself; 0 where nothing will.
func (s *session) until(now time.Time) time.Duration {
	if len(s.later) == 0 {
		return 0
	}
	return max(s.later[0].at.Sub(now), time.Nanosecond)
}

// turn puts the agent into a state, by its own word, and says so by the event. An
// agent whose phone is away does not stay idle.
func (s *session) turn(status int, kind string, content json.RawMessage, now time.Time) {
	s.status, s.wish = status, wish{}
	s.by, s.reason = ByAgent, 0
	s.changes++
	s.tell(kind, content, now)
	if status != StateIdle {
		return
	}
	if s.of.phoneAway {
		s.grant(wish{status: StateBusy, reason: reasonPhone, by: ByPlatform}, now)
		return
	}
	s.awaitCall(now)
}

// tell queues an event of the agent's state, unless it is to be kept back.
func (s *session) tell(kind string, content json.RawMessage, now time.Time) {
	if !s.mute {
		s.emit(event{kind: kind, at: now, content: content})
	}
}

// reasonOf is an event's content with a reason, of the type that the switch says.
func (s *Sim) reasonOf(reason int) json.RawMessage {
	if s.cfg().Types.StringReason {
		return json.RawMessage(fmt.Sprintf(`{"reason":"%d"}`, reason))
	}
	return json.RawMessage(fmt.Sprintf(`{"reason":%d}`, reason))
}

// grant makes a wish true.
func (s *session) grant(w wish, now time.Time) {
	if w == (wish{}) {
		return
	}
	was := s.mute
	s.mute = was || w.mute
	switch w.status {
	case StateBusy:
		s.makeBusy(w, now)
	case StateRest:
		s.turn(StateRest, "AgentState_SetRest_Success", s.sim.reasonOf(w.reason), now)
		s.remind(w.lasts, now)
	case StateWrapUp:
		s.enterWrapUp("AgentState_Work", now)
	}
	s.by, s.reason = or(w.by, ByAgent), w.reason
	s.mute = was
}

// makeBusy says busy, in the words that the switches have for an inspector's.
func (s *session) makeBusy(w wish, now time.Time) {
	const usual, force = "AgentState_SetNotReady_Success", "AgentState_Force_SetNotReady"
	content, forced := s.sim.reasonOf(w.reason), s.sim.cfg().Work.Forced
	if w.by != ByInspector || forced == ForcedReason {
		s.turn(StateBusy, usual, content, now)
		return
	}
	s.turn(StateBusy, force, content, now)
	if forced == ForcedBoth {
		s.tell(usual, content, now)
	}
}

// enterWrapUp begins the wrap-up after a call, which ends by itself where there
// is a maximum.
func (s *session) enterWrapUp(kind string, now time.Time) {
	s.turn(StateWrapUp, kind, null, now)
	most, this := time.Duration(s.sim.cfg().Work.WrapUpMax), s.changes
	if most == 0 {
		return
	}
	s.at(now.Add(most), func(now time.Time) {
		if s.status == StateWrapUp && s.changes == this {
			s.leaveWrapUp(now)
		}
	})
}

// later reports whether a state that is asked for now must wait.
func (a *agent) later() bool { return len(a.calls) > 0 || a.session.status == StateWrapUp }

// kept reports whether the agent may not end its busy state: an inspector holds
// it, or its phone is away.
func (s *Sim) kept(n *session) bool {
	w := &s.cfg().Work
	if w.InspectorHolds && (n.by == ByInspector || n.wish.by == ByInspector) {
		return true
	}
	return w.PhoneAway == AwayRefused && n.of.phoneAway && n.status == StateBusy && n.reason == reasonPhone
}

// leaveWrapUp ends a wrap-up; what was asked for meanwhile follows.
func (s *session) leaveWrapUp(now time.Time) {
	w := s.wish
	s.turn(StateIdle, "AgentState_CancelWork_Success", null, now)
	s.grant(w, now)
}

// stateCall is one of the calls that change what an agent does. It returns the
// retcode of a refusal, "" where it was taken.
type stateCall func(s *Sim, a *agent, q *request, now time.Time) (code string)

// stateCalls are the POST calls below an agent, by the rest of their path.
var stateCalls = map[string]stateCall{
	"sayfree":              (*Sim).sayFree,
	"saybusy":              (*Sim).sayBusy,
	"cancelbusy":           cancel(StateBusy, "AgentState_CancelNotReady_Success"),
	"rest/{time}/{cause}":  (*Sim).rest,
	"cancelrest":           cancel(StateRest, "AgentState_CancelRest_Success"),
	"work":                 (*Sim).wrapUp,
	"cancelwork":           (*Sim).cancelWrapUp,
	"autoanswer/{flag}":    setFlag(func(n *session) *bool { return &n.autoAnswer }),
	"autoenteridle/{flag}": setFlag(func(n *session) *bool { return &n.autoIdle }),
	"settalkright":         (*Sim).setTalkRight,
	"setcustomstate":       (*Sim).setCustomState,
	"cancelsetcustomstate": func(_ *Sim, a *agent, _ *request, _ time.Time) string { a.session.custom = 0; return "" },
}

// setFlag makes the call that sets a flag: of 1 to 5 characters, where anything
// but true is false (vendor page: autoenteridle).
func setFlag(of func(*session) *bool) stateCall {
	return func(_ *Sim, a *agent, q *request, _ time.Time) string {
		text := q.values("flag")
		if len(text) > 5 {
			return badParameter
		}
		*of(a.session) = text == "true"
		return ""
	}
}

// sayFree ends busy and wrap-up, and takes back what was asked for in a call.
// Rest is ended by its own call.
func (s *Sim) sayFree(a *agent, _ *request, now time.Time) string {
	n := a.session
	switch {
	case s.kept(n):
		return stateFailed
	case len(a.calls) > 0:
		n.wish = wish{}
	case n.status == StateBusy:
		n.turn(StateIdle, "AgentState_CancelNotReady_Success", null, now)
	case n.status == StateWrapUp:
		n.wish = wish{}
		n.leaveWrapUp(now)
	case n.status == StateRest:
		return stateFailed
	default:
		n.turn(StateIdle, "AgentState_Ready", null, now)
	}
	return ""
}

// sayBusy makes busy, with a reason of the tenant's or none. Said again it needs
// both parameters.
func (s *Sim) sayBusy(a *agent, q *request, now time.Time) string {
	n := a.session
	text, prolong := first(q.query["reason"]), first(q.query["prolong"])
	reason, ok := number(text, 0, 250)
	again := n.status == StateBusy && len(a.calls) == 0
	switch {
	case !ok, reason > 0 && reason < 200, !isBool(prolong), again && (reason == 0 || prolong == ""):
		return "000-002"
	case a.later():
		n.wish = wish{status: StateBusy, reason: reason, mute: n.mute}
	case n.status == StateRest:
		return stateFailed
	default:
		n.grant(wish{status: StateBusy, reason: reason}, now)
	}
	return ""
}

// rest is answered before anything happened: only its event is success (vendor
// page: rest).
func (s *Sim) rest(a *agent, q *request, _ time.Time) string {
	n := a.session
	seconds, ok := number(q.values("time"), 1, 86399)
	cause, known := number(q.values("cause"), 0, 255)
	prolong := first(q.query["prolong"])
	again := n.status == StateRest && len(a.calls) == 0
	w := wish{status: StateRest, reason: cause, lasts: time.Duration(seconds) * time.Second, mute: n.mute}
	switch {
	case !ok, !known, q.values("time") == "", !isBool(prolong), again && prolong == "":
		return "000-002"
	case s.cfg().Work.RestLost:
	case a.later():
		n.wish = w
	default:
		s.restSoon(a, w)
	}
	return ""
}

// restSoon makes a rest take effect after a while, or after the call that comes
// in between.
func (s *Sim) restSoon(a *agent, w wish) {
	n, pre := a.session, s.cfg().Work.PreRest
	if pre {
		n.wish = w
	}
	n.after(time.Duration(s.cfg().Work.RestDelay), func(now time.Time) {
		switch {
		case pre && n.wish != w: // taken back
		case len(a.calls) > 0:
			n.wish = w
		default:
			n.grant(w, now)
		}
	})
}

// remind tells that a rest has lasted too long. It goes on.
func (s *session) remind(d time.Duration, now time.Time) {
	if d == 0 { // an inspector's
		return
	}
	this := s.changes
	s.at(now.Add(d), func(now time.Time) {
		if s.status == StateRest && s.changes == this {
			s.emit(event{kind: "AgentState_Rest_Timeout", at: now, content: null})
		}
	})
}

// cancel makes the call that ends a state, or takes back a wish for it.
func cancel(status int, kind string) stateCall {
	return func(s *Sim, a *agent, _ *request, now time.Time) string {
		n := a.session
		switch {
		case s.kept(n):
			return stateFailed
		case n.wish.status == status:
			n.wish = wish{}
		case n.status == status && len(a.calls) == 0:
			n.turn(StateIdle, kind, null, now)
		default:
			return stateFailed
		}
		return ""
	}
}

func (s *Sim) wrapUp(a *agent, _ *request, now time.Time) string {
	n := a.session
	switch {
	case len(a.calls) > 0:
		n.wish = wish{status: StateWrapUp, mute: n.mute}
	case n.status == StateRest, n.status == StateWrapUp:
		return stateFailed
	default:
		n.turn(StateWrapUp, "AgentState_SetWork_Success", null, now)
	}
	return ""
}

func (s *Sim) cancelWrapUp(a *agent, _ *request, now time.Time) string {
	n := a.session
	switch {
	case n.wish.status == StateWrapUp:
		n.wish = wish{}
	case n.status == StateWrapUp && len(a.calls) == 0:
		n.leaveWrapUp(now)
	default:
		return stateFailed
	}
	return ""
}

func (s *Sim) setTalkRight(a *agent, q *request, _ time.Time) string {
	f := first(q.query["flag"])
	if f != "0" && f != "1" {
		return "000-002"
	}
	a.session.noCalls = f == "0"
	return ""
}

func (s *Sim) setCustomState(a *agent, q *request, _ time.Time) string {
	text := first(q.query["customstate"])
	n, ok := number(text, 0, 65534)
	if !ok || text == "" {
		return "000-002"
	}
	a.session.custom = n
	return ""
}

// queryCustomState answers what setcustomstate set.
func (s *Sim) queryCustomState(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(a *agent) sim.Reply { return s.success(map[string]int{"customState": a.session.custom}) })
}

// number reads a number from a range; "" is 0.
func number(text string, least, most int) (n int, ok bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= least && n <= most
}

func isBool(text string) bool { return text == "" || text == "true" || text == "false" }

// unknownCall answers every path and method that the gateway does not have.
func (s *Sim) unknownCall(w http.ResponseWriter, _ *http.Request) { s.failure("000-002").Write(w) }
