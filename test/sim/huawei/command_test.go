package huawei

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
)

// texts are the agent's commands so far, each with its retcode.
func texts(s *Sim) []string {
	var list []string
	for _, c := range s.Commands("291") {
		text := strings.TrimPrefix(c.Text, "POST onlineagent/291/") + " " + c.Code
		if c.Unanswered {
			text += "?"
		}
		list = append(list, text)
	}
	return list
}

// broken fails the test unless there is one violation for each text.
func broken(t *testing.T, s *Sim, want ...string) {
	t.Helper()
	synctest.Wait()
	got := s.Ops.Violations()
	if len(got) != len(want) {
		t.Errorf("violations %q, want %q", got, want)
		return
	}
	for i, v := range got {
		if !strings.Contains(v, want[i]) {
			t.Errorf("violation %q does not tell %q", v, want[i])
		}
	}
}

func TestSpoiledCommands(t *testing.T) {
	with(t, Switches{WaitFlagOff: true}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		for _, c := range []struct {
			how    string
			code   string
			events string
			state  int
		}{
			{SpoilDenied, "100-009", "", 4},
			{SpoilIgnored, "0", "", 4},
			{SpoilUnheard, "0", "", 3},
			{"", "000-002", "", 3},
		} {
			if err := s.Spoil("291", c.how, 1); err != nil {
				t.Fatal(err)
			}
			a.want(a.do("saybusy?reason=200"), c.code)
			if got := strings.Join(a.told(), ","); got != c.events || s.Agent("291").State != c.state {
				t.Errorf("%s: events %q, state %d", c.how, got, s.Agent("291").State)
			}
		}
		a.want(a.do("cancelbusy"), "0")
		a.told()
		_ = s.Spoil("291", SpoilUnheard, 1)
		a.want(a.do("rest/60/3"), "0")
		time.Sleep(time.Second)
		if got := a.told(); len(got) > 0 || s.Agent("291").State != StateRest {
			t.Errorf("rest without its event: %q, state %d", got, s.Agent("291").State)
		}
		_ = s.Spoil("291", SpoilDenied, 0)
		for range 3 {
			a.want(a.do("cancelrest"), "100-009")
		}
		if err := s.Spoil("291", "eaten", 1); err == nil || !strings.Contains(err.Error(), "use denied") {
			t.Errorf("an unknown spoil: %v", err)
		}
		broken(t, s)
	})
}

// TestGuidReplacedUnderACommand: the poll brings a new Guid and the client polls
// with it before the platform looks at the command.
func TestGuidReplacedUnderACommand(t *testing.T) {
	for old, code := range map[string]string{OldGuidDead: NotSignedIn, OldGuidTimeout: "0"} {
		with(t, Switches{OldGuid: old}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			_ = s.Spoil("291", SpoilRenewed, 1)
			var polls sync.WaitGroup
			defer polls.Wait()
			b := *a // its command carries the Guid of now
			polls.Go(func() {
				for range 2 {
					a.want(a.poll(), "0")
				}
			})
			synctest.Wait()
			began := time.Now()
			b.plain = true
			b.want(b.do("saybusy"), code)
			if took := time.Since(began); took >= outrunWithin {
				t.Errorf("%s: it waited %s", old, took)
			}
			b.guid = s.agents["291"].session.newest().value
			if code != "0" {
				b.want(b.do("saybusy"), "0")
			}
		})
	}
}

func TestRotate(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		time.AfterFunc(time.Second, func() { _ = s.Rotate("291") })
		began := time.Now()
		if got := a.poll(); !got.NewGuid || got.Event != "" || time.Since(began) != time.Second {
			t.Errorf("after %s: %s", time.Since(began), got.raw)
		}
		_ = s.Rotate("291") // without an open poll
		if got := a.poll(); got.NewGuid || got.Code != "0" {
			t.Errorf("%s", got.raw)
		}
	})
}

// TestAnswersThatNeverCome: with the effect and without.
func TestAnswersThatNeverCome(t *testing.T) {
	for mode, effect := range map[string]bool{
		sim.ModeHang: false, sim.ModeReset: false, sim.ModeStatus: false,
		sim.ModeSilent: true, sim.ModeLost: true, sim.ModeGateway: true,
	} {
		with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			s.Faults.Add(sim.Fault{Op: sim.OpCommand, Mode: mode, Count: 1})
			a.want(a.call("GET", "/onlineagent/{id}/agentstatus", ""), "0") // no command
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if got, err := a.try(ctx, "POST", "/onlineagent/{id}/saybusy", ""); err == nil && got.Code != "" {
				t.Errorf("%s: %s", mode, got.raw)
			}
			synctest.Wait()
			if busy := s.Agent("291").State == StateBusy; busy != effect {
				t.Errorf("%s: busy is %v", mode, busy)
			}
			want := "saybusy ?"
			if effect {
				want = "saybusy 0?"
			}
			if d := cmp.Diff([]string{want}, texts(s)); d != "" {
				t.Errorf("%s: %s", mode, d)
			}
			if n := s.Ops.Count("291"); n.Commands != 1 || n.Messages != 2 {
				t.Errorf("%s: counts %+v", mode, n)
			}
		})
	}
}

