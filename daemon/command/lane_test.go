package command_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/vendors/rules"
)

// slow is a platform of each kind that works for a second on a command.
func slow() switches {
	return switches{
		huawei: huawei.Switches{Work: huawei.Work{CommandTime: sim.Duration(time.Second)}},
		ecss:   ecss.Switches{Commands: ecss.Commands{CommandTime: sim.Duration(time.Second), InFlight: "one"}, DropGrace: sim.Duration(time.Minute)},
	}
}

// numbered is a request that the platform shows with a number.
func numbered(s *site, n int, timeout time.Duration) command.Request {
	return command.Request{Method: "POST", Path: fmt.Sprintf("onlineagent/1001/setcustomstate?customstate=%d", n), Timeout: timeout}
}

func TestOneAtATimeInTheOrderOfArrival(t *testing.T) {
	run(t, slow(), func(s *site) {
		var all []<-chan command.Result
		for n := range 5 {
			all = append(all, s.begin(hq, numbered(s, n, 0)))
		}
		for n, one := range all {
			begin := time.Now()
			s.is(<-one, command.Done, 200)
			if took := time.Since(begin); took != time.Second {
				t.Errorf("command %d took %s after the one before", n, took)
			}
		}
		for n, text := range s.arrived(hq) {
			if want := fmt.Sprintf("customstate=%d", n); !strings.HasSuffix(text, want) {
				t.Errorf("number %d to arrive was %s", n, text)
			}
		}
	})
}

func TestTheLaneIsBounded(t *testing.T) {
	run(t, slow(), func(s *site) {
		var waiting []<-chan command.Result
		for n := range 17 {
			waiting = append(waiting, s.begin(hq, numbered(s, n, time.Minute)))
		}
		r := s.do(hq, numbered(s, 99, time.Minute))
		if s.is(r, command.NotSent, http.StatusTooManyRequests); r.Retry <= 0 {
			t.Error("nobody is told when to ask again")
		}
		for _, one := range waiting {
			s.is(<-one, command.Done, 200)
		}
		s.count(hq, "POST", 17)
	})
}

func TestATimeoutCountsFromArrival(t *testing.T) {
	run(t, slow(), func(s *site) {
		first := s.begin(hq, numbered(s, 1, 0))
		begin := time.Now()
		r := s.do(hq, numbered(s, 2, 400*time.Millisecond))
		if s.is(r, command.NotSent, http.StatusServiceUnavailable); time.Since(begin) != 400*time.Millisecond {
			t.Errorf("answered after %s", time.Since(begin))
		}
		s.is(<-first, command.Done, 200)
		// Of the time of the next one some has passed when it leaves.
		first = s.begin(hq, numbered(s, 3, 0))
		r = s.do(hq, numbered(s, 4, 1500*time.Millisecond))
		s.is(<-first, command.Done, 200)
		s.is(r, command.Doubt, http.StatusGatewayTimeout)
		s.count(hq, "POST", 3)
	})
}

func TestAfterDoubtNobodyWaitsOn(t *testing.T) {
	run(t, slow(), func(s *site) {
		s.huawei.Faults.Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeLost, Count: 1})
		first := s.begin(hq, numbered(s, 1, 0))
		second, third := s.begin(hq, numbered(s, 2, 0)), s.begin(hq, numbered(s, 3, 0))
		begin := time.Now()
		s.is(<-first, command.Doubt, http.StatusGatewayTimeout)
		s.is(<-second, command.NotSent, http.StatusServiceUnavailable)
		s.is(<-third, command.NotSent, http.StatusServiceUnavailable)
		if took := time.Since(begin); took > 1100*time.Millisecond {
			t.Errorf("they waited for %s", took)
		}
		time.Sleep(10 * time.Second)
		s.count(hq, "POST", 1)
	})
}

func TestTheEndOfACallerTakesBackWhatWaits(t *testing.T) {
	run(t, slow(), func(s *site) {
		first := s.begin(hq, numbered(s, 1, 0))
		ctx, cancel := contextOf(s)
		done := make(chan command.Result, 2)
		for n := range 2 {
			go func() {
				r := numbered(s, 10+n, time.Minute)
				r.Reason = "a test"
				done <- s.service.Do(ctx, hq, r, command.Caller{Name: "somebody"})
			}()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			s.is(<-done, command.NotSent, http.StatusServiceUnavailable)
		}
		s.is(<-first, command.Done, 200)
		s.count(hq, "POST", 1)
	})
}

func TestTheEndOfACallerStopsNothingThatLeft(t *testing.T) {
	run(t, slow(), func(s *site) {
		ctx, cancel := contextOf(s)
		done := make(chan command.Result, 1)
		go func() {
			r := numbered(s, 1, time.Minute)
			r.Reason = "a test"
			done <- s.service.Do(ctx, hq, r, command.Caller{Name: "somebody"})
		}()
		time.Sleep(100 * time.Millisecond)
		cancel()
		s.is(<-done, command.Done, 200)
	})
}

