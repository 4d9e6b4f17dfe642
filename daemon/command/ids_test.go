package command_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/test/sim"
)

func withID(s *site, n int, id string) command.Request {
	r := numbered(s, n, 0)
	r.ID = id
	return r
}

func TestTheSameIDIsSentOnce(t *testing.T) {
	run(t, slow(), func(s *site) {
		first := s.begin(hq, withID(s, 1, "a"))
		s.is(s.do(hq, withID(s, 1, "a")), command.Refused, http.StatusConflict)
		s.is(s.do(hq, withID(s, 2, "a")), command.Refused, http.StatusUnprocessableEntity)
		one := <-first
		s.is(one, command.Done, 200)
		again := s.do(hq, withID(s, 1, "a"))
		if s.is(again, command.Done, 200); !again.Repeated || string(again.Answer) != string(one.Answer) || again.ID != "a" || !again.SentAt.Equal(*one.SentAt) {
			t.Errorf("got %+v", again)
		}
		s.is(s.do(hq, withID(s, 2, "a")), command.Refused, http.StatusUnprocessableEntity)
		time.Sleep(11 * time.Minute)
		if n := s.recorded(); n != 0 {
			t.Errorf("%d outcomes are kept after their time", n)
		}
		s.is(s.do(hq, withID(s, 2, "a")), command.Done, 200)
		s.count(hq, "POST", 2)
	})
}

func TestAgentsHaveIDsOfTheirOwn(t *testing.T) {
	w := slow()
	w.agents = 2
	run(t, w, func(s *site) {
		other := hq
		other.Login = "1002"
		r := command.Request{Do: "busy", ID: "a"}
		s.is(s.do(hq, r), command.Done, 200)
		if got := s.do(other, r); got.Outcome != command.Done || got.Repeated {
			t.Errorf("got %+v", got)
		}
	})
}

func TestARecordedDoubtStaysOneOverRestarts(t *testing.T) {
	run(t, slow(), func(s *site) {
		s.huawei.Faults.Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeLost, Count: 1})
		s.is(s.do(hq, withID(s, 1, "lost")), command.Doubt, http.StatusGatewayTimeout)
		done := s.do(hq, withID(s, 2, "done"))
		s.is(done, command.Done, 200)
		s.is(s.do(hq, withID(s, 1, "lost")), command.Doubt, http.StatusGatewayTimeout)
		s.crash()
		s.online(2)
		for range 2 {
			s.is(s.do(hq, withID(s, 1, "lost")), command.Doubt, http.StatusGatewayTimeout)
			again := s.do(hq, withID(s, 2, "done"))
			if s.is(again, command.Done, 200); !again.Repeated || string(again.Answer) != string(done.Answer) {
				t.Errorf("got %+v", again)
			}
		}
		s.count(hq, "POST", 2)
		time.Sleep(11 * time.Minute)
		if n := s.recorded(); n != 0 {
			t.Errorf("%d outcomes of the process before are kept after their time", n)
		}
	})
}

func TestACrashLeavesTheOneUnderWayInDoubt(t *testing.T) {
	run(t, slow(), func(s *site) {
		underWay, waits := s.begin(hq, withID(s, 1, "sent")), s.begin(hq, withID(s, 2, "waits"))
		time.Sleep(100 * time.Millisecond)
		s.crash()
		<-underWay
		<-waits
		s.online(2)
		r := s.do(hq, withID(s, 1, "sent"))
		if s.is(r, command.Doubt, http.StatusGatewayTimeout); !r.Repeated {
			t.Errorf("got %+v", r)
		}
		s.is(s.do(hq, withID(s, 2, "waits")), command.Done, 200)
		s.count(hq, "POST", 2)
	})
}

func TestAnIDThatWasNotSentIsFree(t *testing.T) {
	run(t, slow(), func(s *site) {
		if err := s.huawei.Outage("refuse", time.Minute); err != nil {
			t.Fatal(err)
		}
		s.is(s.do(hq, withID(s, 1, "a")), command.NotSent, http.StatusServiceUnavailable)
		if n := s.recorded(); n != 0 {
			t.Errorf("%d intents are left", n)
		}
		s.huawei.EndOutage()
		time.Sleep(2 * time.Minute)
		s.is(s.do(hq, withID(s, 2, "a")), command.Done, 200)
	})
}

func TestWithoutAStoreNothingWithAnIDIsSent(t *testing.T) {
	run(t, switches{}, func(s *site) {
		s.store.Fail(errors.New("the disk is full"))
		s.is(s.do(hq, withID(s, 1, "a")), command.NotSent, http.StatusServiceUnavailable)
		s.is(s.do(hq, numbered(s, 2, 0)), command.Done, 200)
		s.store.Fail(nil)
		s.is(s.do(hq, withID(s, 3, "a")), command.Done, 200)
		s.count(hq, "POST", 2)
	})
}

// A crash before the intent, between it and the request, and at any later point: what
// is recorded decides, and nothing is sent twice.
func TestACrashAtEveryPoint(t *testing.T) {
	for id, r := range map[session.ID]command.Request{
		hq:  {Method: "POST", Path: "onlineagent/1001/setcustomstate?customstate=1", ID: "a"},
		pbx: {Action: "call/get", Payload: []byte(`{"callRef":"ref-1"}`), ID: "a"},
	} {
		for at := time.Duration(0); at <= 1300*time.Millisecond; at += 50 * time.Millisecond {
			t.Run(id.String()+" after "+at.String(), func(t *testing.T) {
				run(t, slow(), func(s *site) { crashDuring(s, id, r, at) })
			})
		}
	}
}

func crashDuring(s *site, id session.ID, r command.Request, at time.Duration) {
	s.store.Delay(100 * time.Millisecond)
	first := s.begin(id, r)
	time.Sleep(at)
	sent := len(s.arrived(id))
	s.crash()
	<-first
	s.online(2)
	again := s.do(id, r)
	switch again.Outcome {
	case command.Done, command.Rejected, command.Doubt:
	default:
		s.Errorf("got %+v", again)
	}
	if n := len(s.arrived(id)); n > 1 {
		s.Errorf("sent %d times", n)
	}
	if sent == 1 && !again.Repeated {
		s.Errorf("it was sent, and the outcome is not the recorded one: %+v", again)
	}
}

func TestIDsAreBounded(t *testing.T) {
	run(t, switches{}, func(s *site) {
		command.Fill(s.service, hq)
		s.is(s.do(hq, withID(s, 1, "one more")), command.NotSent, http.StatusServiceUnavailable)
		s.is(s.do(hq, numbered(s, 1, 0)), command.Done, 200)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		s.is(s.do(hq, withID(s, 1, "one more")), command.Done, 200)
	})
}

func TestAnOutcomeThatIsLostToDamageIsInDoubt(t *testing.T) {
	run(t, slow(), func(s *site) {
		s.is(s.do(hq, withID(s, 1, "a")), command.Done, 200)
		all, err := s.store.All(s.Context(), store.Commands)
		if err != nil {
			t.Fatal(err)
		}
		for name := range all {
			s.lost = append(s.lost, name)
			if err := s.store.Put(s.Context(), store.Commands, name, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.crash()
		s.online(2)
		s.is(s.do(hq, withID(s, 1, "a")), command.Doubt, http.StatusGatewayTimeout)
		s.is(s.do(hq, withID(s, 1, "b")), command.Done, 200)
		time.Sleep(11 * time.Minute)
		s.is(s.do(hq, withID(s, 1, "a")), command.Done, 200)
		s.count(hq, "POST", 3)
	})
}
