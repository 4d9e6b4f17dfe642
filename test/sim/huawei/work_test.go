package huawei

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told drains the queue of events, each with its content.
func (c *caller) told() []string {
	c.t.Helper()
	var events []string
	for p := c.poll(); p.Event != ""; p = c.poll() {
		text := strings.TrimPrefix(strings.TrimPrefix(p.Event, "AgentState_"), "AgentEvent_")
		if p.Content != "null" {
			text += " " + p.Content
		}
		events = append(events, text)
	}
	return events
}

func (c *caller) do(path string) answer {
	c.t.Helper()
	return c.call("POST", "/onlineagent/{id}/"+path, "")
}

// TestStateCalls walks through dialogues: each line is a call, its retcode, the
// events that it brings and the platform's number of the state afterwards.
func TestStateCalls(t *testing.T) {
	for name, lines := range map[string][]string{
		"busy": {
			"saybusy | 0 | SetNotReady_Success {\"reason\":0} | 3",
			"saybusy | 000-002 | | 3",
			"saybusy?reason=200 | 000-002 | | 3",
			"saybusy?reason=201&prolong=true | 0 | SetNotReady_Success {\"reason\":201} | 3",
			"cancelrest | 100-009 | | 3",
			"cancelwork | 100-009 | | 3",
			"cancelbusy | 0 | CancelNotReady_Success | 4",
			"cancelbusy | 100-009 | | 4",
			"saybusy?reason=200 | 0 | SetNotReady_Success {\"reason\":200} | 3",
			"sayfree | 0 | CancelNotReady_Success | 4",
			"sayfree | 0 | Ready | 4",
			"saybusy?reason=7 | 000-002 | | 4",
			"saybusy?reason=251 | 000-002 | | 4",
			"saybusy?reason=200&prolong=perhaps | 000-002 | | 4",
		},
		"rest": {
			"rest/60/3 | 0 | SetRest_Success {\"reason\":3} | 8",
			"rest/60/3 | 000-002 | | 8",
			"rest/60/4?prolong=true | 0 | SetRest_Success {\"reason\":4} | 8",
			"sayfree | 100-009 | | 8",
			"saybusy | 100-009 | | 8",
			"work | 100-009 | | 8",
			"cancelrest | 0 | CancelRest_Success | 4",
			"rest/0/3 | 000-002 | | 4",
			"rest/86400/3 | 000-002 | | 4",
			"rest/60/256 | 000-002 | | 4",
			"rest/soon/1 | 000-002 | | 4",
		},
		"wrap-up": {
			"work | 0 | SetWork_Success | 5",
			"work | 100-009 | | 5",
			"cancelwork | 0 | CancelWork_Success | 4",
			"work | 0 | SetWork_Success | 5",
			"sayfree | 0 | CancelWork_Success | 4",
			"work | 0 | SetWork_Success | 5",
			"saybusy?reason=202 | 0 | | 5",
			"cancelwork | 0 | CancelWork_Success,SetNotReady_Success {\"reason\":202} | 3",
			"cancelbusy | 0 | CancelNotReady_Success | 4",
			"work | 0 | SetWork_Success | 5",
			"rest/60/1 | 0 | | 9",
			"cancelrest | 0 | | 5",
		},
		"the others": {
			"settalkright?flag=1 | 0 | | 4",
			"settalkright?flag=2 | 000-002 | | 4",
			"autoanswer/false | 0 | | 4",
			"autoenteridle/other | 0 | | 4",
			"autoenteridle/disabled | 000-002 | | 4",
			"setcustomstate?customstate=65534 | 0 | | 4",
			"setcustomstate?customstate=65535 | 000-002 | | 4",
			"setcustomstate | 000-002 | | 4",
			"cancelsetcustomstate | 0 | | 4",
			"dance | 000-002 | | 4",
		},
	} {
		with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			for _, line := range lines {
				p := strings.Split(line, " | ")
				got := a.do(p[0])
				time.Sleep(time.Second)
				events := strings.Join(a.told(), ",")
				if now := fmt.Sprintf("%s | %s | %s | %d", p[0], got.Code, events, s.Agent("291").State); strings.ReplaceAll(now, "|  |", "| |") != line {
					t.Errorf("%s: %s\nwant %s", name, now, line)
				}
			}
		})
	}
}

