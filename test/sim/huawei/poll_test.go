package huawei

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
)

func TestEmptyPollAfterTheHold(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Switches
		want time.Duration
	}{
		"default":       {Switches{}, 10 * time.Second},
		"DR site":       {Switches{Hold: sim.Duration(45 * time.Second)}, 45 * time.Second},
		"WAIT_FLAG OFF": {Switches{WaitFlagOff: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, c.cfg, func(t *testing.T, _ *Sim, a *caller) {
				a.in()
				start := time.Now()
				got := a.poll()
				if d := time.Since(start); d != c.want || got.raw != `{"message":"","retcode":"0"}` {
					t.Errorf("after %s: %s; want after %s, without an event", d, got.raw, c.want)
				}
			})
		})
	}
}

func TestEventsComeOneByOneOldestFirst(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		time.AfterFunc(3*time.Second, func() {
			for i := range 3 {
				if err := s.Emit("291", fmt.Sprint("E", i), map[string]int{"n": i}); err != nil {
					t.Error(err)
				}
			}
		})
		start := time.Now()
		for i := range 3 {
			got := a.poll()
			if got.Event != fmt.Sprint("E", i) || got.Content != fmt.Sprintf(`{"n":%d}`, i) {
				t.Errorf("event %d: %s", i, got.raw)
			}
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the events took %s, want 3s", d)
		}
	})
}

func TestGeneratedEventsAreNumberedAndOnTime(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		if err := s.Generate("291", 4, 8); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i := 1; i <= 8; i++ {
			got := a.poll()
			if !strings.Contains(got.Content, fmt.Sprintf(`"number":%d,`, i)) || time.Since(start) != time.Duration(i)*250*time.Millisecond {
				t.Errorf("after %s: %s", time.Since(start), got.raw)
			}
		}
		if got := a.poll(); got.Event != "" {
			t.Errorf("one too many: %s", got.raw)
		}
		if st := s.Agent("291"); st.Generated != 8 || st.HandedOut != 10 {
			t.Errorf("state %+v", st)
		}
	})
}

func TestGuidRotates(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, _ *Sim, a *caller) {
		a.in()
		start, first := time.Now(), a.guid
		for time.Since(start) < time.Minute {
			if got := a.poll(); got.NewGuid != (time.Since(start) >= time.Minute) {
				t.Errorf("after %s: new Guid %v", time.Since(start), got.NewGuid)
			}
		}
		old := a.as("291")
		old.guid, old.plain = first, true
		old.want(old.call("GET", "/onlineagent/{id}/agentstatus", ""), "0") // still good
		a.keep(time.Hour)
		old.want(old.poll(), "100-006")
	})
}

func TestGuidMode1NeverRotates(t *testing.T) {
	with(t, Switches{AuthMode: 1}, func(t *testing.T, _ *Sim, a *caller) {
		a.in()
		guid := a.guid
		a.keep(time.Hour)
		if a.guid != guid {
			t.Error("the Guid changed")
		}
	})
}

func TestAClientThatDropsSetGuidDies(t *testing.T) {
	for old, want := range map[string]time.Duration{
		OldGuidTimeout: 120 * time.Second, // life of a Guid
		OldGuidDead:    60 * time.Second,  // the first renewal
	} {
		for _, wrong := range []string{NotSignedIn, NoPermission} {
			with(t, Switches{OldGuid: old, WrongGuid: wrong}, func(t *testing.T, s *Sim, a *caller) {
				a.in()
				a.plain = true
				start := time.Now()
				got := a.poll()
				for got.Code == "0" {
					got = a.poll()
				}
				if d := time.Since(start); d != want || got.Code != wrong {
					t.Errorf("%s after %s, want %s after %s", got.Code, d, wrong, want)
				}
				a.want(a.signIn(), "100-002") // the session itself lives on without its Guid
				if !s.Agent("291").SignedIn {
					t.Error("signed out too early")
				}
			})
		}
	}
}

func TestWrongGuids(t *testing.T) {
	with(t, Switches{WrongGuid: NoPermission}, func(_ *testing.T, _ *Sim, a *caller) {
		a.in()
		bare, _, _ := strings.Cut(a.guid, ".")
		for _, guid := range []string{"", "x", bare, "JSESSIONID=" + a.guid} {
			b := a.as("291")
			b.guid = guid
			b.want(b.poll(), NoPermission)
		}
		b := a.as("292")
		b.guid = a.guid
		b.want(b.poll(), NotSignedIn)
	})
}

func TestCookiesKeepToTheNode(t *testing.T) {
	with(t, Switches{Cookie: true}, func(t *testing.T, _ *Sim, a *caller) {
		a.in()
		if !strings.HasPrefix(a.cookie, "huaweielbsession=") {
			t.Fatalf("cookie %q", a.cookie)
		}
		a.cookie = ""
		a.want(a.poll(), NotSignedIn)
		a.cookie = "huaweielbsession=other"
		a.want(a.poll(), NotSignedIn)
	})
}

func TestReaper(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   Switches
		pause time.Duration
		want  string
	}{
		"within the window":                   {Switches{}, 109*time.Second + 999*time.Millisecond, "0"},
		"counted from the poll's start":       {Switches{}, 110 * time.Second, "100-006"},
		"counted from the poll's end":         {Switches{ReapFrom: ReapFromEnd}, 119 * time.Second, "0"},
		"counted from the poll's end, over":   {Switches{ReapFrom: ReapFromEnd}, 120 * time.Second, "100-006"},
		"hold above the window, from its end": {Switches{ReapFrom: ReapFromEnd, Hold: sim.Duration(3 * time.Minute)}, time.Minute, "0"},
		"hold above the window":               {Switches{Hold: sim.Duration(3 * time.Minute)}, 0, "100-006"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.AuthMode = 1
			with(t, c.cfg, func(t *testing.T, s *Sim, a *caller) {
				a.in()
				a.poll()
				time.Sleep(c.pause)
				a.want(a.poll(), c.want)
				if reaped := s.Agent("291").Reaped; (reaped == 1) != (c.want != "0") {
					t.Errorf("reaped %d times", reaped)
				}
			})
		})
	}
}

