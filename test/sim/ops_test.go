package sim

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOpsNoticesOverlap(t *testing.T) {
	for _, c := range []struct {
		first, second string
		want          bool
	}{
		{OpSignIn, OpSignIn, true},
		{OpSignIn, OpSignOut, true},
		{OpSignOut, OpSignIn, true},
		{OpSignOut, OpSignOut, true},
		{OpPoll, OpPoll, true},
		{OpPoll, OpSignOut, false},
		{OpPoll, OpSignIn, false},
		{OpSignIn, OpPoll, false},
		{OpMessage, OpMessage, false},
		{OpOther, OpPoll, false},
	} {
		t.Run(c.first+" "+c.second, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []string
				o := Ops{OnViolation: func(s string) { told = append(told, s) }}
				end := o.Begin("291", c.first)
				other := o.Begin("292", c.second) // another agent's never overlaps
				_, overlap := o.Start(t.Context(), "291", c.second)
				end()
				other()
				if overlap != c.want || len(told) > 0 != c.want || len(o.Violations()) != len(told) {
					t.Errorf("overlap %v, violations %q; want overlap %v", overlap, told, c.want)
				}
				if c.want && !strings.Contains(told[0], "agent 291") {
					t.Errorf("%q names not the agent", told[0])
				}
			})
		})
	}
}

func TestOpsOneAfterTheOtherIsNoOverlap(t *testing.T) {
	var o Ops
	for range 3 {
		for _, op := range []string{OpSignIn, OpPoll, OpPoll, OpSignOut} {
			o.Begin("291", op)()
		}
	}
	if v := o.Violations(); len(v) != 0 {
		t.Errorf("violations %q", v)
	}
	want := Count{SignIns: 3, SignOuts: 3, Polls: 6}
	got := o.Count("291")
	got.LargestGap = 0
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOpsExcusesAClientThatHasGone(t *testing.T) {
	for name, leave := range map[string]func(cancel, end func()){
		"before":               func(cancel, _ func()) { cancel() },
		"noticed a bit later":  func(cancel, _ func()) { time.AfterFunc(grace/2, cancel) },
		"noticed, then ended":  func(cancel, end func()) { cancel(); end() },
		"noticed, ended later": func(cancel, end func()) { time.AfterFunc(grace/2, func() { cancel(); end() }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var o Ops
				ctx, cancel := context.WithCancel(t.Context())
				end := o.BeginContext(ctx, "291", OpPoll)
				leave(cancel, end)
				o.BeginContext(t.Context(), "291", OpPoll)()
				if v := o.Violations(); len(v) != 0 {
					t.Errorf("violations %q", v)
				}
			})
		})
	}
}

func TestOpsDoesNotExcuseAnEndWithinTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o Ops
		ctx, cancel := context.WithCancel(t.Context())
		end := o.BeginContext(ctx, "291", OpSignIn)
		time.AfterFunc(grace/2, func() { end(); cancel() }) // as a handler ends: the answer, then the context
		o.BeginContext(t.Context(), "291", OpSignIn)()
		if n := len(o.Violations()); n != 1 {
			t.Errorf("%d violations, want 1", n)
		}
	})
}

func TestOpsMeasuresTheLargestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o Ops
		sleep := func(d time.Duration) { time.Sleep(d) }
		op := func(name string, d time.Duration) {
			end := o.Begin("291", name)
			sleep(d)
			end()
		}
		op(OpSignIn, time.Second)
		sleep(3 * time.Second)
		op(OpPoll, 10*time.Second) // an open poll is no gap
		sleep(time.Second)
		op(OpOther, time.Minute) // neither contact nor its end
		sleep(time.Second)
		op(OpPoll, 0)
		op(OpSignOut, 0)
		sleep(time.Hour) // signed out: no gap
		op(OpSignIn, 0)
		sleep(2 * time.Second)
		op(OpPoll, 0)
		o.Forget("291")
		sleep(time.Hour) // the session is over: no gap
		op(OpSignIn, 0)
		op(OpPoll, 0)
		if got := time.Duration(o.Count("291").LargestGap); got != 62*time.Second {
			t.Errorf("largest gap %s, want 1m2s", got)
		}
	})
}

func TestOpsTakesGapsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o Ops
		take := func() time.Duration { return time.Duration(o.TakeGaps()["291"]) }
		o.Begin("291", OpSignIn)()
		time.Sleep(3 * time.Second)
		o.Begin("291", OpPoll)()
		time.Sleep(time.Second)
		if got := take(); got != 3*time.Second {
			t.Errorf("the largest gap is %s, want 3s", got)
		}
		time.Sleep(time.Second)
		if got := take(); got != 2*time.Second {
			t.Errorf("a gap that goes on is %s, want 2s", got)
		}
		o.Begin("291", OpPoll)()
		take()
		if got := take(); got != 0 {
			t.Errorf("without a gap since the last time: %s", got)
		}
	})
}

func TestOpsTotalAndReset(t *testing.T) {
	var o Ops
	for _, agent := range []string{"291", "292"} {
		for _, op := range []string{OpSignIn, OpPoll, OpMessage, OpOther, OpConnect} {
			o.Begin(agent, op)()
		}
	}
	o.Add("292", OpPoll)
	o.Violation("292", "too loud")
	o.Needless("291")
	got := o.Total()
	got.LargestGap = 0
	want := Count{SignIns: 2, Needless: 1, Polls: 3, Messages: 4, Connects: 2, Violations: 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	o.Reset()
	if d := cmp.Diff(Count{}, o.Total()); d != "" || len(o.Violations()) != 0 {
		t.Errorf("after Reset: %s %q", d, o.Violations())
	}
}
