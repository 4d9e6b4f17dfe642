package huawei

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
)

// seen polls until the session is over and returns what the polls saw last.
func seen(a *caller) []string {
	var got []string
	for range 5 {
		p := a.poll()
		if p.Event != "" {
			got = append(got, p.Event)
		}
		if p.Code != "0" {
			return append(got, p.Code)
		}
	}
	return got
}

func TestWhatADisplacedClientSees(t *testing.T) {
	for _, c := range []struct {
		displaced string
		open      bool // a poll is open at that moment
		want      []string
	}{
		{NotSignedIn, false, []string{"100-006"}},
		{NoPermission, false, []string{"000-003"}},
		{Shutdown, false, []string{"AgentOther_ShutdownService", "100-006"}},
		{NotSignedIn, true, []string{"100-006"}},
		{NoPermission, true, []string{"000-003"}},
		{Shutdown, true, []string{"AgentOther_ShutdownService", "100-006"}},
	} {
		with(t, Switches{Displaced: c.displaced}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			displace := func() {
				if err := s.Displace("291", time.Hour); err != nil {
					t.Error(err)
				}
			}
			if c.open {
				time.AfterFunc(4*time.Second, displace)
			} else {
				displace()
			}
			start := time.Now()
			if d := cmp.Diff(c.want, seen(a)); d != "" {
				t.Errorf("%+v: %s", c, d)
			}
			if d := time.Since(start); d > 4*time.Second {
				t.Errorf("%+v: seen after %s, want at once", c, d)
			}
			time.Sleep(59 * time.Minute)
			a.want(a.signIn(), "100-002")
			time.Sleep(2 * time.Minute) // the other client has stopped polling
			a.want(a.signIn(), "0")
		})
	}
}

func TestAStaleShutdownNamesTheOldSession(t *testing.T) {
	for _, c := range []Switches{{Displaced: Shutdown}, {StaleShutdown: true}} {
		with(t, c, func(t *testing.T, _ *Sim, a *caller) {
			old := a.signIn().Result["loginTime"].(string)
			time.Sleep(time.Second)
			a.want(a.force(), "0")
			got := a.poll()
			if got.Event != "AgentOther_ShutdownService" || got.Content != `{"loginTime":`+old+`}` {
				t.Errorf("first event: %s, want the ShutdownService of %s", got.raw, old)
			}
			if got := a.poll(); got.Event != "AgentOther_InService" {
				t.Errorf("second event: %s", got.raw)
			}
		})
	}
}

func TestKick(t *testing.T) {
	for kicked, want := range map[string][]string{
		Shutdown:    {"AgentOther_ShutdownService", "100-006"},
		NotSignedIn: {"100-006"},
	} {
		with(t, Switches{Kicked: kicked}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			if err := s.Kick("291"); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, seen(a)); d != "" {
				t.Errorf("%s: %s", kicked, d)
			}
			a.want(a.signIn(), "0")
		})
	}
}

func TestSignOut(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		open := make(chan answer, 1)
		go func() { b := *a; open <- b.poll() }()
		time.Sleep(time.Second)
		got := a.signOut()
		if got.raw != `{"message":"success","result":{},"retcode":"0"}` {
			t.Errorf("answer %s", got.raw)
		}
		a.want(<-open, "100-006")
		a.want(a.signOut(), "100-008")
		a.want(a.poll(), "100-006")
		if in := s.SignedIn(); len(in) != 0 {
			t.Errorf("still in: %v", in)
		}
	})
}