func TestRestTakesEffectLater(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		start := time.Now()
		a.want(a.do("rest/60/3"), "0")
		if s.Agent("291").State != StateIdle {
			t.Error("it rests before its event")
		}
		for _, want := range []struct {
			after time.Duration
			event string
		}{{100 * time.Millisecond, "AgentState_SetRest_Success"}, {60*time.Second + 100*time.Millisecond, "AgentState_Rest_Timeout"}} {
			var p answer
			for p.Event == "" {
				p = a.poll()
			}
			if p.Event != want.event || time.Since(start) != want.after || s.Agent("291").State != StateRest {
				t.Errorf("%s after %s, state %d", p.Event, time.Since(start), s.Agent("291").State)
			}
		}
	})
	with(t, Switches{Work: Work{RestLost: true}, WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		a.want(a.do("rest/60/3"), "0")
		time.Sleep(time.Minute)
		if got := a.told(); len(got) > 0 || s.Agent("291").State != StateIdle {
			t.Errorf("events %v", got)
		}
	})
}

// incoming are the events of an incoming call until it is talked in.
func incoming(kind string) []string {
	const call = ` {"callid":"291-1","caller":"40001","called":"40038","feature":0}`
	all := []string{"Busy", "AgentOther_PhoneAlerting" + call, "AgentOther_PhoneOffhook", kind + call}
	if kind == "Auto_Answer" {
		all = append(all, "Talking"+call)
	}
	return all
}

func TestCalls(t *testing.T) {
	const object, bare = ` {"callid":"291-1"}`, ` "291-1"`
	released := func(who string) []string {
		return []string{"Call_Release" + bare, "Customer_Release" + object, `AgentOther_PhoneRelease {"phoneState":` + who + `}`}
	}
	for name, c := range map[string]struct {
		signIn string
		calls  []string // in the call
		want   []string // after the events of the call's beginning
		state  int
	}{
		"the caller hangs up":   {"", []string{"hangup"}, append(released("3"), "Ready"), 4},
		"the agent releases":    {"", []string{"DELETE release"}, append(released("2"), "Ready"), 4},
		"wrap-up follows":       {`,"autoenteridle":false`, []string{"hangup"}, append(released("3"), "Work"), 5},
		"busy follows":          {"", []string{"saybusy?reason=203", "hangup"}, append(released("3"), `SetNotReady_Success {"reason":203}`), 3},
		"rest follows":          {"", []string{"rest/60/5", "hangup"}, append(released("3"), `SetRest_Success {"reason":5}`), 8},
		"wrap-up was asked for": {"", []string{"work", "hangup"}, append(released("3"), "Work"), 5},
		"busy is taken back":    {"", []string{"saybusy", "cancelbusy", "hangup"}, append(released("3"), "Ready"), 4},
		"by sayfree":            {"", []string{"saybusy", "sayfree", "hangup"}, append(released("3"), "Ready"), 4},
		"answered by the agent": {`,"autoanswer":false`, []string{"PUT answer", "hangup"}, append(incoming("Auto_Answer")[4:], append(released("3"), "Ready")...), 4},
		"not answered":          {`,"autoanswer":"false"`, []string{"hangup"}, []string{"No_Answer" + object, `AgentOther_PhoneRelease {"phoneState":3}`, "Ready"}, 4},
		"rejected to the queue": {`,"autoanswer":false`, []string{`POST reject {"mode":1}`}, []string{"No_Answer" + object, `SetNotReady_Success {"reason":7}`}, 3},
		"rejected and released": {`,"autoanswer":false`, []string{`POST reject {"mode":2,"callid":"291-1"}`}, []string{`AgentOther_PhoneRelease {"phoneState":3}`, "Ready"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
				a.want(a.call("PUT", "/onlineagent/{id}", a.body(c.signIn)), "0")
				a.told()
				_ = s.Call("291")
				time.Sleep(time.Second)
				kind := "Auto_Answer"
				if c.signIn != "" && strings.Contains(c.signIn, "autoanswer") {
					kind = "Ringing"
				}
				if d := cmp.Diff(incoming(kind), a.told()); d != "" {
					t.Error(d)
				}
				for _, call := range c.calls {
					a.inCall(s, call)
				}
				if d := cmp.Diff(c.want, a.told()); d != "" || s.Agent("291").State != c.state || s.Agent("291").InCall {
					t.Errorf("state %d, %s", s.Agent("291").State, d)
				}
			})
		})
	}
}

