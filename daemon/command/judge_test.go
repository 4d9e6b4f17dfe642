package command_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
	"agentkeeper/test/sim"
)

func TestWhatIsNotAllowedIsNotSent(t *testing.T) {
	accept := json.RawMessage(`{"callId":"77"}`)
	for name, test := range map[string]struct {
		commands string
		id       session.ID
		request  command.Request
		caller   command.Caller
		status   int
		says     string
	}{
		"off":                    {"{enabled: false}", hq, command.Request{Do: "busy"}, command.Caller{}, 403, "commands.enabled"},
		"off, but it is us":      {"{enabled: false}", hq, command.Request{Do: "busy"}, command.Caller{Name: "keeper", Keeper: true}, 200, ""},
		"no such agent":          {"", session.ID{Platform: "hq", Login: "999"}, command.Request{Do: "busy"}, command.Caller{}, 404, "hq/999"},
		"no such platform":       {"", session.ID{Platform: "xx", Login: "999"}, command.Request{Do: "busy"}, command.Caller{}, 404, "xx/999"},
		"an action over HTTP":    {"", hq, command.Request{Action: "call/accept", Payload: accept}, command.Caller{}, 501, "method"},
		"a request in frames":    {"", pbx, command.Request{Method: "POST", Path: "x"}, command.Caller{}, 501, "action"},
		"a verb in frames":       {"", pbx, command.Request{Do: "busy"}, command.Caller{}, 501, "no documented way"},
		"a code there is not":    {"", hq, command.Request{Do: "busy", Code: "199"}, command.Caller{}, 400, "200 to 250"},
		"a cause there is not":   {"", hq, command.Request{Do: "rest", Code: "256"}, command.Caller{}, 400, "0 to 255"},
		"a rest without end":     {"", hq, command.Request{Do: "rest", For: 24 * time.Hour}, command.Caller{}, 400, "23h59m59s"},
		"a mode there is not":    {"", hq, command.Request{Do: "reject", Code: "3"}, command.Caller{}, 400, "mode"},
		"a log-out":              {"{enabled: true, allow: [\"POST onlineagent\"]}", hq, command.Request{Method: "DELETE", Path: "onlineagent/1001"}, command.Caller{}, 403, "log-outs"},
		"a poll":                 {"", hq, command.Request{Method: "GET", Path: "agentevent/1001"}, command.Caller{}, 403, "events"},
		"a log-out that is ours": {"", hq, command.Request{Method: "DELETE", Path: "onlineagent/1001"}, command.Caller{Keeper: true}, 403, "log-outs"},
		"an odd spelling":        {"", hq, command.Request{Method: "POST", Path: "onlineagent/1001/../1001/saybusy"}, command.Caller{}, 400, ".."},
		"another agent's":        {"", hq, command.Request{Method: "POST", Path: "onlineagent/1002/saybusy"}, command.Caller{}, 403, "commands.allow"},
		"not documented":         {"", hq, command.Request{Method: "POST", Path: "qualitycontrol/1001/forcebusy/1002"}, command.Caller{}, 403, "commands.allow"},
		"not in the list":        {"{enabled: true, allow: [\"do:ready\"]}", hq, command.Request{Do: "busy"}, command.Caller{}, 403, "do:busy"},
		"a verb in the list":     {"{enabled: true, allow: [\"do:busy\"]}", hq, command.Request{Do: "busy"}, command.Caller{}, 200, ""},
		"a verb by its path":     {"{enabled: true, allow: [\"POST onlineagent\"]}", hq, command.Request{Do: "busy"}, command.Caller{}, 200, ""},
		"a path by its verb":     {"{enabled: true, allow: [\"do:busy\"]}", hq, command.Request{Method: "POST", Path: "onlineagent/1001/saybusy"}, command.Caller{}, 403, "POST onlineagent/1001/saybusy"},
		"the caller's own list":  {"", hq, command.Request{Do: "busy"}, command.Caller{Allow: []string{"do:ready"}}, 403, "do:busy"},
		"both lists":             {"{enabled: true, allow: [\"do:ready\"]}", hq, command.Request{Do: "busy"}, command.Caller{Allow: []string{"do:busy"}}, 403, "do:busy"},
		"ECSS: documented":       {"", pbx, command.Request{Action: "call/get"}, command.Caller{}, 200, ""},
		"ECSS: not documented":   {"", pbx, command.Request{Action: "operator/break"}, command.Caller{}, 403, "operator/break"},
		"ECSS: allowed by name":  {"{enabled: true, allow: [operator/break]}", pbx, command.Request{Action: "operator/break"}, command.Caller{}, 200, ""},
		"ECSS: a log-out":        {"{enabled: true, allow: [operator/break]}", pbx, command.Request{Action: "operator/forceLogout"}, command.Caller{}, 403, "log-outs"},
		"ECSS: an odd name":      {"", pbx, command.Request{Action: "call//accept"}, command.Caller{}, 400, "ASCII"},
		"ECSS: an odd payload":   {"", pbx, command.Request{Action: "call/accept", Payload: json.RawMessage(`{"a":1,"A":2}`)}, command.Caller{}, 400, "twice"},
		"without a reason":       {"", hq, command.Request{Do: "busy", Reason: "  "}, command.Caller{}, 400, "reason"},
	} {
		t.Run(name, func(t *testing.T) {
			w := switches{commands: test.commands}
			if strings.Contains(test.commands, "operator/") {
				w.commandsECSS, w.commands = test.commands, ""
			}
			run(t, w, func(s *site) {
				if test.request.Reason == "" {
					test.request.Reason = "a test"
				}
				r := s.service.Do(s.Context(), test.id, test.request, test.caller)
				if r.HTTP != test.status || !strings.Contains(r.Error, test.says) {
					t.Errorf("got %+v", r)
				}
				if (test.status != 200) != (r.Outcome == command.Refused) {
					t.Errorf("outcome %s", r.Outcome)
				}
				if n := len(s.arrived(hq)) + len(s.arrived(pbx)); (n == 1) != (test.status == 200) {
					t.Errorf("%d commands were sent", n)
				}
			})
		})
	}
}

