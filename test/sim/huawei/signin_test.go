package huawei

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
)

func TestSignInAnswersAsThePageSays(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		got := a.signIn()
		want := map[string]any{
			"vdnid": "1", "workno": "291", "mediatype": "TTF", "isForceChange": "false", "serverName": "AgentGateway",
			"timeRemaining": "", "loginTime": strconv.FormatInt(time.Now().UnixMilli(), 10),
		}
		if d := cmp.Diff(want, got.Result); d != "" || got.Code != "0" {
			t.Errorf("%s\n%s", got.raw, d)
		}
		if !regexp.MustCompile(`^[0-9a-f-]{36}\.AgentGateway0$`).MatchString(a.guid) {
			t.Errorf("Guid %q", a.guid)
		}
		if d := cmp.Diff([]string{"291"}, s.SignedIn()); d != "" {
			t.Error(d)
		}
	})
}

func TestFirstEvents(t *testing.T) {
	for extra, want := range map[string][]string{
		``:                                    {"AgentOther_InService", "AgentState_Ready"},
		`,"status":"3"`:                       {"AgentOther_InService", "AgentState_Ready", "AgentState_SetNotReady_Success"},
		`,"status":5,"phonelinkage":"true"`:   {"AgentOther_InService", "AgentState_Ready", "AgentState_Work", "AgentEvent_linkageCapability"},
		`,"status":4,"agenttype":"11"`:        {"AgentOther_InService", "AgentState_Ready"},
		`,"releasephone":"true","unknown":[]`: {"AgentOther_InService", "AgentState_Ready"},
	} {
		with(t, Switches{}, func(t *testing.T, _ *Sim, a *caller) {
			a.want(a.call("PUT", "/onlineagent/{id}", a.body(extra)), "0")
			var got []string
			start := time.Now()
			for ev := a.poll(); ev.Event != ""; ev = a.poll() {
				got = append(got, ev.Event)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", extra, d)
			}
			if d := time.Since(start); d != 10*time.Second {
				t.Errorf("%s: took %s, want events at once and one hold", extra, d)
			}
		})
	}
}

func TestSignInRefusesBadFields(t *testing.T) {
	long := strings.Repeat("4", 25)
	with(t, Switches{LockAfter: 100}, func(t *testing.T, s *Sim, a *caller) {
		for body, code := range map[string]string{
			``:                              "000-002",
			`[]`:                            "000-002",
			`null`:                          "000-002",
			`{"phonenum":"40038"}`:          "100-001",
			`{"password":"secret"}`:         "100-001",
			`{"password":5,"phonenum":"1"}`: "100-001",
			`{"password":"` + strings.Repeat("x", 33) + `","phonenum":"40038"}`: "100-001",
			`{"password":"secret","phonenum":"` + long + `"}`:                   "100-001",
			`{"password":"secret","phonenum":"4003x"}`:                          "100-013",
			`{"password":"secret","phonenum":"99999"}`:                          "100-014",
			`{"password":"wrong","phonenum":"40038"}`:                           "100-004",
			a.body(`,"status":9`):                                               "100-001",
			a.body(`,"status":"idle"`):                                          "100-001",
			a.body(`,"agenttype":7`):                                            "100-012",
			a.body(`,"ip":"fe80::1"`):                                           "100-016",
			a.body(`,"ip":"10.0.0"`):                                            "100-016",
			a.body(`,"autoanswer":"maybe"`):                                     "100-001",
			a.body(`,"serviceToken":"a b!"`):                                    "100-001",
			a.body(`,"serviceworkid":"` + long + long + `"`):                    "100-001",
		} {
			if got := a.call("PUT", "/onlineagent/{id}", body); got.Code != code || got.NewGuid {
				t.Errorf("%s: %s, want %s", body, got.raw, code)
			}
		}
		if in := s.SignedIn(); len(in) != 0 {
			t.Errorf("signed in: %v", in)
		}
	})
}

func TestWrongPathsAndMethods(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, _ *Sim, a *caller) {
		for call, want := range map[string]string{
			"POST /onlineagent/291":              "200 000-002",
			"PUT /onlineagent/291/handshake":     "200 000-002",
			"PUT /agentevent/291":                "200 000-002",
			"PUT /onlineagent/291/heartbeat":     "200 000-002",
			"PUT /onlineagentforcelogin":         "200 000-002",
			"POST /onlineagent/291/forcelogout/": "200 000-002",
			"GET /queuedevice/291/all":           "200 000-002",
			"GET /calldata/291/calldata":         "200 000-002",
			"PUT /onlineagent/0291":              "404 ",
			"PUT /onlineagent/1000000":           "404 ",
			"PUT /onlineagent/999999":            "200 100-004",
			"GET /agentevent/bob":                "404 ",
		} {
			method, path, _ := strings.Cut(call, " ")
			if got := a.call(method, path, signInBody); fmt.Sprint(got.Status, " ", got.Code) != want {
				t.Errorf("%s: HTTP %d, retcode %s, want %s", call, got.Status, got.Code, want)
			}
		}
		a.want(a.call("GET", "/agentevent/allagentevent", ""), "000-001")
	})
}

