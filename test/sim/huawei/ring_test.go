package huawei

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
)

// manual signs in an agent that answers by itself, and drains its first events.
func (c *caller) manual() *caller {
	c.t.Helper()
	c.want(c.call("PUT", "/onlineagent/{id}", c.body(`,"autoanswer":false`)), "0")
	c.told()
	return c
}

// kinds are the types of the events that wait, without those of a call's
// beginning.
func (c *caller) kinds() string {
	var kinds []string
	for _, e := range c.told() {
		kind, content, _ := strings.Cut(e, " ")
		if strings.Contains(content, "reason") {
			kind += content
		}
		switch kind {
		case "Busy", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook":
		default:
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " ")
}

func TestNotAnswered(t *testing.T) {
	const busy = `SetNotReady_Success{"reason":2}`
	for name, c := range map[string]struct {
		work  Work
		want  string // after each of three calls
		state int
	}{
		"at once":         {Work{}, "No_Answer AgentOther_PhoneRelease " + busy, StateBusy},
		"never":           {Work{NoAnswer: NoAnswerReady}, "No_Answer AgentOther_PhoneRelease Ready", StateIdle},
		"after more":      {Work{NoAnswerAfter: 2}, "No_Answer AgentOther_PhoneRelease Ready", StateIdle},
		"another's event": {Work{NoAnswerFromCTI: true}, "No_Answer_From_Cti AgentOther_PhoneRelease " + busy, StateBusy},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, Switches{WaitFlagOff: true, Work: c.work}, func(t *testing.T, s *Sim, a *caller) {
				a.manual()
				id, err := s.Ring("291")
				if err != nil || id != "291-1" {
					t.Fatalf("ring: %q, %v", id, err)
				}
				time.Sleep(20*time.Second + 149*time.Millisecond)
				if got := a.kinds(); got != "Ringing" || s.Agent("291").Calls["291-1"] != CallRinging {
					t.Errorf("before: %q, %v", got, s.Agent("291").Calls)
				}
				time.Sleep(time.Millisecond)
				if got := a.kinds(); got != c.want || s.Agent("291").State != c.state {
					t.Errorf("%q, state %d", got, s.Agent("291").State)
				}
			})
		})
	}
	with(t, Switches{WaitFlagOff: true, Work: Work{NoAnswerAfter: 2}}, func(t *testing.T, s *Sim, a *caller) {
		a.manual()
		for i, want := range []string{"4", "4", "4", "3 2 platform"} {
			if _, err := s.Ring("291"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if i == 1 { // an answered call begins the count anew
				a.want(a.call("PUT", "/voicecall/{id}/answer", ""), "0")
				_ = s.Hangup("291")
			}
			_ = s.GiveUp("291")
			now := s.Agent("291")
			if got := strings.TrimSpace(fmt.Sprintln(now.State, now.Reason, now.By)); !strings.HasPrefix(got, want) {
				t.Errorf("after %d: %s", i, got)
			}
		}
		if now := s.Agent("291"); now.Rings != 4 || now.Answered != 1 || now.Unanswered != 3 {
			t.Errorf("%+v", now.Working)
		}
	})
}

func TestBusiedAgentGetsNoCall(t *testing.T) {
	with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		none := func(why string) {
			t.Helper()
			if _, err := s.Ring("291"); !errors.Is(err, ErrGetsNoCall) || !strings.Contains(err.Error(), why) {
				t.Errorf("%v, want %s", err, why)
			}
		}
		none("signed out")
		a.manual()
		a.do("saybusy")
		none("state is 3")
		if _, err := s.Direct("291"); err != nil {
			t.Error(err)
		}
		_ = s.Hangup("291")
		a.do("settalkright?flag=0")
		none("settalkright")
		a.do("settalkright?flag=1")
		_ = s.PhoneAway("291")
		none("phone is away")
		_ = s.PhoneBack("291")
		force := true
		_ = s.SetAnswers("291", Answers{ForceChange: &force})
		none("password")
	})
}

