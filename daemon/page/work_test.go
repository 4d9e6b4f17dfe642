package page

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// A row tells what an agent that is online does, as far as that is known or wished,
// and the platform's line counts who gets calls.
func TestWorking(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	busy := work.Standing{State: work.Busy, By: work.ByPlatform, Code: "2", Reason: "call not answered", Since: now}
	for _, tt := range []struct {
		name  string
		shown work.Shown
		want  working
	}{
		{"ready", work.Shown{Standing: work.Standing{State: work.Ready, By: work.ByKeeper, Since: now}, Wish: work.WishReady}, working{Work: "ready", Set: "keeper", Wished: "ready", Changed: now.UnixMilli(), Able: true}},
		{"busy, brought back soon", work.Shown{Standing: busy, Wish: work.WishReady, NextAttempt: now.Add(time.Second)},
			working{Work: "busy", Set: "platform", Why: "2: call not answered", Wished: "ready", Changed: now.UnixMilli(), Again: now.UnixMilli() + 1000, NotReady: true}},
		{"busy and left so", work.Shown{Standing: work.Standing{State: work.Busy, By: work.ByProgram}, Wish: work.AsIs}, working{Work: "busy", Set: "program", NotReady: true}},
		{"held back", work.Shown{Standing: work.Standing{State: work.Rest, By: work.ByInspector}, Wish: work.WishReady, HeldBack: work.HoldInspector},
			working{Work: "rest", Set: "inspector", Wished: "ready", Held: "inspector", NotReady: true}},
		{"in a call", work.Shown{Standing: work.Standing{State: work.Talking}, Wish: work.AsIs}, working{Work: "talking", Able: true}},
		{"not known", work.Shown{Wish: work.AsIs}, working{}},
		{"not known, and wished ready", work.Shown{Wish: work.WishReady, HeldBack: work.HoldUnknown}, working{Work: "unknown", Wished: "ready", Held: "unknown", NotReady: true}},
		{"not known, and wished busy", work.Shown{Wish: work.WishBusy}, working{Wished: "busy"}},
	} {
		a := newCrew(1).agents[session.ID{Platform: "hq", Login: "1"}]
		if diff := cmp.Diff(tt.want, workingOf(&a, tt.shown)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		a.View.State = session.Waiting
		if got := workingOf(&a, tt.shown); got != (working{}) {
			t.Errorf("%s, not online: %+v", tt.name, got)
		}
	}
}

// A working state that changes is sent, alone.
func TestWorkChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(3)
		s := watch(t, New(Options{Fleet: c, Work: c, Activity: NewActivity()}))
		defer s.close()
		if first := strings.Join(s.read(), "\n"); !strings.Contains(first, `"able":0,"not_ready":0,"held_back":0`) || strings.Contains(first, `"work"`) {
			t.Error(first)
		}
		id := session.ID{Platform: "hq", Login: "2"}
		shown := work.Shown{Standing: work.Standing{State: work.Busy, By: work.ByPlatform}, Wish: work.WishReady, HeldBack: work.HoldLimit}
		c.mu.Lock()
		c.works = map[session.ID]work.Shown{id: shown, {Platform: "hq", Login: "3"}: {Standing: work.Standing{State: work.Ready}}}
		c.mu.Unlock()
		time.Sleep(lookEvery)
		synctest.Wait()
		got := s.read()
		if len(got) != 2 || !strings.Contains(got[0], `"able":1,"not_ready":1,"held_back":1`) || !strings.Contains(got[1], `"work":"busy","work_by":"platform","work_wish":"ready","work_held":"limit"`) || strings.Contains(got[1], `"hq/1"`) {
			t.Errorf("%q", got)
		}
		c.set("hq", "2", func(a *fleet.Agent) { a.View.State = session.Parked })
		time.Sleep(lookEvery)
		synctest.Wait()
		if got := strings.Join(s.read(), "\n"); !strings.Contains(got, `"able":1,"not_ready":0`) || strings.Contains(got, `"work":"busy"`) {
			t.Errorf("parked: %s", got)
		}
	})
}