func TestLockOut(t *testing.T) {
	with(t, Switches{LockAfter: 3}, func(t *testing.T, s *Sim, a *caller) {
		wrong := func() answer {
			return a.call("PUT", "/onlineagent/{id}", `{"password":"no","phonenum":"40038"}`)
		}
		a.want(wrong(), "100-004")
		a.want(wrong(), "100-004")
		a.want(a.signIn(), "0") // a good one starts the count anew
		a.want(a.signOut(), "0")
		for _, code := range []string{"100-004", "100-004", "110-021", "110-016"} {
			a.want(wrong(), code)
		}
		a.want(a.signIn(), "110-016")
		a.want(a.as("292").signIn(), "0")
		time.Sleep(5 * time.Minute)
		a.want(wrong(), "100-004")
		a.want(a.signIn(), "0")
		if err := s.Lock("291", 0); err != nil {
			t.Fatal(err)
		}
		a.want(a.force(), "110-016")
		a.want(a.poll(), "0") // the session lives on
		if err := s.Unlock("291"); err != nil {
			t.Fatal(err)
		}
		a.want(a.force(), "0")
	})
}

func TestUnknownAgentsLookLikeWrongPasswords(t *testing.T) {
	with(t, Switches{}, func(_ *testing.T, _ *Sim, a *caller) {
		b := a.as("500")
		b.want(b.call("PUT", "/onlineagent/{id}", `{"password":"secret","phonenum":"40038"}`), "100-004")
		b.want(b.poll(), "100-006")
	})
}

func TestSecondSignIn(t *testing.T) {
	for want, noForce := range map[string]bool{"100-002": false, "100-015": true} {
		with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
			if err := s.SetAnswers("291", Answers{NoForce: &noForce}); err != nil {
				t.Fatal(err)
			}
			a.in()
			guid := a.guid
			a.want(a.signIn(), want)
			if want == "100-015" {
				a.want(a.force(), want)
				return
			}
			a.want(a.force(), "0")
			if a.guid == guid {
				t.Error("the forced sign-in brought no new Guid")
			}
			if n := s.Ops.Count("291").Needless; n != 2 {
				t.Errorf("%d sign-ins found the session alive, want the two behind the first", n)
			}
			if err := s.Displace("291", time.Hour); err != nil {
				t.Fatal(err)
			}
			a.want(a.signIn(), want)
			if n := s.Ops.Count("291").Needless; n != 2 {
				t.Errorf("%d sign-ins, another client's session counted in", n)
			}
		})
	}
}

func TestPhonesAndLicences(t *testing.T) {
	with(t, Switches{Capacity: 2}, func(_ *testing.T, _ *Sim, a *caller) {
		a.in()
		b, c := a.as("292"), a.as("293")
		taken := `{"password":"secret","phonenum":"40038"}`
		b.want(b.call("PUT", "/onlineagent/{id}", taken), "100-011")
		b.want(b.signIn(), "0")
		c.want(c.signIn(), "100-003")
		a.want(a.signOut(), "0")
		c.want(c.signIn(), "0")
		b.want(b.signOut(), "0")
		b.want(b.call("PUT", "/onlineagent/{id}", taken), "0")
	})
}

func TestSilentAgentsFreeTheirPhoneAndLicence(t *testing.T) {
	with(t, Switches{Capacity: 1}, func(_ *testing.T, _ *Sim, a *caller) {
		a.want(a.signIn(), "0")
		time.Sleep(2 * time.Minute)
		b := a.as("292")
		b.want(b.call("PUT", "/onlineagent/{id}", `{"password":"secret","phonenum":"40038"}`), "0")
	})
}

func TestOverlappingOperationsAreRefusedAndReported(t *testing.T) {
	with(t, Switches{OperationTime: sim.Duration(time.Second)}, func(t *testing.T, s *Sim, a *caller) {
		first := make(chan answer, 1)
		go func() { first <- a.as("291").signIn() }()
		time.Sleep(500 * time.Millisecond)
		a.want(a.as("292").signIn(), "0") // takes a second; the first is over
		if v := s.Ops.Violations(); len(v) != 0 {
			t.Fatalf("another agent's sign-in: %q", v)
		}
		<-first
		go func() { first <- a.as("293").signIn() }()
		time.Sleep(500 * time.Millisecond)
		b := a.as("293")
		b.want(b.force(), "000-007")
		b.want(<-first, "0")
		if v := s.Ops.Violations(); len(v) != 1 || !strings.Contains(v[0], "agent 293") {
			t.Errorf("violations %q, want one of agent 293", v)
		}
	})
}