func TestSignOutInACall(t *testing.T) {
	for how, code := range map[string]string{InCallRefused: "100-010", InCallIgnored: "0"} {
		with(t, Switches{InCall: how, WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			if err := s.Call("291"); err != nil {
				t.Fatal(err)
			}
			a.want(a.signOut(), code)
			if st := s.Agent("291"); !st.SignedIn || !st.InCall || st.State != 7 {
				t.Errorf("%s: state %+v", how, st)
			}
			time.Sleep(time.Second)
			if err := s.Hangup("291"); err != nil {
				t.Fatal(err)
			}
			var events []string
			release := ""
			for p := a.poll(); p.Event != ""; p = a.poll() {
				events = append(events, p.Event)
				if p.Event == "AgentEvent_Call_Release" {
					release = p.Content
				}
			}
			want := []string{"AgentState_Busy", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook", "AgentEvent_Auto_Answer", "AgentEvent_Talking",
				"AgentEvent_Call_Release", "AgentEvent_Customer_Release", "AgentOther_PhoneRelease", "AgentState_Ready"}
			if d := cmp.Diff(want, events); d != "" || release != `"291-1"` {
				t.Errorf("%s, release %s", d, release)
			}
			a.want(a.signOut(), "0")
			a.in()
			_ = s.Call("291")
			a.want(a.call("DELETE", "/onlineagent/{id}/forcelogoutwithreason/256", ""), "100-005")
			a.want(a.call("DELETE", "/onlineagent/{id}/forcelogoutwithreason/255", ""), "0")
			a.in()
			_ = s.Call("291")
			a.want(a.call("DELETE", "/onlineagent/{id}/forcelogout", ""), "0")
		})
	}
}

func TestDisaster(t *testing.T) {
	for then, want := range map[string]string{"": "0", "105-005": "105-005", "105-006": "105-006", "105-007": "105-007"} {
		with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			time.Sleep(100 * time.Second)
			if err := s.Disaster(40*time.Second, then); err != nil {
				t.Fatal(err)
			}
			b := a.as("292")
			for range 4 {
				a.want(a.poll(), "000-004")
				b.want(b.signIn(), "000-004")
				time.Sleep(10 * time.Second)
			}
			a.want(a.poll(), want)
			b.want(b.signIn(), "0")
		})
	}
	with(t, Switches{}, func(t *testing.T, s *Sim, _ *caller) {
		if err := s.Disaster(time.Second, "100-006"); err == nil {
			t.Error("a code that follows no switch-over was accepted")
		}
	})
}

func TestOutages(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		if err := s.Outage(sim.ModeRefuse, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if _, err := a.try(t.Context(), "GET", "/agentevent/{id}", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("during the outage: %v", err)
		}
		time.Sleep(30 * time.Second)
		a.want(a.poll(), "0") // the session lived through it
		if err := s.Outage(sim.ModeStatus, 0); err != nil {
			t.Fatal(err)
		}
		if got := a.poll(); got.Status != 503 || !strings.HasPrefix(got.raw, "<html>") {
			t.Errorf("HTTP %d %s", got.Status, got.raw)
		}
		s.EndOutage()
		a.want(a.poll(), "0")
	})
}

func TestQueries(t *testing.T) {
	for code, want := range map[string]answer{"": {Status: 429}, "000-007": {Status: 200, Code: "000-007"}} {
		with(t, Switches{FlowControl: code}, func(t *testing.T, _ *Sim, a *caller) {
			a.in()
			status := func() answer { return a.call("GET", "/onlineagent/{id}/agentstatus", "") }
			if got := status().Result; got["agentState"] != 4.0 || got["isWorking"] != any(false) {
				t.Errorf("agentstatus %v", got)
			}
			for range 4 {
				a.want(status(), "0")
			}
			if got := status(); got.Status != want.Status || got.Code != want.Code {
				t.Errorf("the sixth in 2 s: HTTP %d %s", got.Status, got.raw)
			}
			time.Sleep(2 * time.Second)
			a.want(status(), "0")
		})
	}
}

func TestUpdateGuidAnswersInTheBody(t *testing.T) {
	for _, header := range []bool{false, true} {
		with(t, Switches{UpdateHeader: header, OldGuid: OldGuidDead}, func(t *testing.T, _ *Sim, a *caller) {
			a.in()
			a.plain = true
			got := a.call("PUT", "/onlineagent/{id}/updateGuid", "")
			if got.NewGuid != header {
				t.Errorf("Set-GUID sent: %v, want %v", got.NewGuid, header)
			}
			a.want(a.poll(), "100-006")
			a.guid, _ = got.Result["guid"].(string)
			a.want(a.poll(), "0")
		})
	}
}