func TestOnlyPollsAndHandshakesKeepASessionAlive(t *testing.T) {
	with(t, Switches{AuthMode: 1}, func(_ *testing.T, _ *Sim, a *caller) {
		a.in()
		for range 11 {
			a.want(a.call("GET", "/onlineagent/{id}/agentstatus", ""), "0")
			time.Sleep(11 * time.Second)
		}
		a.want(a.poll(), "100-006")
		a.in()
		for range 11 {
			a.want(a.call("POST", "/onlineagent/{id}/handshake", ""), "0")
			time.Sleep(11 * time.Second)
		}
		a.want(a.poll(), "0")
	})
}

func TestPushModeRefusesPollsAndRotatesByHandshake(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.want(a.call("PUT", "/onlineagent/{id}", a.body(`,"callBackUri":"http://x/","serviceToken":"abc"`)), "0")
		a.want(a.poll(), "000-001")
		if n := len(s.Ops.Violations()); n != 1 {
			t.Errorf("%d violations by a poll, want 1", n)
		}
		time.Sleep(time.Minute)
		if got := a.call("POST", "/onlineagent/{id}/handshake", ""); !got.NewGuid || got.Code != "0" {
			t.Errorf("handshake: %s, new Guid %v", got.raw, got.NewGuid)
		}
		b := a.as("292")
		b.want(b.call("PUT", "/onlineagent/{id}", b.body(`,"callBackUri":"https://x/"`)), "0")
		b.want(b.poll(), "0") // one alone still means polling
	})
}

func TestTwoPollsAtOnceAreAViolation(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		first := make(chan answer, 1)
		go func() { first <- a.poll() }()
		time.Sleep(5 * time.Second)
		b := *a
		b.poll()
		<-first
		if n := len(s.Ops.Violations()); n != 1 {
			t.Errorf("%d violations, want 1", n)
		}
	})
}

func TestACutPollAndTheNextEvent(t *testing.T) {
	for zombies, want := range map[bool]string{false: "E", true: ""} {
		with(t, Switches{ZombiePolls: zombies}, func(t *testing.T, s *Sim, a *caller) {
			a.in()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := a.try(ctx, "GET", "/agentevent/{id}", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("the cut poll: %v", err)
			}
			time.Sleep(time.Second)
			if err := s.Emit("291", "E", nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := a.poll(); got.Event != want {
				t.Errorf("zombies %v: event %q, want %q", zombies, got.Event, want)
			}
			if v := s.Ops.Violations(); len(v) != 0 {
				t.Errorf("violations %q", v)
			}
		})
	}
}

func TestFirstPollIsTimed(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.want(a.signIn(), "0")
		time.Sleep(70 * time.Millisecond)
		a.poll()
		b := a.as("292")
		b.want(b.signIn(), "0")
		b.poll()
		want := []time.Duration{0, 70 * time.Millisecond}
		if d := cmp.Diff(want, s.FirstPolls()); d != "" {
			t.Error(d)
		}
		if st := s.Agent("291"); time.Duration(st.SlowestFirstPoll) != want[1] || len(st.SignIns) != 1 {
			t.Errorf("state %+v", st)
		}
		s.Reset()
		if n := len(s.FirstPolls()); n != 0 {
			t.Errorf("%d first polls after Reset", n)
		}
	})
}

func TestLargestGapIsWithoutTheOpenPoll(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.in()
		a.keep(time.Minute)
		time.Sleep(29 * time.Second)
		a.poll()
		if got := time.Duration(s.Ops.Count("291").LargestGap); got != 29*time.Second+200*time.Millisecond {
			t.Errorf("largest gap %s", got)
		}
	})
}

func TestFaultsReachTheCallsTheyName(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		s.Faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		if _, err := a.try(t.Context(), "PUT", "/onlineagent/{id}", a.body("")); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("the lost answer: %v", err)
		}
		a.want(a.signIn(), "100-002") // it was carried out
		a.want(a.force(), "0")
		s.Faults.Add(sim.Fault{Op: sim.OpPoll, Mode: sim.ModeCode, Code: "100-003", Count: 1})
		s.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: sim.ModeStatus, Status: 502, Count: 1})
		a.want(a.poll(), "100-003")
		if got := a.call("POST", "/onlineagent/{id}/resetskill/true", ""); got.Status != 502 {
			t.Errorf("resetskill: HTTP %d", got.Status)
		}
		a.want(a.poll(), "0")
	})
}

// Whether an event was read is known once the next poll comes on the same
// connection, and never once it comes on another.
func TestUnfollowedEvents(t *testing.T) {
	s := New(Config{Agents: Range(291, 1, "secret", 40038), Switches: Switches{EventRate: 1000}})
	server := httptest.NewServer(s)
	defer server.Close()
	a := &caller{t: t, client: &http.Client{Transport: &http.Transport{}}, url: server.URL, login: "291"}
	a.in()
	for range 3 {
		a.poll()
	}
	if got := s.Agent("291").Unfollowed; !slices.Equal(got, []int{3}) {
		t.Errorf("after the third poll: %v, want the third event", got)
	}
	a.client.CloseIdleConnections()
	a.poll()
	a.poll()
	if got := s.Agent("291").Unfollowed; !slices.Equal(got, []int{3, 5}) {
		t.Errorf("after two polls on another connection: %v, want the third event and the last", got)
	}
	a.client.CloseIdleConnections()
}
