package work_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"agentkeeper/session/work"
)

// world is a platform that does with one agent what it likes, and the oracle: it knows
// who did what, and checks every command against the rules.
type world struct {
	t      *testing.T
	random *rand.Rand
	now    time.Time
	m      work.Machine
	policy *work.Policy

	state work.State
	by    work.By
	sent  []time.Time // since the count was last cleared
	all   int
	read  bool // a read-back or an event since the last command
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%v: %s; the agent is %s by %s; %+v", w.now.Sub(start), fmt.Sprintf(format, args...), w.state, w.by, w.m.Shown(w.now))
}

// become lets the platform set a state; heard tells whether the event arrives.
func (w *world) become(c work.Change, by work.By, heard bool) {
	w.state, w.by = c.State, by
	if heard {
		w.m.See(w.now, c)
		w.read = true
		if c.Answered {
			w.sent = nil
		}
	}
}

// happen is anything but the keeper's doing.
func (w *world) happen() {
	switch n := w.random.IntN(20); {
	case n < 6:
		w.become(offered, work.ByPlatform, true)
	case n < 9 && w.state == work.Offered:
		w.become(talking, work.ByPlatform, true)
	case n < 14 && w.state == work.Offered:
		w.become(unanswered, work.ByPlatform, true)
	case n < 12 && w.state == work.Talking:
		w.become(wrapping, work.ByPlatform, true)
	case n < 15 && w.state == work.WrapUp:
		w.become(idle, work.ByPlatform, true)
	case n == 15:
		w.become(inspected, work.ByInspector, true)
	case n == 16:
		w.m.Asked(w.now, work.Busy)
		w.become(asked, work.ByProgram, true)
	case n == 17:
		w.become(idle, work.ByProgram, true)
	case n == 18: // another process goes on, and much may have happened
		w.m = work.NewMachine(w.policy, true, w.m.Record(), w.now)
		w.m.Adopt(w.now.Add(time.Duration(w.random.IntN(30)) * time.Second))
		if w.random.IntN(2) == 0 && w.state != work.Rest { // another busy could not be told from the one on record
			w.become(resting, work.ByUnknown, false)
		}
	case n == 19 && w.random.IntN(4) == 0:
		w.m.Say(&work.Word{Wish: work.WishReady, At: w.now, Until: w.now.Add(time.Minute)})
		w.sent = nil
	}
}

// act carries out what is due.
func (w *world) act() {
	switch a := w.m.Next(w.now); a.Do {
	case work.DoLook:
		w.m.Looking()
		if w.random.IntN(5) == 0 {
			w.m.Looked(w.now, work.Change{}, false)
			return
		}
		w.m.Looked(w.now, work.Change{State: w.state, By: work.ByUnknown}, true)
		w.read = true
	case work.DoSet:
		w.command(a)
	}
}

func (w *world) command(a work.Action) {
	spoken := w.m.Shown(w.now).Wished != nil
	switch {
	case w.state.InCall():
		w.fail("a command in a call")
	case w.state == work.Ready:
		w.fail("a command that changes nothing")
	case w.by == work.ByInspector && !spoken:
		w.fail("a command against an inspector")
	case (w.by == work.ByProgram || w.by == work.ByUnknown) && !spoken:
		w.fail("a command against a program, or nobody knows whom")
	case !w.read:
		w.fail("a command before the effect of the last one is known")
	}
	w.m.Leaving(w.now)
	w.sent = append(w.sent, w.now)
	w.all++
	checkLimit(w.t, w.sent, w.policy)
	w.read = false
	switch w.random.IntN(6) {
	case 0: // refused
		w.m.Answered(w.now, work.Refused, 0)
	case 1: // in doubt, without the effect
		w.m.Answered(w.now, work.Taken, 0)
	case 2: // in doubt, with the effect, of which no event comes
		w.state, w.by = work.Ready, work.ByKeeper
		w.m.Answered(w.now, work.Taken, 0)
	case 3: // never left
		w.sent = w.sent[:len(w.sent)-1]
		w.read = true
		w.m.Answered(w.now, work.NotSent, time.Second)
	default:
		w.m.Answered(w.now, work.Taken, 0)
		w.become(ended, work.ByKeeper, true)
	}
}

// patient is how long a platform's busy may last at most where nothing holds the wish
// back: the longest pause, and a read-back before and after it.
const patient = work.MostAfter + 4*work.Patience

// A day of calls at random: no command breaks a rule, and whenever the agent is wished
// ready and is not, the reason or the next attempt is shown.
func TestRandomDays(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	total := 0
	for seed := range seeds {
		p := ready()
		w := &world{t: t, random: rand.New(rand.NewPCG(uint64(seed), 13)), now: start, policy: p, m: online(p), state: work.Ready, by: work.ByPlatform, read: true}
		next := start
		for w.now.Before(start.Add(24 * time.Hour)) {
			if !w.now.Before(next) {
				w.happen()
				next = w.now.Add(time.Duration(1+w.random.IntN(120)) * time.Second)
			}
			w.act()
			w.check()
			w.now = w.now.Add(time.Second)
		}
		total += w.all
	}
	if total < seeds*10 {
		t.Errorf("%d commands in all: the days were dull", total)
	}
}

func (w *world) check() {
	s := w.m.Shown(w.now)
	a := w.m.Next(w.now)
	switch {
	case s.State == work.Ready, s.HeldBack != work.HoldNone, w.m.Asking(), a.Do != work.DoNothing:
	case s.NextAttempt.IsZero() && a.At.IsZero():
		w.fail("wished ready, not ready, and neither a reason nor an attempt is shown")
	case s.NextAttempt.Sub(w.now) > patient:
		w.fail("the next attempt is %v away", s.NextAttempt.Sub(w.now))
	}
	if s.HeldBack != work.HoldNone && !slices.Contains(work.Holds(), s.HeldBack) {
		w.fail("an unknown reason")
	}
}
