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

// The platform's numbers for what an agent does (vendor page: agentstatus).
const (
	stateOut     = 2
	stateBusy    = 3
	stateIdle    = 4
	stateWrapUp  = 5
	stateTalking = 7
	stateRest    = 8
	statePreRest = 9
)

const stateFailed = "100-009" // the state could not be set

// Work is how the platform carries state calls and calls out.
type Work struct {
	CallStep  sim.Duration `json:"call_step" name:"call-step" default:"50ms" help:"The time between the steps of a call."`
	RestDelay sim.Duration `json:"rest_delay" name:"rest-delay" default:"100ms" help:"The time from the answer to rest until it takes effect."`
	RestLost  bool         `json:"rest_lost" name:"rest-lost" help:"Rest is answered 0 and never takes effect."`
}

// wish is a state that was asked for in a call or in wrap-up: it takes effect
// afterwards. The zero wish is none.
type wish struct {
	status int
	reason int
	lasts  time.Duration // of a rest: until the platform reminds
}

// effect is what happens to a session at a later instant.
type effect struct {
	at time.Time
	do func(now time.Time)
}

// after makes f happen to the session d from now, unless the session is over.
func (s *session) after(d time.Duration, f func(now time.Time)) {
	at := time.Now().Add(d)
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

// turn puts the agent into a state and says so by the event.
func (s *session) turn(status int, kind string, content json.RawMessage, now time.Time) {
	s.status, s.wish = status, wish{}
	s.emit(event{kind: kind, at: now, content: content})
}

func reasonOf(reason int) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"reason":%d}`, reason))
}

// grant makes a wish true.
func (s *session) grant(w wish, now time.Time) {
	switch w.status {
	case stateBusy:
		s.turn(stateBusy, "AgentState_SetNotReady_Success", reasonOf(w.reason), now)
	case stateRest:
		s.turn(stateRest, "AgentState_SetRest_Success", reasonOf(w.reason), now)
		s.remind(w.lasts, now)
	case stateWrapUp:
		s.turn(stateWrapUp, "AgentState_Work", null, now)
	}
}

// later reports whether a state that is asked for now must wait.
func (a *agent) later() bool { return a.call != nil || a.session.status == stateWrapUp }

// leaveWrapUp ends a wrap-up; what was asked for meanwhile follows.
func (s *session) leaveWrapUp(now time.Time) {
	w := s.wish
	s.turn(stateIdle, "AgentState_CancelWork_Success", null, now)
	s.grant(w, now)
}

// stateCall is one of the calls that change what an agent does. It returns the
// retcode of a refusal, "" where it was taken.
type stateCall func(s *Sim, a *agent, q *request, now time.Time) (code string)

// stateCalls are the POST calls below an agent, by the rest of their path.
var stateCalls = map[string]stateCall{
	"sayfree":              (*Sim).sayFree,
	"saybusy":              (*Sim).sayBusy,
	"cancelbusy":           cancel(stateBusy, "AgentState_CancelNotReady_Success"),
	"rest/{time}/{cause}":  (*Sim).rest,
	"cancelrest":           cancel(stateRest, "AgentState_CancelRest_Success"),
	"work":                 (*Sim).wrapUp,
	"cancelwork":           (*Sim).cancelWrapUp,
	"autoanswer/{flag}":    func(_ *Sim, a *agent, q *request, _ time.Time) string { a.session.autoAnswer = flag(q); return "" },
	"autoenteridle/{flag}": func(_ *Sim, a *agent, q *request, _ time.Time) string { a.session.autoIdle = flag(q); return "" },
	"settalkright":         (*Sim).setTalkRight,
	"setcustomstate":       (*Sim).setCustomState,
	"cancelsetcustomstate": func(_ *Sim, a *agent, _ *request, _ time.Time) string { a.session.custom = 0; return "" },
}

// flag reads a path's flag: anything but true is false (vendor page:
// autoenteridle).
func flag(q *request) bool { return q.values("flag") == "true" }

func (s *Sim) changeState(c stateCall) func(context.Context, *request) sim.Reply {
	return func(_ context.Context, q *request) sim.Reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		a, n, code := s.authenticate(q)
		if n != nil {
			code = c(s, a, q, time.Now())
		}
		if code != "" {
			return s.failure(code)
		}
		return s.success(struct{}{})
	}
}

// sayFree ends busy and wrap-up, and takes back what was asked for in a call.
// Rest is ended by its own call.
func (s *Sim) sayFree(a *agent, _ *request, now time.Time) string {
	n := a.session
	switch {
	case a.call != nil:
		n.wish = wish{}
	case n.status == stateBusy:
		n.turn(stateIdle, "AgentState_CancelNotReady_Success", null, now)
	case n.status == stateWrapUp:
		n.wish = wish{}
		n.leaveWrapUp(now)
	case n.status == stateRest:
		return stateFailed
	default:
		n.turn(stateIdle, "AgentState_Ready", null, now)
	}
	return ""
}

// sayBusy makes busy, with a reason of the tenant's or none. Said again it needs
// both parameters.
func (s *Sim) sayBusy(a *agent, q *request, now time.Time) string {
	n := a.session
	text, prolong := first(q.query["reason"]), first(q.query["prolong"])
	reason, ok := number(text, 0, 250)
	again := n.status == stateBusy && a.call == nil
	switch {
	case !ok, reason > 0 && reason < 200, !isBool(prolong), again && (reason == 0 || prolong == ""):
		return "000-002"
	case a.later():
		n.wish = wish{status: stateBusy, reason: reason}
	case n.status == stateRest:
		return stateFailed
	default:
		n.grant(wish{status: stateBusy, reason: reason}, now)
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
	again := n.status == stateRest && a.call == nil
	w := wish{status: stateRest, reason: cause, lasts: time.Duration(seconds) * time.Second}
	switch {
	case !ok, !known, q.values("time") == "", !isBool(prolong), again && prolong == "":
		return "000-002"
	case s.cfg().Work.RestLost:
	case a.later():
		n.wish = w
	default:
		n.after(time.Duration(s.cfg().Work.RestDelay), func(now time.Time) { n.grant(w, now) })
	}
	return ""
}

// remind tells that a rest has lasted too long. It goes on.
func (s *session) remind(d time.Duration, now time.Time) {
	s.rests++
	this := s.rests
	s.after(time.Until(now.Add(d)), func(now time.Time) {
		if s.status == stateRest && s.rests == this {
			s.emit(event{kind: "AgentState_Rest_Timeout", at: now, content: null})
		}
	})
}

// cancel makes the call that ends a state, or takes back a wish for it.
func cancel(status int, kind string) stateCall {
	return func(_ *Sim, a *agent, _ *request, now time.Time) string {
		n := a.session
		switch {
		case n.wish.status == status:
			n.wish = wish{}
		case n.status == status && a.call == nil:
			n.turn(stateIdle, kind, null, now)
		default:
			return stateFailed
		}
		return ""
	}
}

func (s *Sim) wrapUp(a *agent, _ *request, now time.Time) string {
	n := a.session
	switch {
	case a.call != nil:
		n.wish = wish{status: stateWrapUp}
	case n.status == stateRest, n.status == stateWrapUp:
		return stateFailed
	default:
		n.turn(stateWrapUp, "AgentState_SetWork_Success", null, now)
	}
	return ""
}

func (s *Sim) cancelWrapUp(a *agent, _ *request, now time.Time) string {
	n := a.session
	switch {
	case n.wish.status == stateWrapUp:
		n.wish = wish{}
	case n.status == stateWrapUp && a.call == nil:
		n.leaveWrapUp(now)
	default:
		return stateFailed
	}
	return ""
}

func (s *Sim) setTalkRight(_ *agent, q *request, _ time.Time) string {
	if f := first(q.query["flag"]); f != "0" && f != "1" {
		return "000-002"
	}
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