func TestOverlappingCommands(t *testing.T) {
	for overlap, code := range map[string]string{OverlapRefused: "000-007", OverlapServed: "0"} {
		with(t, Switches{Work: Work{Overlap: overlap, CommandTime: sim.Duration(time.Second)}}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			var beside sync.WaitGroup
			beside.Go(func() { a.want(a.do("saybusy"), "0") })
			synctest.Wait()
			b := *a
			b.want(b.do("autoanswer/false"), code)
			beside.Wait()
			broken(t, s, "command began while the command of")
			// Polls and queries are beside it.
			beside.Go(func() { a.want(a.do("cancelbusy"), "0") })
			synctest.Wait()
			b.want(b.call("GET", "/onlineagent/{id}/agentstatus", ""), "0")
			b.want(b.poll(), "0")
			beside.Wait()
			broken(t, s, "command began")
		})
	}
}

func TestClientThatGoesAwayStopsNoCommand(t *testing.T) {
	with(t, Switches{Work: Work{CommandTime: sim.Duration(time.Minute)}}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.try(ctx, "POST", "/onlineagent/{id}/saybusy", ""); err == nil {
			t.Error("it was answered")
		}
		synctest.Wait()
		if s.Agent("291").State != StateBusy {
			t.Error("it was not carried out")
		}
		if d := cmp.Diff([]string{"saybusy 0?"}, texts(s)); d != "" {
			t.Error(d)
		}
	})
}

func TestKeeperRules(t *testing.T) {
	rules := Switches{WaitFlagOff: true, Rules: Rules{Keeper: true, Restores: 2}}
	for name, c := range map[string]struct {
		play func(s *Sim, a *caller)
		want []string
	}{
		"in a call": {func(s *Sim, a *caller) {
			_ = s.Call("291")
			a.do("saybusy")
		}, []string{"saybusy while a call is alerting"}},
		"in a call, by a program": {func(s *Sim, a *caller) {
			_ = s.Call("291")
			_ = s.Asked("291", 1)
			a.do("saybusy")
		}, nil},
		"answering is no state": {func(s *Sim, a *caller) {
			_ = s.Call("291")
			time.Sleep(time.Second)
			a.call("DELETE", "/voicecall/{id}/release", "")
		}, nil},
		"on its way": {func(_ *Sim, a *caller) {
			a.do("work")
			a.do("saybusy?reason=200")
			a.do("cancelbusy")
		}, []string{"cancelbusy while another state"}},
		"against an inspector": {func(s *Sim, a *caller) {
			_ = s.Force("291", ForceBusy)
			a.do("cancelbusy")
		}, []string{"cancelbusy against an inspector"}},
		"too often": {func(s *Sim, a *caller) {
			for range 3 {
				_, _ = s.Ring("291")
				time.Sleep(time.Second)
				_ = s.Answer("291")
				_ = s.Force("291", ForceIdle)
				_ = s.Hangup("291")
				_ = s.PhoneAway("291")
				_ = s.PhoneBack("291")
				a.do("cancelbusy")
			}
		}, []string{"more often"}},
		"within the hours": {func(s *Sim, a *caller) {
			for range 3 {
				a.do("saybusy")
				a.do("cancelbusy")
				for range 50 {
					time.Sleep(time.Minute)
					a.poll()
				}
			}
		}, nil},
		"said again": {func(s *Sim, a *caller) {
			s.Faults.Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeLost, Count: 1})
			_, _ = a.try(a.t.Context(), "POST", "/onlineagent/{id}/rest/60/1", "")
			a.do("rest/60/1")
		}, []string{"said again though it was not answered: POST onlineagent/291/rest/60/1"}},
		"said again after a look": {func(s *Sim, a *caller) {
			s.Faults.Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeReset, Count: 1})
			_, _ = a.try(a.t.Context(), "POST", "/onlineagent/{id}/rest/60/1", "")
			a.call("GET", "/onlineagent/{id}/agentstatus", "")
			a.do("rest/60/1")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, rules, func(t *testing.T, s *Sim, a *caller) {
				a.want(a.call("PUT", "/onlineagent/{id}", a.body(`,"autoanswer":false`)), "0")
				c.play(s, a)
				broken(t, s, c.want...)
			})
		})
	}
}

func TestSignOutBesideACommand(t *testing.T) {
	with(t, Switches{Rules: Rules{Keeper: true}, Work: Work{CommandTime: sim.Duration(time.Second)}}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		var beside sync.WaitGroup
		b := *a
		beside.Go(func() { a.want(a.do("saybusy"), NotSignedIn) })
		synctest.Wait()
		b.want(b.signOut(), "0")
		beside.Wait()
		broken(t, s, "sign_out began")
	})
}

func TestFlowControlOfAllQueries(t *testing.T) {
	var q throttle
	now := time.Now()
	for range 15_000 {
		if q.full(now) {
			t.Fatal("full too soon")
		}
	}
	if !q.full(now.Add(1999*time.Millisecond)) || q.full(now.Add(2*time.Second)) {
		t.Error("15,000 queries in 2 s")
	}
}
