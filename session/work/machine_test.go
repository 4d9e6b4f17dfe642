package work_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session/work"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func ready() *work.Policy {
	p := work.DefaultPolicy()
	p.Wish = work.WishReady
	return &p
}

// What the platform tells.
var (
	unanswered = work.Change{State: work.Busy, By: work.ByPlatform, Sure: true, Code: "2", Cause: work.NoAnswer}
	inspected  = work.Change{State: work.Busy, By: work.ByInspector, Sure: true, Code: "3"}
	asked      = work.Change{State: work.Busy, By: work.ByProgram, Code: "200"}
	idle       = work.Change{State: work.Ready, By: work.ByPlatform}
	ended      = work.Change{State: work.Ready, By: work.ByUnknown}
	resting    = work.Change{State: work.Rest, By: work.ByUnknown}
	offered    = work.Change{State: work.Offered, By: work.ByPlatform}
	talking    = work.Change{State: work.Talking, By: work.ByPlatform, Answered: true}
	wrapping   = work.Change{State: work.WrapUp, By: work.ByPlatform}
)

// online returns the machine of an agent that signed in and was told ready.
func online(p *work.Policy) work.Machine {
	m := work.NewMachine(p, true, work.Record{}, start)
	m.Begin(start)
	m.See(start, idle)
	return m
}

func at(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }

// expect checks what is next: "set", "look", "at SECONDS" or "" for nothing.
func expect(t *testing.T, m *work.Machine, s float64, want string) {
	t.Helper()
	a := m.Next(at(s))
	got := ""
	switch {
	case a.Do == work.DoSet:
		got = "set " + string(a.Wish)
	case a.Do == work.DoLook:
		got = "look"
	case !a.At.IsZero():
		got = fmt.Sprintf("at %g", a.At.Sub(start).Seconds())
	}
	if got != want {
		t.Errorf("at %g s: got %q, want %q (%+v)", s, got, want, m.Shown(at(s)))
	}
}

func TestRestore(t *testing.T) {
	m := online(ready())
	expect(t, &m, 40, "")
	m.See(at(50), unanswered)
	expect(t, &m, 50, "at 55")
	expect(t, &m, 55, "set ready")
	m.Leaving(at(55))
	expect(t, &m, 55, "")
	m.Answered(at(56), work.Taken, 0)
	expect(t, &m, 56, "at 60")
	if n := m.See(at(57), ended); !n.Reached || m.By != work.ByKeeper || m.State != work.Ready {
		t.Errorf("%+v, %+v", n, m.Standing)
	}
	expect(t, &m, 57, "")
	m.See(at(60), unanswered)
	expect(t, &m, 60, "at 70") // twice as long
	m.See(at(62), offered)
	expect(t, &m, 80, "at 182") // never in a call; one that is offered for long is doubted
	m.See(at(82), talking)
	if left := m.Left(at(82)); left != 6 {
		t.Errorf("an answered call clears the count: %d left", left)
	}
	expect(t, &m, 500, "")
}

// An effect that is not seen is read back once before anything else.
func TestReadBack(t *testing.T) {
	for name, test := range map[string]struct {
		c     work.Change
		ok    bool
		state work.State
		by    work.By
		next  string
	}{
		"reached":  {work.Change{State: work.Ready}, true, work.Ready, work.ByKeeper, ""},
		"no":       {work.Change{State: work.Busy}, true, work.Busy, work.ByPlatform, "at 65"}, // 55 + twice 5
		"other":    {work.Change{State: work.Rest}, true, work.Rest, work.ByUnknown, ""},
		"call":     {work.Change{State: work.Talking}, true, work.Talking, work.ByPlatform, ""},
		"silence":  {work.Change{}, false, work.Busy, work.ByPlatform, "at 66"},
		"pre-rest": {work.Change{State: work.Rest, Pre: true}, true, work.Rest, work.ByUnknown, "at 181"},
	} {
		t.Run(name, func(t *testing.T) {
			m := online(ready())
			m.See(at(50), unanswered)
			m.Leaving(at(55))
			m.Answered(at(55), work.Taken, 0)
			expect(t, &m, 60, "look")
			m.Looking()
			expect(t, &m, 61, "")
			m.Looked(at(61), test.c, test.ok)
			if m.State != test.state || m.By != test.by {
				t.Errorf("%+v", m.Standing)
			}
			expect(t, &m, 61, test.next)
		})
	}
}

// What was refused is read back at once, and counts; what never left does not.
func TestAnswers(t *testing.T) {
	m := online(ready())
	m.See(at(50), unanswered)
	m.Leaving(at(55))
	m.Answered(at(55), work.NotSent, 20*time.Second)
	if left := m.Left(at(55)); left != 6 {
		t.Errorf("%d left", left)
	}
	expect(t, &m, 55, "at 75")
	m.Leaving(at(75))
	m.Answered(at(76), work.Refused, 0)
	if left := m.Left(at(76)); left != 5 {
		t.Errorf("%d left", left)
	}
	expect(t, &m, 76, "look")
	m.Looking()
	m.Looked(at(76), work.Change{State: work.Busy}, true)
	expect(t, &m, 76, "at 85")
}

