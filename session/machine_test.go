package session

import (
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"agentkeeper/test/raced"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func testPolicy(force bool) Policy {
	return Policy{
		Initial: time.Second, Max: time.Minute, OpTimeout: 30 * time.Second, Window: 2 * time.Minute,
		Terms: Terms{Grace: 12 * time.Second, Force: force, ForceLimit: 3, ForceWithin: 10 * time.Minute},
	}
}

// truth is what an outside observer knows; the invariants are judged by it and
// not by the machine's own fields.
type truth struct {
	in        bool      // the platform holds a session of ours, and we have its key
	contact   time.Time // its last good answer
	ghost     time.Time // it may hold one without our having a key, until then
	doubtEnd  time.Time // an unanswered operation may still be under way until then
	mustProbe bool      // it was not followed by a probe yet
	asked     bool      // the session asked to be renewed
	parked    bool
	takenLast bool      // the last sign-in answered was Taken
	ours      time.Time // the platform may not have let go of the session that we held last, until then
	sane      bool      // a probe was answered well since a request of the session was
	oddSince  bool      // and then a request of the session was answered without a verdict
	forces    []time.Time
}

type node struct {
	m  Machine
	t  truth
	at time.Time
	w  Wish
}

// key identifies a node up to a shift in time, so that exploration ends.
type key struct {
	w      Wish
	do     Do
	doubt  Op
	parked Reason
	flags  [20]bool
	counts [11]int
}

func (n node) key() key {
	rel := func(t time.Time) int { // none, past, inside an operation's time, later
		switch d := t.Sub(n.at); {
		case t.IsZero():
			return 0
		case d <= 0:
			return 1
		case d <= n.m.policy.OpTimeout:
			return 2
		default:
			return 3
		}
	}
	old := func(t time.Time) bool { return n.at.Sub(t) > n.m.policy.Window }
	m := n.m
	forced := 0
	for _, at := range m.forced.at {
		if !at.IsZero() && n.at.Sub(at) < m.policy.Terms.ForceWithin {
			forced++
		}
	}
	return key{
		n.w, m.last.Do, m.doubt, m.parked,
		[...]bool{m.last.Force, m.last.Renew, m.held, m.unproven, old(m.started), old(m.contact), rel(m.retry) > 1,
			rel(m.nextAt) > 1, m.renew, m.force, m.busy, rel(m.outAt) > 1, m.pollAfterDoubt, n.t.in, n.t.asked, n.t.mustProbe, n.t.parked,
			m.probeAnswered, n.t.oddSince, rel(m.ownUntil) > 1},
		[...]int{min(m.pollFails, 2), min(m.unclassified, 2), rel(m.until), rel(m.orphanUntil), min(m.fails, 2), min(m.shortSessions, 2),
			min(m.renewed, 1), forced, min(m.signOutFailures, 2), rel(n.t.ghost), min(m.replaceTries, 1)},
	}
}

// alphabet is what is tried on every state.
type alphabet struct {
	kinds  []Outcome // ends of Next, SignIn and SignOut
	renew  bool      // sessions may ask to be renewed
	resume bool      // a person may come in at any time, and not only where something waits
	slow   bool      // things may take short and long
}

func everything() alphabet {
	a := alphabet{resume: true, slow: true, kinds: []Outcome{{Kind: Woken}}}
	for _, k := range Kinds() {
		a.kinds = append(a.kinds, Outcome{Kind: k})
	}
	a.kinds = append(a.kinds, Outcome{Kind: Taken, Cause: CauseUnforceable})
	return a
}

// endings has the ways in which a session ends that the platform may not have let
// go of, and leaves out what does not matter to them.
func endings() alphabet {
	return alphabet{slow: true, kinds: []Outcome{{Kind: Woken}, {Kind: OK}, {Kind: Outage}, {Kind: Lost}, {Kind: Lost, Cause: CauseClosed},
		{Kind: Lost, Cause: CauseRestart}, {Kind: Taken}, {Kind: Doubt}, {Kind: Refused}, {Kind: Busy}}}
}

// nonsense has answers that are no verdict, and leaves out what does not matter
// to them.
func nonsense() alphabet {
	return alphabet{slow: true, kinds: []Outcome{{Kind: Woken}, {Kind: OK}, {Kind: Outage, Cause: CauseAnswered}, {Kind: Outage},
		{Kind: Lost}, {Kind: Taken}, {Kind: Doubt}, {Kind: Refused}}}
}

// renewals leaves out what does not matter to a renewal, for there are many
// more states with one.
func renewals() alphabet {
	a := alphabet{renew: true}
	for _, k := range []Kind{Woken, OK, Outage, Lost, Doubt, Refused, Taken} {
		a.kinds = append(a.kinds, Outcome{Kind: k})
	}
	return a
}

// outcomesOf lists the ways in which an action can end.
func (l alphabet) outcomesOf(a Action) []Outcome {
	switch a.Do {
	case DoNothing, DoPark:
		return []Outcome{{Kind: Woken}}
	case DoWait:
		return []Outcome{{Kind: OK}, {Kind: Woken}}
	case DoProbe:
		return []Outcome{{Kind: OK}, {Kind: Lost}, {Kind: Outage}, {Kind: Woken}}
	case DoNext:
		if l.renew {
			return append([]Outcome{{Kind: OK, Renew: true}, {Kind: Woken, Renew: true}}, l.kinds...)
		}
	}
	return l.kinds
}

func (l alphabet) durations(a Action) []time.Duration {
	switch {
	case a.Do == DoNext && !l.slow:
		return []time.Duration{10 * time.Second}
	case a.Do != DoWait && a.Do != DoPark && !l.slow:
		return []time.Duration{30 * time.Second}
	}
	switch a.Do {
	case DoWait:
		return []time.Duration{a.For}
	case DoNext:
		return []time.Duration{10 * time.Second, 3 * time.Minute}
	case DoPark:
		return []time.Duration{time.Hour}
	}
	return []time.Duration{100 * time.Millisecond, 30 * time.Second}
}

// step applies one outcome to the observer and the machine and checks every
// invariant on the edge.
func step(n node, o Outcome, took time.Duration) (node, Action, error) {
	before, last := n, n.m.last.Do
	if n.m.last.Do == DoWait && o.Kind == Woken {
		took /= 2
	}
	n.at, n.w = n.at.Add(took), o.Wish
	o.Now = n.at
	if o.Kind == Doubt {
		o.Sent = before.at
	}
	n.t.observe(before, o)
	a := n.m.Next(o)
	err := n.t.judge(before, n.at, o, a, n.m.policy)
	if own := n.at.Before(n.t.ours) || n.at.Before(n.t.ghost); err == nil && own && o.Kind == Taken && last == DoSignIn && n.m.reason == ReasonTaken {
		err = fmt.Errorf("a session of our own is called taken")
	}
	return n, a, err
}

func (t *truth) observe(before node, o Outcome) {
	last, p := before.m.last, before.m.policy
	answered := o.Kind != Woken && o.Kind != Outage && o.Kind != Doubt
	switch {
	case o.Kind == Woken && o.Renew:
		t.asked = true
	case o.Kind == Woken && last.Force: // it never left
		t.forces = t.forces[:len(t.forces)-1]
	case o.Kind == Woken:
	case last.Do == DoSignIn:
		t.takenLast = o.Kind == Taken && o.Cause != CauseUnforceable
		if refused := o.Kind == Taken || o.Kind == Refused || o.Kind == Lost || o.Kind == Busy; refused && last.Force {
			t.forces = t.forces[:len(t.forces)-1] // it displaced nobody
		}
		if o.Kind == OK {
			t.in = true
			t.ghost = time.Time{}
			t.contact = before.at
			t.asked = false
			t.ours = time.Time{}
			t.sane = false
			t.oddSince = false
		}
		if o.Kind == Doubt {
			t.ghost = before.at.Add(p.OpTimeout + p.Window)
		}
		t.parked = o.Kind == Refused
	case last.Do == DoSignOut:
		if o.Kind == OK || o.Kind == Lost || o.Kind == Taken {
			t.in = false
			t.letGo(o, before.at, p)
		}
	case last.Do == DoNext:
		t.observeNext(o, before.at, p)
	case last.Do == DoProbe && t.in:
		t.sane, t.oddSince = t.sane || o.Kind == OK || o.Kind == Lost, false
	}
	if (last.Do == DoNext || last.Do == DoProbe) && answered {
		t.mustProbe = false
	}
	if (last.Do == DoSignIn || last.Do == DoSignOut) && o.Kind == Doubt {
		t.doubtEnd, t.mustProbe = before.at.Add(p.OpTimeout), true
	}
	if o.Resume {
		t.parked = false
	}
}

func (t *truth) observeNext(o Outcome, sent time.Time, p Policy) {
	switch {
	case o.Kind == Lost, o.Kind == Taken:
		t.in = false
		t.sane = false
		t.oddSince = false
		t.letGo(o, sent, p)
	case o.Kind == OK:
		t.contact = sent
		t.asked = t.asked || o.Renew
		t.sane = false
		t.oddSince = false
	default:
		t.oddSince = t.sane && o.Cause == CauseAnswered
	}
}

// letGo is what becomes of a session that ended without the platform's word that
// there is none.
func (t *truth) letGo(o Outcome, sent time.Time, p Policy) {
	if t.ours = (time.Time{}); o.Kind == OK || o.Cause == CauseClosed || o.Cause == CauseRestart {
		t.ours = sent.Add(p.Window)
	}
}

func (t *truth) judge(before node, now time.Time, o Outcome, a Action, p Policy) error {
	op := a.Do == DoSignIn || a.Do == DoSignOut
	defer func() { t.in = t.in && a.Loss == LossNone }()
	last := before.m.last
	switch {
	case last.Do == DoSignIn && o.Kind == OK && o.Wish != Quit && a.Do != DoNext:
		return fmt.Errorf("a good sign-in was followed by %v, not by next", a.Do)
	case a.Replace && (!a.Renew || !t.in):
		return fmt.Errorf("a session is replaced that is not held")
	case a.Replace && (now.Sub(t.contact) <= p.Window || !t.sane || !t.oddSince):
		return fmt.Errorf("a session is replaced inside the window, or before it was asked once more of a platform that works")
	case a.Renew && !a.Replace && (!t.in || !t.asked):
		return fmt.Errorf("a renewal that no live session asked for")
	case a.Renew && t.parked:
		return fmt.Errorf("a renewal of a session whose renewal was refused")
	case a.Renew:
	case last.Do == DoNext && o.Kind == OK && o.Wish == Stay && a.Do != DoNext && before.m.doubt != OpSignIn:
		return fmt.Errorf("a good poll was followed by %v, not by next", a.Do)
	case a.Loss != LossNone && t.in:
		return fmt.Errorf("a session given up without the platform's word")
	case a.Do == DoSignIn && t.in:
		return fmt.Errorf("sign-in over a session that is held")
	case a.Do == DoSignIn && o.Wish != Stay:
		return fmt.Errorf("sign-in against the wish %v", o.Wish)
	case a.Do == DoSignOut && o.Wish != Leave:
		return fmt.Errorf("sign-out against the wish %v", o.Wish)
	case a.Do == DoSignIn && t.parked:
		return fmt.Errorf("sign-in of a parked agent")
	case op && now.Before(t.doubtEnd):
		return fmt.Errorf("%v while the unanswered operation may still be under way", a.Do)
	case op && t.mustProbe && !now.After(t.doubtEnd.Add(p.Window-time.Second)):
		return fmt.Errorf("%v after an unanswered operation without a probe", a.Do)
	case a.Force && (!p.Terms.Force || !t.takenLast):
		return fmt.Errorf("forced sign-in without a plain one that was taken, or against the terms")
	case a.Do == DoPark && o.Wish == Leave && (t.in || now.Before(t.ghost)):
		return fmt.Errorf("left, but may be signed in")
	case a.Do == DoDone && o.Wish != Quit:
		return fmt.Errorf("done without being told to quit")
	case a.Do == DoWait && (a.For <= 0 || a.For > 15*time.Minute):
		return fmt.Errorf("a wait of %v", a.For)
	case o.Wish == Quit && a.Do != DoDone:
		return fmt.Errorf("%v, though told to quit", a.Do)
	}
	return t.judgeForce(now, a, p)
}

func (t *truth) judgeForce(now time.Time, a Action, p Policy) error {
	if !a.Force {
		return nil
	}
	t.forces = append([]time.Time(nil), t.forces...)
	recent := t.forces[:0]
	for _, at := range t.forces {
		if now.Sub(at) < p.Terms.ForceWithin {
			recent = append(recent, at)
		}
	}
	t.forces = append(recent, now)
	if len(t.forces) > p.Terms.ForceLimit {
		return fmt.Errorf("%d forced sign-ins within %v", len(t.forces), p.Terms.ForceWithin)
	}
	return nil
}

// TestEveryEdge enumerates every reachable state of the machine times every
// outcome, wish and duration, and checks the invariants on each edge. It
// explores breadth first up to a shift in time; a violation prints its path.
//
// Under the race detector only the first part runs: the machine is a pure value
// without concurrency, and test/run.sh runs the whole without the detector.
func TestEveryEdge(t *testing.T) {
	t.Run("force=false", func(t *testing.T) { everything().explore(t, testPolicy(false)) })
	if raced.Enabled {
		return
	}
	t.Run("force=true", func(t *testing.T) { everything().explore(t, testPolicy(true)) })
	t.Run("endings, force=false", func(t *testing.T) { endings().explore(t, testPolicy(false)) })
	t.Run("endings, force=true", func(t *testing.T) { endings().explore(t, testPolicy(true)) })
	t.Run("nonsense, force=false", func(t *testing.T) { nonsense().explore(t, testPolicy(false)) })
	t.Run("nonsense, force=true", func(t *testing.T) { nonsense().explore(t, testPolicy(true)) })
	t.Run("renewals", func(t *testing.T) { renewals().explore(t, testPolicy(false)) })
}

// wishes are what an outcome can come with.
var wishes = []struct {
	w      Wish
	resume bool
}{{Stay, false}, {Stay, true}, {Leave, false}, {Leave, true}, {Quit, false}}

type visit struct {
	node
	path *trail
}

type trail struct {
	at   time.Time
	last Do
	o    Outcome
	took time.Duration
	a    Action
	up   *trail
}

func (p *trail) String() string {
	var lines []string
	for ; p != nil; p = p.up {
		lines = append([]string{fmt.Sprintf("%8s %v -> %v (cause %v, wish %v, resume %v, took %v) => %+v",
			p.at.Sub(start), p.last, p.o.Kind, p.o.Cause, p.o.Wish, p.o.Resume, p.took, p.a)}, lines...)
	}
	return strings.Join(lines, "\n")
}

func (l alphabet) explore(t *testing.T, p Policy) {
	first := node{m: New(p, 1), at: start}
	queue := []visit{{node: first}}
	seen := map[key]bool{first.key(): true}
	edges, states := 0, map[State]bool{}
	actions := map[Do]bool{}
	for len(queue) > 0 && edges < 4_000_000 {
		v := queue[0]
		queue = queue[1:]
		for next, last := range v.expand(t, l) {
			edges++
			states[next.m.State()], actions[next.m.last.Do] = true, true
			if next.m.last.Do == DoDone {
				continue
			}
			next.m.seed = 1 // the same jitter everywhere, so that nodes recur
			if k := next.key(); !seen[k] {
				seen[k] = true
				path := last // only what is kept needs memory of its own
				queue = append(queue, visit{next, &path})
			}
		}
	}
	t.Logf("%d states, %d edges", len(seen), edges)
	if len(queue) > 0 {
		t.Errorf("%d nodes left unexplored after %d edges", len(queue), edges)
	}
	for _, s := range States() {
		if !states[s] {
			t.Errorf("state %s was never reached", s)
		}
	}
	for d := DoSignIn; d <= DoDone; d++ {
		if !actions[d] {
			t.Errorf("action %v was never chosen", d)
		}
	}
}

// expand goes along every edge that leaves v.
func (v visit) expand(t *testing.T, l alphabet) iter.Seq2[node, trail] {
	return func(yield func(node, trail) bool) {
		for _, o := range l.outcomesOf(v.m.last) {
			for _, took := range l.durations(v.m.last) {
				for _, wish := range wishes {
					if wish.resume && !l.resume && v.m.last.Do != DoPark {
						continue
					}
					o.Wish, o.Resume = wish.w, wish.resume
					n, a, err := step(v.node, o, took)
					last := trail{n.at, v.m.last.Do, o, took, a, v.path}
					if err != nil {
						t.Fatalf("%v\n%v", err, &last)
					}
					if !yield(n, last) {
						return
					}
				}
			}
		}
	}
}