func TestWithoutASessionNothingIsSent(t *testing.T) {
	run(t, switches{}, func(s *site) {
		s.huawei.Faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeCode, Code: "100-003"})
		if err := s.huawei.Kick("1001"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		r := s.do(hq, command.Request{Do: "busy", ID: "a"})
		if s.is(r, command.NotSent, 503); r.Retry <= 0 || !strings.Contains(r.Error, "agentkeeper explain hq/1001") {
			t.Errorf("got %+v", r)
		}
		if n := s.recorded(); n != 0 {
			t.Errorf("%d intents are left", n)
		}
	})
}

func TestASignOutTakesNoMoreCommands(t *testing.T) {
	w := slow()
	w.huawei.Work.CommandTime = sim.Duration(15 * time.Second) // longer than a poll, which a sign-out waits for
	w.huawei.Rules.Keeper, w.ecss.Commands.KeeperRules = true, true
	run(t, w, func(s *site) {
		first := s.begin(hq, command.Request{Do: "busy", Timeout: time.Minute})
		second := s.begin(hq, command.Request{Do: "ready", Timeout: time.Minute})
		third := s.begin(pbx, command.Request{Action: "call/get"})
		time.Sleep(100 * time.Millisecond)
		left := s.fleet.Stop(s.Context(), "test")
		s.is(<-first, command.Done, 200)
		s.is(<-second, command.NotSent, 503)
		if r := <-third; r.Status == 0 {
			t.Errorf("got %+v", r)
		}
		if len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}

func TestOutcomesAreCountedAndAudited(t *testing.T) {
	run(t, switches{}, func(s *site) {
		s.do(hq, command.Request{Do: "busy", ID: "a", Reason: "a secret 4711"})
		s.do(hq, command.Request{Do: "busy", ID: "a"})
		s.do(hq, command.Request{Do: "busy", Code: "1"})
		s.service.Do(s.Context(), hq, command.Request{Method: "GET", Path: "onlineagent/1001/agentstatus", Reason: "a look"}, command.Caller{Name: "keeper", Keeper: true})
		if got := s.told.outcomes(); !slices.Equal(got, []command.Outcome{command.Done, command.Refused}) {
			t.Errorf("counted %v", got)
		}
		lines := s.log.grep("msg=audit", "operation=command")
		if len(lines) != 3 || !strings.Contains(lines[0], "command=do:busy outcome=done") || !strings.Contains(lines[0], `reason="a secret 4711"`) || !strings.Contains(lines[1], "repeated=true") {
			t.Errorf("audited %q", lines)
		}
		want := command.Sent{Verb: "busy", By: "person uid 0"}
		if len(s.sent) != 1 || s.sent[0] != want {
			t.Errorf("told %+v", s.sent)
		}
		s.do(hq, command.Request{Method: "POST", Path: "onlineagent/1001/rest/60/7"})
		if want = (command.Sent{Verb: "rest", Code: "7", By: "person uid 0"}); len(s.sent) != 2 || s.sent[1] != want {
			t.Errorf("told %+v", s.sent)
		}
	})
}