func TestSeveralCalls(t *testing.T) {
	with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		a.manual()
		voice := func(call, code string) {
			t.Helper()
			p := append(strings.SplitN(call, " ", 3), "")
			a.want(a.call(p[0], "/voicecall/{id}/"+p[1], p[2]), code)
		}
		_, _ = s.Ring("291")
		_, _ = s.Direct("291")
		time.Sleep(time.Second)
		voice("PUT answer", "000-002") // which one?
		voice("PUT answer?callid=291-3", "200-002")
		voice("PUT answer?callid=291-1", "0")
		voice("PUT answer", "0") // the other: the first is put on hold
		if d := cmp.Diff(map[string]string{"291-1": CallHeld, "291-2": CallTalking}, s.Agent("291").Calls); d != "" {
			t.Error(d)
		}
		voice("POST gethold", "200-013")
		voice("POST hold", "0")
		voice("POST hold", "200-005")
		voice("POST gethold", "000-002")
		voice("POST gethold?callid=291-1", "0")
		voice("DELETE release", "0")
		if got := s.Agent("291").State; got != StateTalking {
			t.Errorf("state %d with a call on hold", got)
		}
		want := "Ringing Ringing Talking Hold Talking Hold Talking Call_Release Customer_Release AgentOther_PhoneRelease"
		if got := a.kinds(); got != want {
			t.Errorf("%s", got)
		}
		_ = s.Hangup("291")
		if got := a.kinds(); got != "Call_Release Customer_Release AgentOther_PhoneRelease Ready" || s.Agent("291").State != StateIdle {
			t.Errorf("%s, state %d", got, s.Agent("291").State)
		}
	})
}

func TestWrapUpMaximum(t *testing.T) {
	with(t, Switches{WaitFlagOff: true, Work: Work{WrapUpMax: sim.Duration(time.Minute)}}, func(t *testing.T, s *Sim, a *caller) {
		a.want(a.call("PUT", "/onlineagent/{id}", a.body(`,"autoenteridle":false,"autoanswer":false`)), "0")
		a.told()
		_, _ = s.Ring("291")
		time.Sleep(time.Second)
		_ = s.Hangup("291") // the caller, before anybody answered: nothing to wrap up
		if got := a.kinds(); got != "Ringing No_Answer AgentOther_PhoneRelease Ready" {
			t.Errorf("%s", got)
		}
		_, _ = s.Ring("291")
		time.Sleep(time.Second)
		_ = s.Answer("291")
		_ = s.Hangup("291")
		if got := s.Agent("291").State; got != StateWrapUp {
			t.Errorf("state %d", got)
		}
		a.kinds()
		time.Sleep(59 * time.Second)
		a.want(a.poll(), "0")
		time.Sleep(time.Second)
		if got := a.kinds(); got != "CancelWork_Success" || s.Agent("291").State != StateIdle {
			t.Errorf("%s, state %d", got, s.Agent("291").State)
		}
		a.do("work") // asked for: nobody ends it
		time.Sleep(90 * time.Second)
		if got := a.kinds(); got != "SetWork_Success" {
			t.Errorf("%s", got)
		}
	})
}

func TestInspector(t *testing.T) {
	for forced, want := range map[string]string{
		ForcedReason: `SetNotReady_Success{"reason":3} CancelNotReady_Success SetRest_Success{"reason":0} CancelRest_Success`,
		ForcedEvent:  `Force_SetNotReady{"reason":3} Force_Ready SetRest_Success{"reason":0} Force_Ready`,
		ForcedBoth:   `Force_SetNotReady{"reason":3} SetNotReady_Success{"reason":3} Force_Ready CancelNotReady_Success SetRest_Success{"reason":0} Force_Ready CancelRest_Success`,
	} {
		with(t, Switches{WaitFlagOff: true, Work: Work{Forced: forced, InspectorHolds: true}}, func(t *testing.T, s *Sim, a *caller) {
			a.manual()
			for state, calls := range map[string][]string{ForceBusy: {"sayfree", "cancelbusy"}, ForceRest: {"cancelrest"}} {
				_ = s.Force("291", state)
				if now := s.Agent("291"); now.By != ByInspector {
					t.Errorf("%s: by %s", state, now.By)
				}
				for _, call := range calls {
					a.want(a.do(call), "100-009")
				}
				_ = s.Force("291", ForceIdle)
			}
			a.told() // in any order
			for _, state := range []string{ForceBusy, ForceIdle, ForceRest, ForceIdle} {
				_ = s.Force("291", state)
			}
			if got := a.kinds(); got != want {
				t.Errorf("%s: %s", forced, got)
			}
			_ = s.Call("291")
			_ = s.Force("291", ForceBusy)
			a.want(a.do("sayfree"), "100-009")
			_ = s.Hangup("291")
			if now := s.Agent("291"); now.State != StateBusy || now.Reason != 3 {
				t.Errorf("after the call: %d %+v", now.State, now.Working)
			}
		})
	}
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		_ = s.Force("291", ForceBusy)
		a.want(a.do("cancelbusy"), "0")
		if err := s.Force("291", "out"); err == nil || !strings.Contains(err.Error(), "use busy") {
			t.Errorf("%v", err)
		}
	})
}