// inCall does one of a test's calls: hangup, a state call, or a voice call with
// its method and body.
func (c *caller) inCall(s *Sim, text string) {
	c.t.Helper()
	p := append(strings.SplitN(text, " ", 3), "")
	switch {
	case text == "hangup":
		_ = s.Hangup(c.login)
	case len(p) == 2:
		c.want(c.do(text), "0")
	default:
		c.want(c.call(p[0], "/voicecall/{id}/"+p[1], p[2]), "0")
	}
}

func TestStepsOfACallAreApart(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		_ = s.Call("291")
		start := time.Now()
		var at []time.Duration
		for range 5 {
			if p := a.poll(); p.Event == "" {
				t.Fatal("a poll without event")
			}
			at = append(at, time.Since(start)/time.Millisecond)
		}
		if want := []time.Duration{0, 50, 100, 150, 200}; !slices.Equal(at, want) {
			t.Errorf("events after %d ms, want %d", at, want)
		}
	})
}

func TestCallOut(t *testing.T) {
	with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		got := a.call("PUT", "/voicecall/{id}/callout", `{"called":89001234567}`)
		if !strings.Contains(got.raw, `"result":"291-1"`) {
			t.Errorf("%s", got.raw)
		}
		a.want(a.call("PUT", "/voicecall/{id}/callout", `{"called":"7"}`), "200-001")
		time.Sleep(time.Second)
		var kinds []string
		for _, e := range a.told() {
			kinds = append(kinds, strings.SplitN(e, " ", 2)[0])
		}
		want := []string{"AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook", "Busy", "Customer_Alerting", "Talking"}
		if d := cmp.Diff(want, kinds); d != "" {
			t.Error(d)
		}
		for call, code := range map[string]string{"PUT answer": "200-002", `POST reject {"mode":1}`: "200-002", `POST reject {"mode":3}`: "000-002", "POST transfer": "000-002"} {
			p := append(strings.SplitN(call, " ", 3), "")
			a.want(a.call(p[0], "/voicecall/{id}/"+p[1], p[2]), code)
		}
		_ = s.Hangup("291")
		a.want(a.call("DELETE", "/voicecall/{id}/release", ""), "200-017")
	})
}

func TestQueriesOfPublicClients(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, _ *Sim, a *caller) {
		a.in()
		for path, want := range map[string]string{
			"onlineagent/{id}/agentskills": `"name":"support"`, "onlineagent/{id}/querycustomstate": `"customState":0`,
			"agentgroup/{id}/allagentstatus": `"workno":"291"`, "agentgroup/{id}/idleagent": `"status":4`,
		} {
			if got := a.call("GET", "/"+path, ""); !strings.Contains(got.raw, want) {
				t.Errorf("%s: %s", path, got.raw)
			}
		}
		a.url += "/" // a client's slip: //agentgateway/resource//agentevent
		a.want(a.call("GET", "//agentevent/{id}", ""), "0")
	})
}