func TestTheProxysWritesStandInTheLane(t *testing.T) {
	run(t, slow(), func(s *site) {
		asked, err := rules.Parse(rules.Raw{Method: "POST", Path: "/agentgateway/resource/onlineagent/1001/saybusy", Query: "reason=203"})
		if err != nil {
			t.Fatal(err)
		}
		leave, refused := s.service.Enter(s.Context(), hq, asked)
		if refused != nil {
			t.Fatal(refused)
		}
		begin := time.Now()
		waits := s.begin(hq, numbered(s, 1, 0))
		time.Sleep(3 * time.Second)
		leave()
		leave() // once is enough
		s.is(<-waits, command.Done, 200)
		if took := time.Since(begin); took != 4*time.Second {
			t.Errorf("the command was done after %s", took)
		}
		want := command.Sent{Verb: "busy", Code: "203", By: "proxy", Proxy: true}
		if !slices.Contains(s.sent, want) {
			t.Errorf("told %+v", s.sent)
		}
		leave, _ = s.service.Enter(s.Context(), hq, asked)
		begin = time.Now()
		if _, refused = s.service.Enter(s.Context(), hq, asked); refused == nil || time.Since(begin) != command.DefaultTimeout {
			t.Errorf("refused %v after %s", refused, time.Since(begin))
		}
		leave()
	})
}

func TestADrainAnswersWhoWaits(t *testing.T) {
	run(t, slow(), func(s *site) {
		first, second := s.begin(hq, numbered(s, 1, 0)), s.begin(hq, numbered(s, 2, 0))
		begin := time.Now()
		s.service.Drain()
		s.is(<-second, command.NotSent, http.StatusServiceUnavailable)
		s.is(s.do(hq, numbered(s, 3, 0)), command.NotSent, http.StatusServiceUnavailable)
		if time.Since(begin) != 0 {
			t.Errorf("they waited for %s", time.Since(begin))
		}
		if _, refused := s.service.Enter(s.Context(), hq, rules.Request{}); refused == nil {
			t.Error("the proxy may still write")
		}
		s.is(<-first, command.Done, 200)
		s.count(hq, "POST", 1)
	})
}

func TestACloseLeavesNothingUnderWay(t *testing.T) {
	w := slow()
	w.huawei.Work.CommandTime = sim.Duration(time.Minute)
	run(t, w, func(s *site) {
		r := numbered(s, 1, time.Minute)
		r.ID = "7"
		first := s.begin(hq, r)
		begin := time.Now()
		s.service.Close(time.Hour)
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("closed after %s", took)
		}
		s.is(<-first, command.Doubt, http.StatusGatewayTimeout)
		if n := s.recorded(); n != 1 {
			t.Errorf("%d outcomes are on record", n)
		}
	})
}

func TestNothingDelaysAPollOrAPing(t *testing.T) {
	w := switches{
		huawei: huawei.Switches{Work: huawei.Work{CommandTime: sim.Duration(30 * time.Second)}},
		ecss:   ecss.Switches{Commands: ecss.Commands{CommandTime: sim.Duration(30 * time.Second)}, DropGrace: sim.Duration(time.Minute)},
	}
	run(t, w, func(s *site) {
		first := s.begin(hq, numbered(s, 1, time.Minute))
		second := s.begin(pbx, command.Request{Action: "call/complete", Payload: []byte(`{"callId":"call-9"}`), Timeout: time.Minute})
		polls := s.huawei.Ops.Count("1001").Polls
		time.Sleep(29 * time.Second)
		if n := s.huawei.Ops.Count("1001").Polls - polls; n < 2 {
			t.Errorf("%d polls in 29 s", n)
		}
		if a, _ := s.fleet.Agent(pbx); time.Since(a.View.LastContact) > 20*time.Second {
			t.Errorf("the last contact is %s old", time.Since(a.View.LastContact))
		}
		s.is(<-first, command.Done, 200)
		<-second
	})
}

// A socket that is cut ends the session: the command under way is in doubt, or was done,
// the one that waits is not sent, and neither is sent again.
func TestACutSocketAtEveryPoint(t *testing.T) {
	for at := 50 * time.Millisecond; at <= 1250*time.Millisecond; at += 100 * time.Millisecond {
		t.Run(at.String(), func(t *testing.T) {
			run(t, slow(), func(s *site) {
				first := s.begin(pbx, command.Request{Action: "call/get", Payload: []byte(`{"callRef":"1"}`)})
				second := s.begin(pbx, command.Request{Action: "call/get", Payload: []byte(`{"callRef":"2"}`), Timeout: 1900 * time.Millisecond})
				time.Sleep(at)
				s.lines["ecss.test"].DropAll()
				r := <-first
				if at < time.Second {
					s.is(r, command.Doubt, 504)
					s.is(<-second, command.NotSent, 503)
				} else if r.Outcome != command.Rejected {
					t.Errorf("got %+v", r)
				}
				time.Sleep(time.Minute)
				s.online(2)
				if n := len(s.arrived(pbx)); n > 2 || (at < time.Second && n != 1) {
					t.Errorf("%d commands arrived", n)
				}
			})
		})
	}
}