// TestInspectorsRequests: an inspector is an agent that may force others.
func TestInspectorsRequests(t *testing.T) {
	with(t, Switches{WaitFlagOff: true, Work: Work{Inspectors: "292,293"}}, func(t *testing.T, s *Sim, a *caller) {
		a.manual()
		b := a.as("292").manual()
		force := func(c *caller, path, code string) {
			t.Helper()
			c.want(c.call("POST", "/qualitycontrol/{id}/"+path, ""), code)
		}
		force(a, "forcebusy/292", "300-001")
		force(b, "forcebusy/293", "000-005")
		force(b, "forcebusy/777", "300-002")
		force(b, "forcebusy/291", "0")
		force(b, "forceidle/291", "0")
		force(b, "forcerest/291/0/5", "000-002")
		force(b, "forcerest/291/60/5", "0")
		if got := a.kinds(); got != `SetNotReady_Success{"reason":3} CancelNotReady_Success SetRest_Success{"reason":5}` {
			t.Errorf("%s", got)
		}
		time.Sleep(time.Minute)
		if got := a.kinds(); got != "Rest_Timeout" {
			t.Errorf("%s", got)
		}
		force(b, "forcelogout/291", "0")
		force(b, "forcelogout/291", "300-002")
		if got := a.poll(); got.Event != "AgentOther_ShutdownService" {
			t.Errorf("%s", got.raw)
		}
	})
}

func TestPhoneAway(t *testing.T) {
	const busy = `SetNotReady_Success{"reason":5}`
	for _, c := range []struct{ away, back, code, want, then string }{
		{AwayAgain, BackNothing, "0", busy + " CancelNotReady_Success " + busy, ""},
		{AwayRefused, BackIdle, "100-009", busy, "CancelNotReady_Success"},
	} {
		with(t, Switches{WaitFlagOff: true, Work: Work{PhoneAway: c.away, PhoneBack: c.back}}, func(t *testing.T, s *Sim, a *caller) {
			a.manual()
			_ = s.PhoneAway("291")
			a.want(a.do("cancelbusy"), c.code)
			if got := a.kinds(); got != c.want || s.Agent("291").State != StateBusy {
				t.Errorf("%s: %s", c.away, got)
			}
			_ = s.PhoneBack("291")
			if got := a.kinds(); got != c.then {
				t.Errorf("%s: back: %s", c.back, got)
			}
		})
	}
	with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		a.manual()
		_, _ = s.Ring("291")
		time.Sleep(time.Second)
		_ = s.Answer("291")
		a.kinds()
		_ = s.PhoneAway("291")
		if got := a.kinds(); got != "Call_Release Customer_Release AgentOther_PhoneRelease Ready "+busy {
			t.Errorf("%s", got)
		}
		a.want(a.force(), "0")
		if now := s.Agent("291"); now.State != StateBusy || now.Reason != 5 || now.By != ByPlatform {
			t.Errorf("after a sign-in: %d %+v", now.State, now.Working)
		}
	})
}