func TestHolds(t *testing.T) {
	for name, test := range map[string]struct {
		c      work.Change
		change func(p *work.Policy)
		want   work.Hold
	}{
		"inspector": {inspected, nil, work.HoldInspector},
		"program":   {asked, nil, work.HoldProgram},
		"rest":      {resting, nil, work.HoldUnknown},
		"cause":     {unanswered, func(p *work.Policy) { p.Restore = []work.Cause{work.Phone} }, work.HoldPlatform},
		"limit":     {unanswered, func(p *work.Policy) { p.Limit = 0 }, work.HoldLimit},
		"call":      {offered, nil, work.HoldInCall},
		"wrap-up":   {wrapping, nil, work.HoldWrapUp},
		"pre":       {work.Change{State: work.Rest, By: work.ByUnknown, Pre: true}, nil, work.HoldInCall},
		"unknown":   {work.Change{State: work.Unknown, By: work.ByUnknown}, nil, work.HoldUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			p := ready()
			if test.change != nil {
				test.change(p)
			}
			m := online(p)
			m.See(at(100), test.c)
			if got := m.Shown(at(110)).HeldBack; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if a := m.Next(at(110)); a.Do == work.DoSet {
				t.Error("it is changed all the same")
			}
		})
	}
}

// A person's newer word goes over what a program or an inspector did; what they do
// after it is left alone again.
func TestWord(t *testing.T) {
	policy := work.DefaultPolicy()
	m := online(&policy)
	m.See(at(100), asked)
	expect(t, &m, 110, "")
	m.Say(&work.Word{Wish: work.WishReady, At: at(110), Until: at(500)})
	expect(t, &m, 110, "set ready")
	m.Leaving(at(110))
	m.See(at(111), ended)
	m.Answered(at(111), work.Taken, 0)
	m.See(at(120), asked)
	expect(t, &m, 130, "at 500")
	if got := m.Shown(at(130)); got.HeldBack != work.HoldProgram || got.Wished == nil {
		t.Errorf("%+v", got)
	}
	m.See(at(140), inspected)
	expect(t, &m, 145, "at 500")
	if got := m.Shown(at(145)).HeldBack; got != work.HoldInspector {
		t.Error(got)
	}
	m.Say(&work.Word{Wish: work.WishReady, At: at(150)})
	expect(t, &m, 150, "set ready")
	m.See(at(160), offered)
	m.Say(&work.Word{Wish: work.WishRest, Code: "7", At: at(170), Until: at(770)})
	expect(t, &m, 170, "at 280")
	m.See(at(180), idle)
	if a := m.Next(at(180)); a.Do != work.DoNothing { // the platform made it ready after the word
		t.Errorf("%+v", a)
	}
	want := work.Action{Do: work.DoSet, Wish: work.WishRest, Code: "7", For: 585 * time.Second, Restores: true}
	long := m
	long.Say(&work.Word{Wish: work.WishRest, At: at(181), Until: at(1e6)})
	if got := long.Next(at(185)).For; got != 86399*time.Second {
		t.Errorf("a rest of %v", got)
	}
	if diff := cmp.Diff(want, m.Next(at(185))); diff != "" {
		t.Error(diff)
	}
}

// The wrap-up after a call ends at its most; one that a program asked for does not.
func TestWrapUp(t *testing.T) {
	p := ready()
	p.WrapUpMax = time.Minute
	m := online(p)
	m.See(at(100), talking)
	m.See(at(200), wrapping)
	expect(t, &m, 200, "at 260")
	expect(t, &m, 260, "set ready")
	m.Asked(at(210), work.WrapUp)
	m.See(at(211), work.Change{State: work.WrapUp, By: work.ByUnknown})
	expect(t, &m, 400, "")
	if got := m.Shown(at(400)); got.By != work.ByProgram || got.HeldBack != work.HoldProgram {
		t.Errorf("%+v", got)
	}
}

// The state of a sign-in with another status is the sign-in's own.
func TestSignIn(t *testing.T) {
	m := work.NewMachine(ready(), true, work.Record{}, start)
	m.Begin(start)
	m.See(at(1), idle)
	m.See(at(1), work.Change{State: work.Busy, By: work.ByProgram, Code: "0"})
	if m.By != work.ByKeeper {
		t.Errorf("%+v", m.Standing)
	}
	expect(t, &m, 1, "set ready")
	m.See(at(2), idle)
	m.See(at(3), work.Change{State: work.Busy, By: work.ByProgram, Code: "0"})
	if m.By != work.ByProgram {
		t.Errorf("%+v", m.Standing)
	}
}