func TestLoginExNeedsNoPhone(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.want(a.call("PUT", "/onlineagent/{id}/loginex", `{}`), "0")
		a.want(a.poll(), "0")
		b := a.as("292")
		a.want(b.call("PUT", "/onlineagent/{id}/loginex", `{"password":"guess"}`), "100-004")
		a.want(b.call("PUT", "/onlineagent/{id}/loginex", `{"password":"secret"}`), "0")
		if !s.Agent("291").SignedIn || !s.Agent("292").SignedIn {
			t.Error("not both are in")
		}
		a.want(a.as("293").call("PUT", "/onlineagent/{id}", `{"password":"secret","phonenum":40040}`), "0")
	})
}

// TestOlderPush is the dialogue of the vendor's server demo in mode PUSH.
func TestOlderPush(t *testing.T) {
	for content, want := range map[bool]string{false: `{"event":{`, true: `{"eventContent":"{\"content\":null`} {
		with(t, Switches{Older: Older{PushContent: content}}, func(t *testing.T, s *Sim, a *caller) {
			a.want(a.call("PUT", "/onlineagent/{id}/forcelogin", a.body(`,"pushUrl":"http://there/AgentEventServlet"`)), "0")
			for range 4 {
				got := a.call("PUT", "/onlineagent/{id}/heartbeat", "")
				if got.Code != "0" || got.Result["loginTime"] == nil {
					t.Errorf("heartbeat: %s", got.raw)
				}
				time.Sleep(time.Minute)
			}
			got, _ := a.there.all()
			if len(got) != 2 || got[0].token != "" || !strings.HasPrefix(got[0].body, want) {
				t.Fatalf("callbacks %+v, want %s", got, want)
			}
			var v any
			if json.Unmarshal([]byte(got[0].body), &v) != nil {
				t.Errorf("no JSON: %s", got[0].body)
			}
			if s.Agent("291").Reaped > 0 {
				t.Error("reaped")
			}
		})
	}
}

func TestEventsOfAllAgents(t *testing.T) {
	for in, without := range map[string]string{GuidBoth: NotSignedIn, GuidNone: "0"} {
		with(t, Switches{GuidIn: in, Older: Older{EventMode: EventsOfAll}}, func(t *testing.T, s *Sim, a *caller) {
			a.want(a.signIn(), "0")
			b := a.as("292")
			a.want(b.signIn(), "0")
			a.want(a.poll(), "000-001")
			all := func(c *caller) string { return c.call("GET", "/agentevent/allagentevent?time=1", "").raw }
			if got := all(a); strings.Count(got, "AgentOther_InService") != 2 || strings.Count(got, "AgentState_Ready") != 2 {
				t.Errorf("%s", got)
			}
			if got := all(a.as("293")); !strings.Contains(got, `"retcode":"`+without) {
				t.Errorf("%s: without a Guid: %s", in, got)
			}
			time.AfterFunc(3*time.Second, func() { _ = s.Emit("292", "AgentOther_Note", 1) })
			start := time.Now()
			if got := all(a); !strings.Contains(got, `"workNo":"292"`) || time.Since(start) != 3*time.Second {
				t.Errorf("after %s: %s", time.Since(start), got)
			}
			for range 20 {
				a.guid, _ = a.call("PUT", "/onlineagent/{id}/updateGuid", "").Result["guid"].(string) // nothing else renews it here
				if got := all(a); !strings.Contains(got, `"retcode":"0"`) {
					t.Fatalf("%s: %s", in, got)
				}
			}
			if !s.Agent("291").SignedIn || !s.Agent("292").SignedIn {
				t.Error("reaped although all events were polled")
			}
		})
	}
	with(t, Switches{GuidIn: GuidNone, Older: Older{EventMode: EventsOfAll, AllReaps: true}}, func(t *testing.T, s *Sim, a *caller) {
		a.want(a.signIn(), "0")
		for range 13 {
			a.call("GET", "/agentevent/allagentevent", "")
		}
		if s.Agent("291").SignedIn {
			t.Error("still in")
		}
	})
}