func TestPreRest(t *testing.T) {
	with(t, Switches{WaitFlagOff: true, Work: Work{PreRest: true}, Types: Types{StringReason: true}}, func(t *testing.T, s *Sim, a *caller) {
		a.manual()
		a.want(a.do("rest/60/3"), "0")
		if got := s.Agent("291").State; got != StatePreRest {
			t.Errorf("state %d", got)
		}
		a.want(a.do("cancelrest"), "0")
		time.Sleep(time.Second)
		if got := a.kinds(); got != "" || s.Agent("291").State != StateIdle {
			t.Errorf("taken back: %s", got)
		}
		a.want(a.do("rest/60/3"), "0")
		_ = s.Call("291") // in between
		time.Sleep(time.Second)
		_ = s.Hangup("291")
		if got := a.kinds(); got != `Ringing No_Answer AgentOther_PhoneRelease SetRest_Success{"reason":"3"}` {
			t.Errorf("after a call: %s", got)
		}
	})
}

// TestPeopleOverHTTP does to an agent what the methods do.
func TestPeopleOverHTTP(t *testing.T) {
	with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		a.manual()
		ask := func(method, path, body string, status int) string {
			t.Helper()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(method, "/_sim/agents/"+path, strings.NewReader(body)))
			if w.Code != status {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			return w.Body.String()
		}
		post := func(path, body string, status int) string { t.Helper(); return ask("POST", "291/"+path, body, status) }
		post("ring", "", 200)
		post("ring", "", 409)
		time.Sleep(time.Second)
		post("answer", "", 200)
		post("direct", "", 200)
		post("hangup", "", 200)
		post("phone_away", "", 200)
		post("phone_back", "", 200)
		post("force", `{"state":"idle"}`, 200)
		post("force", `{"state":"away"}`, 400)
		post("rotate", "", 200)
		post("asked", `{"count":1}`, 200)
		post("spoil", `{"how":"denied","count":1}`, 200)
		a.want(a.do("saybusy"), "100-009")
		post("ring", "", 200)
		time.Sleep(time.Second)
		if got := post("give_up", "", 200); !strings.Contains(got, `"reason":2`) || !strings.Contains(got, `"by":"platform"`) {
			t.Errorf("%s", got)
		}
		if got := ask("GET", "291/commands", "", 200); !strings.Contains(got, `saybusy","code":"100-009"`) {
			t.Errorf("%s", got)
		}
		ask("GET", "9/commands", "", 404)
	})
}

// TestCallersWhomNobodyAnswers ring at one agent after the other, and again at
// each that becomes idle.
func TestCallersWhomNobodyAnswers(t *testing.T) {
	with(t, Switches{Work: Work{RingTime: sim.Duration(5 * time.Second)}}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		a.want(a.do("autoanswer/false"), "0")
		s.Callers(2)
		if now := s.Agent("291"); s.Waiting() != 1 || now.Rings != 1 {
			t.Errorf("%d wait, %+v", s.Waiting(), now.Working)
		}
		a.keep(10 * time.Second) // it is busy for the first, who waits again
		if now := s.Agent("291"); s.Waiting() != 2 || now.State != StateBusy {
			t.Errorf("%d wait, state %d", s.Waiting(), now.State)
		}
		for i := range 3 {
			a.want(a.do("cancelbusy"), "0")
			a.keep(10 * time.Second)
			if now := s.Agent("291"); now.Rings != i+2 || now.Unanswered != i+2 || now.State != StateBusy {
				t.Errorf("%d: %+v", i, now.Working)
			}
		}
		b := a.as("292") // answers by itself
		b.want(b.signIn(), "0")
		b.keep(5 * time.Second)
		if now := s.Agent("292"); s.Waiting() != 1 || now.Answered != 1 || now.State != StateTalking {
			t.Errorf("%d wait, %+v", s.Waiting(), now.Working)
		}
		_ = s.Hangup("292")
		b.keep(5 * time.Second)
		s.Callers(-9)
		if now := s.Agent("292"); s.Waiting() != 0 || now.Answered != 2 {
			t.Errorf("%d wait, %+v", s.Waiting(), now.Working)
		}
	})
}