// After an adoption the state is unknown until it is read back: what agrees with the
// record is as it was, what differs is nobody's and left alone.
func TestAdoption(t *testing.T) {
	m := online(ready())
	m.See(at(50), unanswered)
	m.Leaving(at(55))
	m.Answered(at(55), work.Taken, 0)
	m.See(at(56), ended)
	m.See(at(60), unanswered)
	r := m.Record()
	for name, test := range map[string]struct {
		state work.State
		by    work.By
		next  string
	}{
		"agrees": {work.Busy, work.ByPlatform, "set ready"}, "rests": {work.Rest, work.ByUnknown, ""}, "ready": {work.Ready, work.ByUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := work.NewMachine(ready(), true, r, at(100))
			m.Adopt(at(130))
			if got := m.Shown(at(100)); got.State != work.Unknown || got.HeldBack != work.HoldUnknown || got.RestoresLeft != 5 {
				t.Errorf("%+v", got)
			}
			expect(t, &m, 100, "at 130")
			if diff := cmp.Diff(r, m.Record()); diff != "" {
				t.Error("the record changes before anything is known:", diff)
			}
			expect(t, &m, 130, "look")
			m.Looking()
			m.Looked(at(131), work.Change{State: test.state, By: work.ByUnknown}, true)
			if m.State != test.state || m.By != test.by {
				t.Errorf("%+v", m.Standing)
			}
			expect(t, &m, 131, test.next)
		})
	}
	t.Run("asked", func(t *testing.T) { // the command left, and the process died
		m := online(ready())
		m.See(at(50), unanswered)
		m.Leaving(at(55))
		m = work.NewMachine(ready(), true, m.Record(), at(60))
		m.Adopt(at(60))
		m.Looking()
		m.Looked(at(61), work.Change{State: work.Ready}, true)
		if m.By != work.ByKeeper {
			t.Errorf("%+v", m.Standing)
		}
	})
}

// However many calls are not answered, the restores keep to the limit, also when the
// process is restarted between them, and each waits longer than the one before.
func TestEndlessUnanswered(t *testing.T) {
	p := ready()
	m := online(p)
	var sent []time.Time
	now := start.Add(time.Minute)
	for range 10_000 {
		m.See(now, unanswered)
		for {
			a := m.Next(now)
			if a.Do == work.DoSet {
				break
			}
			if a.At.IsZero() {
				t.Fatal("it waits for ever")
			}
			now = a.At
		}
		m.Leaving(now)
		sent = append(sent, now)
		m = work.NewMachine(p, true, m.Record(), now)
		m.Adopt(now)
		m.Looking()
		m.Looked(now, idle, true)
		now = now.Add(20 * time.Second)
	}
	checkLimit(t, sent, p)
	for i, want := range []time.Duration{30 * time.Second, 40 * time.Second, 60 * time.Second, 100 * time.Second, 180 * time.Second} {
		if got := sent[i+1].Sub(sent[i]); got != want {
			t.Errorf("pause %d: %v, want %v", i, got, want)
		}
	}
	if got := sent[6].Sub(sent[5]); got != time.Hour {
		t.Errorf("at the limit it waits for %v", got)
	}
}

func checkLimit(t *testing.T, sent []time.Time, p *work.Policy) {
	t.Helper()
	for i := p.Limit; i < len(sent); i++ {
		if sent[i].Sub(sent[i-p.Limit]) < p.Within {
			t.Fatalf("more than %d commands within %v: %v", p.Limit, p.Within, sent[i-p.Limit:i+1])
		}
	}
}

// At the limit the wish is held back until the time has passed since the last try, and
// not since the first.
func TestLimitSinceLast(t *testing.T) {
	m := online(ready())
	now := 100.0
	for range 6 {
		m.See(at(now), unanswered)
		m.Leaving(at(now))
		m.See(at(now), ended)
		now += 100
	}
	m.See(at(now), unanswered)
	for _, s := range []float64{now, 3650, 3701, 4199} { // the first tries are over
		if got := m.Shown(at(s)); got.HeldBack != work.HoldLimit || !got.HeldUntil.Equal(at(4200)) || got.RestoresLeft != 0 {
			t.Errorf("at %g: %+v", s, got)
		}
	}
	expect(t, &m, 4200, "set ready")
	if left := m.Left(at(4200)); left != 6 {
		t.Errorf("%d left", left)
	}
}

// What a program asked for in a call may come after it: nothing is changed before.
func TestAskedInCall(t *testing.T) {
	p := ready()
	p.WrapUpMax = time.Second
	m := online(p)
	m.See(at(100), talking)
	m.Asked(at(110), work.Busy)
	m.See(at(300), wrapping)
	expect(t, &m, 305, "at 310")
	m.See(at(306), asked)
	if m.By != work.ByProgram {
		t.Errorf("%+v", m.Standing)
	}
	expect(t, &m, 400, "")
}