func TestSyncAgentInfoEmptiesTheQueue(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, _ *Sim, a *caller) {
		a.want(a.signIn(), "0")
		a.want(a.call("POST", "/onlineagent/{id}/syncagentinfo", ""), "0")
		if got := a.poll(); got.Event != "" {
			t.Errorf("event %s survived", got.Event)
		}
	})
}

func TestResetSkillIsRecorded(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.want(a.call("POST", "/onlineagent/{id}/resetskill/true", ""), "100-006")
		a.in()
		a.want(a.call("POST", "/onlineagent/{id}/resetskill/true", ""), "0")
		a.want(a.call("POST", "/onlineagent/{id}/resetskill/false?skillid=1%3B2%3B3&phonelinkage=1", ""), "0")
		a.want(a.call("POST", "/onlineagent/{id}/resetskill/false?phonelinkage=7", ""), "000-002")
		want := []ResetSkill{{Auto: true, Skills: []string{}}, {Skills: []string{"1", "2", "3"}, PhoneLinkage: "1"}}
		if d := cmp.Diff(want, s.Agent("291").ResetSkills); d != "" {
			t.Error(d)
		}
	})
}

func TestControlOverHTTP(t *testing.T) {
	s := New(Config{Agents: Range(291, 2, "secret", 40038)})
	post := func(path, body string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/_sim/agents/291/kick", "", 409, "not signed in"},
		{"/_sim/agents/500/kick", "", 404, "no such agent"},
		{"/_sim/agents/291/dance", "", 404, "use one of [answer answers asked call"},
		{"/_sim/agents/291/displace", `{"for":"10m"}`, 200, `"signed_in":true`},
		{"/_sim/agents/291/event", `{"type":"X","content":{"a":1}}`, 200, `"queued_events":3`},
		{"/_sim/agents/291/event", `{}`, 400, "needs a type"},
		{"/_sim/agents/291/event", `{"typ":"X"}`, 400, `unknown field "typ"; known here: for, type, content`},
		{"/_sim/agents/291/generate", `{"rate":-1}`, 400, "cannot be negative"},
		{"/_sim/agents/291/generate", `{"rate":5,"count":10}`, 200, ""},
		{"/_sim/agents/291/call", "", 200, `"in_call":true`},
		{"/_sim/agents/291/hangup", "", 200, `"in_call":false`},
		{"/_sim/agents/291/lock", `{"for":"1h"}`, 200, `"locked_until"`},
		{"/_sim/agents/291/unlock", "", 200, ""},
		{"/_sim/agents/291/password", `{"password":"new"}`, 200, ""},
		{"/_sim/agents/291/answers", `{"noForce":true,"mediatype":"FTF"}`, 200, ""},
		{"/_sim/disaster", `{"for":"1s","then":"105-006"}`, 200, ""},
		{"/_sim/disaster", `{"for":"1s","then":"1"}`, 400, "does not follow"},
		{"/_sim/outage", `{"mode":"refuse"}`, 400, "does not own its listener"},
	} {
		if status, answer := post(c.path, c.body); status != c.status || !strings.Contains(strings.ReplaceAll(answer, `\"`, `"`), c.want) {
			t.Errorf("%s %s: %d %s; want %d %q", c.path, c.body, status, answer, c.status, c.want)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/_sim/state", nil))
	var state struct{ Agents map[string]AgentState }
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil || len(state.Agents) != 2 {
		t.Errorf("state: %v\n%s", err, w.Body)
	}
	if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "AgentGateway0") {
		t.Error("the state tells a password or a Guid")
	}
}

func TestADisplacementNeedsTheNumber(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		b := a.as("292")
		b.want(b.call("PUT", "/onlineagent/{id}", `{"password":"secret","phonenum":"40038"}`), "0")
		if err := s.Displace("291", time.Minute); !errors.Is(err, ErrSignedIn) {
			t.Errorf("Displace: %v, want ErrSignedIn", err)
		}
	})
}
