package command_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

func TestBoundsOfARequest(t *testing.T) {
	run(t, switches{}, func(s *site) {
		fits := []byte(`{"x":"` + strings.Repeat("a", command.BodyLimit-8) + `"}`)
		r := command.Request{Method: "PUT", Path: "voicecall/1001/callout", Body: fits, Timeout: command.MaxTimeout}
		if got := s.do(hq, r); got.Outcome == command.Refused {
			t.Errorf("%d bytes: %+v", len(fits), got)
		}
		r.Body = append([]byte{' '}, fits...)
		s.is(s.do(hq, r), command.Refused, http.StatusRequestEntityTooLarge)
		r.Body, r.Timeout = nil, command.MaxTimeout+1
		s.is(s.do(hq, r), command.Refused, http.StatusBadRequest)
	})
}

// answers replaces what the platform says to every command.
func (s *site) answers(mode string, f sim.Fault) {
	f.Op, f.Mode = sim.OpCommand, mode
	s.huawei.Faults.Add(f)
	s.Cleanup(func() { s.huawei.Faults.Clear() })
}

func TestALongAnswer(t *testing.T) {
	run(t, switches{}, func(s *site) {
		s.answers(sim.ModeBig, sim.Fault{Count: 1})
		s.is(s.do(hq, numbered(s, 1, 0)), command.Doubt, http.StatusGatewayTimeout)
		s.answers(sim.ModeCode, sim.Fault{Count: 1, Code: "100-007", Text: strings.Repeat("long ", 2000)})
		long := s.do(hq, withID(s, 2, "a"))
		if s.is(long, command.Rejected, 200); len(long.Answer) < 10_000 {
			t.Errorf("%d bytes of the answer are left", len(long.Answer))
		}
		again := s.do(hq, withID(s, 2, "a"))
		if s.is(again, command.Rejected, 200); !again.Repeated || again.Answer != nil || !strings.Contains(again.Error, "not kept") {
			t.Errorf("got %+v", again)
		}
	})
}

func TestKeptConnections(t *testing.T) {
	w := slow()
	w.agents = 20
	run(t, w, func(s *site) {
		open := func() int { return s.lines["huawei.test"].Open() }
		idle := open()
		var all []<-chan command.Result
		for n := range 20 {
			id := hq
			id.Login = []string{"1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012", "1013", "1014", "1015", "1016", "1017", "1018", "1019", "1020"}[n]
			all = append(all, s.begin(id, command.Request{Do: "busy"}))
		}
		for _, one := range all {
			s.is(<-one, command.Done, 200)
		}
		synctest.Wait()
		if n := open() - idle; n != 16 {
			t.Errorf("%d connections are kept", n)
		}
		time.Sleep(20 * time.Second)
		if n := open() - idle; n > 0 {
			t.Errorf("%d connections are still kept", n)
		}
	})
}

// Whatever goes wrong, the outcome says what is known, and nothing is sent twice.
func TestTruthOverHTTP(t *testing.T) {
	for mode, want := range map[string]struct {
		outcome command.Outcome
		status  int
		effect  bool
	}{
		sim.ModeHang:     {command.Doubt, 504, false},
		sim.ModeReset:    {command.Doubt, 504, false},
		sim.ModeLost:     {command.Doubt, 504, true},
		sim.ModeSilent:   {command.Doubt, 504, true},
		sim.ModeGateway:  {command.Doubt, 504, true},
		sim.ModeTruncate: {command.Doubt, 504, true},
		sim.ModeStatus:   {command.Doubt, 504, false},
		sim.ModeGarbage:  {command.Doubt, 504, false},
		sim.ModeEmpty:    {command.Doubt, 504, false},
		sim.ModeRedirect: {command.Doubt, 504, false},
		sim.ModeSlow:     {command.Done, 200, true},
	} {
		t.Run(mode, func(t *testing.T) {
			run(t, switches{}, func(s *site) {
				s.answers(mode, sim.Fault{Count: 1})
				s.is(s.do(hq, command.Request{Method: "POST", Path: "onlineagent/1001/saybusy?reason=200", ID: "a"}), want.outcome, want.status)
				s.is(s.do(hq, command.Request{Method: "POST", Path: "onlineagent/1001/saybusy?reason=200", ID: "a"}), want.outcome, want.status)
				if s.count(hq, "POST", 1); (s.huawei.Agent("1001").Reason == 200) != want.effect {
					t.Errorf("the agent is %+v", s.huawei.Agent("1001"))
				}
				time.Sleep(time.Minute)
				s.count(hq, "POST", 1)
				s.online(2)
			})
		})
	}
}