func TestAnswersCanBeChanged(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		yes := true
		media := "FTF"
		days := "3"
		if err := s.SetAnswers("291", Answers{ForceChange: &yes, MediaType: &media, TimeRemaining: &days}); err != nil {
			t.Fatal(err)
		}
		got := a.signIn().Result
		for field, want := range map[string]string{"isForceChange": "true", "mediatype": "FTF", "timeRemaining": "3"} {
			if got[field] != want {
				t.Errorf("%s is %v, want %q", field, got[field], want)
			}
		}
		if err := s.SetPassword("291", "new"); err != nil {
			t.Fatal(err)
		}
		a.want(a.force(), "100-004")
	})
}

func TestTypesWander(t *testing.T) {
	all := Types{NumericWorkNo: true, NumericRetcode: true, NumericVDN: true, Booleans: true, EventNull: true, Msg: true, ExtraFields: true, NoGenTime: true}
	array := all
	array.EventNull, array.EventArray = false, true
	for _, types := range []Types{all, array} {
		with(t, Switches{Types: types, WaitFlagOff: true}, func(t *testing.T, _ *Sim, a *caller) {
			in := a.signIn()
			for _, part := range []string{`"workno":291`, `"retcode":0`, `"vdnid":1`, `"isForceChange":false`, `"msg":"success"`, `"traceId"`} {
				if !strings.Contains(in.raw, part) {
					t.Errorf("sign-in lacks %s: %s", part, in.raw)
				}
			}
			ev := a.poll()
			if strings.Contains(ev.raw, "eventGenTime") || strings.Contains(ev.raw, `"event":[`) != types.EventArray || !strings.Contains(ev.raw, `"workNo":291`) {
				t.Errorf("event: %s", ev.raw)
			}
			a.poll()
			if empty := a.poll(); strings.Contains(empty.raw, `"event":null`) != types.EventNull {
				t.Errorf("empty poll: %s", empty.raw)
			}
		})
	}
}

func TestConfigCheck(t *testing.T) {
	agents := func(a ...Agent) Config { return Config{Agents: a} }
	switches := func(w Switches) Config { return Config{Switches: w} }
	for want, c := range map[string]Config{
		"switch reap_from":  switches(Switches{ReapFrom: "middle"}),
		"switch old_guid":   switches(Switches{OldGuid: "alive"}),
		"switch wrong_guid": switches(Switches{WrongGuid: "100-004"}),
		"switch displaced":  switches(Switches{Displaced: "x"}),
		"switch kicked":     switches(Switches{Kicked: NoPermission}),
		"switch in_call":    switches(Switches{InCall: "cut"}),
		"switch auth_mode":  switches(Switches{AuthMode: 3}),
		"switch hold":       switches(Switches{Hold: -1}),
		"below guid_timeout": switches(Switches{
			GuidInterval: sim.Duration(time.Minute), GuidTimeout: sim.Duration(time.Minute),
		}),
		"1 to 999999":       agents(Agent{Login: "bob"}),
		"twice":             agents(Agent{Login: "291"}, Agent{Login: "291"}),
		"at most 24 digits": agents(Agent{Login: "291", Phone: "x"}),
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want %q", err, want)
		}
	}
	slow := Switches{GuidInterval: sim.Duration(time.Hour)}
	if err := (Config{Agents: Range(291, 20, "x", 40038), Switches: slow}).Check(); err != nil {
		t.Error(err)
	}
}

func TestSwitchesChangeWhileItRuns(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		r, err := http.NewRequest("PATCH", "/_sim/switches", strings.NewReader(`{"hold":"1s","types":{"msg":true}}`))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		start := time.Now()
		if got := a.poll(); time.Since(start) != time.Second || !strings.Contains(got.raw, `"msg"`) {
			t.Errorf("%s: a poll took %s: %s", w.Body, time.Since(start), got.raw)
		}
		r, _ = http.NewRequest("PATCH", "/_sim/switches", strings.NewReader(`{"old_guid":"x"}`))
		w = httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != 400 || s.Switches().OldGuid != OldGuidTimeout {
			t.Errorf("a wrong switch: %d %s", w.Code, w.Body)
		}
	})
}

// FuzzSignIn checks that no body gets in without the right password and phone.
func FuzzSignIn(f *testing.F) {
	f.Add([]byte(`{"password":"secret","phonenum":"40038","status":"4","agenttype":"4","releasephone":"true"}`))
	f.Add([]byte(`{"password":"secret","phonenum":40038}`))
	f.Add([]byte(`{"password":null,"phonenum":null,"ip":1}`))
	s := New(Config{Agents: Range(291, 1, "secret", 40038)})
	f.Fuzz(func(t *testing.T, body []byte) {
		set, code := s.parse("291", body, true)
		if code != "" {
			return
		}
		if set.phone == "" || len(set.phone) > 24 || set.password == "" || set.status < 3 || set.status > 5 {
			t.Errorf("%q was taken in as %s", body, fmt.Sprintf("%+v", set))
		}
	})
}
