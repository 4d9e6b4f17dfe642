package command_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/test/sim/ecss"
)

func TestACallIsTakenOverTheSession(t *testing.T) {
	run(t, switches{}, func(s *site) {
		call, err := s.ecss.Call("101", ecss.CallSpec{Ring: 0})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		payload, _ := json.Marshal(map[string]string{"callId": call})
		r := s.do(pbx, command.Request{Action: "call/accept", Payload: payload, ID: "b7-1"})
		s.is(r, command.Done, 200)
		if r.Status != 200 || r.ID != "b7-1" || r.SentAt == nil || r.AnsweredAt == nil || !strings.Contains(string(r.Answer), "ok") {
			t.Errorf("got %+v %s", r, r.Answer)
		}
		s.count(pbx, "call/accept", 1)
		if lines := s.log.grep("operation=command", "command=call/accept", "outcome=done", `by="person uid 0"`, "id=b7-1"); len(lines) != 1 || strings.Contains(lines[0], call) {
			t.Errorf("audited %q", lines)
		}
	})
}

func TestAStateIsSetOverHTTP(t *testing.T) {
	run(t, switches{}, func(s *site) {
		r := s.do(hq, command.Request{Method: "POST", Path: "onlineagent/1001/saybusy?reason=200&prolong=false"})
		s.is(r, command.Done, 200)
		if r.Code != "0" || r.Status != 200 || s.huawei.Agent("1001").Reason != 200 {
			t.Errorf("got %+v, the agent is %+v", r, s.huawei.Agent("1001"))
		}
		begin := time.Now()
		r = s.do(hq, command.Request{Do: "ready"})
		s.is(r, command.Done, 200)
		if r.Effect != command.Confirmed || time.Since(begin) > time.Second {
			t.Errorf("effect %q after %s", r.Effect, time.Since(begin))
		}
		r = s.do(hq, command.Request{Do: "busy", Code: "204"})
		if s.is(r, command.Done, 200); r.Effect != command.Confirmed {
			t.Errorf("effect %q", r.Effect)
		}
	})
}