func TestNothingListens(t *testing.T) {
	run(t, switches{}, func(s *site) {
		if err := s.huawei.Outage("refuse", 20*time.Second); err != nil {
			t.Fatal(err)
		}
		r := s.do(hq, numbered(s, 1, 0))
		if s.is(r, command.NotSent, 503); r.SentAt != nil || r.Retry <= 0 {
			t.Errorf("got %+v", r)
		}
		s.count(hq, "POST", 0)
	})
}

func TestARefusalIsAnAnswer(t *testing.T) {
	run(t, switches{}, func(s *site) {
		if err := s.huawei.Spoil("1001", huawei.SpoilDenied, 1); err != nil {
			t.Fatal(err)
		}
		r := s.do(hq, command.Request{Do: "busy"})
		if s.is(r, command.Rejected, 200); r.Code != "100-009" || r.Effect != "" {
			t.Errorf("got %+v", r)
		}
		if r = s.do(hq, command.Request{Do: "answer"}); r.Outcome != command.Rejected || r.Code != "200-002" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestAGuidThatChangesUnderACommand(t *testing.T) {
	run(t, switches{huawei: huawei.Switches{OldGuid: huawei.OldGuidDead}}, func(s *site) {
		if err := s.huawei.Spoil("1001", huawei.SpoilRenewed, 1); err != nil {
			t.Fatal(err)
		}
		r := s.do(hq, command.Request{Do: "busy", Code: "200"})
		if s.is(r, command.Done, 200); s.huawei.Agent("1001").Reason != 200 {
			t.Errorf("the agent is %+v", s.huawei.Agent("1001"))
		}
		if commands := s.huawei.Commands("1001"); len(commands) != 2 || commands[0].Code != "100-006" || commands[1].Code != "0" {
			t.Errorf("the platform was sent %+v", commands)
		}
		s.online(2)
	})
}

func TestNotSignedInSaysNothingOfTheSession(t *testing.T) {
	run(t, switches{}, func(s *site) {
		s.answers(sim.ModeCode, sim.Fault{Count: 1, Code: "100-006"})
		r := s.do(hq, command.Request{Do: "busy"})
		if s.is(r, command.Rejected, 200); r.Code != "100-006" {
			t.Errorf("got %+v", r)
		}
		time.Sleep(time.Minute)
		s.online(2)
		if n := s.huawei.Ops.Count("1001").SignIns; n != 1 {
			t.Errorf("%d sign-ins", n)
		}
	})
}

func TestEffects(t *testing.T) {
	w := switches{}
	w.huawei.Work.RestDelay = sim.Duration(2 * time.Second)
	run(t, w, func(s *site) {
		begin := time.Now()
		if r := s.do(hq, command.Request{Do: "rest", For: time.Minute}); r.Effect != command.Confirmed || time.Since(begin) < 2*time.Second || time.Since(begin) > 3*time.Second {
			t.Errorf("got %+v after %s", r, time.Since(begin))
		}
		s.count(hq, "POST onlineagent/1001/rest/60/0", 1)
		if err := s.huawei.Spoil("1001", huawei.SpoilIgnored, 1); err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		if r := s.do(hq, command.Request{Do: "ready"}); r.Effect != command.Unconfirmed || time.Since(begin).Round(time.Second) != 5*time.Second {
			t.Errorf("got %+v after %s", r, time.Since(begin))
		}
	})
}

func TestInACallTheEffectComesAfterIt(t *testing.T) {
	run(t, switches{}, func(s *site) {
		if _, err := s.huawei.Ring("1001"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if r := s.do(hq, command.Request{Do: "answer"}); r.Effect != command.Confirmed {
			t.Errorf("got %+v", r)
		}
		s.mu.Lock()
		s.standing.State = "talking"
		s.mu.Unlock()
		_ = s.huawei.Asked("1001", 1)
		begin := time.Now()
		if r := s.do(hq, command.Request{Do: "busy", Code: "200"}); r.Effect != command.Pending || time.Since(begin) > time.Second {
			t.Errorf("got %+v after %s", r, time.Since(begin))
		}
		if r := s.do(hq, command.Request{Do: "release"}); r.Effect != command.Confirmed {
			t.Errorf("got %+v", r)
		}
	})
}

func TestAnswersHoldNoSecrets(t *testing.T) {
	run(t, switches{}, func(s *site) {
		handed, err := s.fleet.Credential(hq)
		if err != nil {
			t.Fatal(err)
		}
		guid := handed.Credential.Header.Get("Guid")
		s.answers(sim.ModeCode, sim.Fault{Count: 1, Code: "100-007", Text: "no session " + guid + " with " + password})
		r := s.do(hq, withID(s, 1, "a"))
		if guid == "" || bytes.Contains(r.Answer, []byte(guid)) || bytes.Contains(r.Answer, []byte(password)) || !json.Valid(r.Answer) {
			t.Errorf("got %s", r.Answer)
		}
	})
}
