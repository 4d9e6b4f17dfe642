package session

import (
	"slices"
	"time"
)

// Memo is what of a machine survives a restart. It is part of the agent's
// [Record] and durable before the next action.
type Memo struct {
	Parked Reason
	Reason Reason
	// Code, Text and Action explain the parking or the wait to people.
	Code, Text, Action string

	Doubt Op        // an operation whose answer never came
	Until time.Time // no operation before
	// OrphanUntil, OwnUntil and ShortSessions are stored under older names.
	OrphanUntil   time.Time `json:"Ghost"`         // until then the platform may hold a session whose key was never seen
	OwnUntil      time.Time `json:"Ours,omitzero"` // until then it may not have let go of the session held last
	Fails         int
	ShortSessions int `json:"Shorts"`
	NextAt        time.Time
	Forced        []time.Time
}

// Memo returns what must survive. Its instants are the wall clock's alone.
func (m Machine) Memo() Memo {
	memo := Memo{
		Parked: m.parked, Reason: m.reason, Doubt: m.doubt, Until: m.until.Round(0), OrphanUntil: m.orphanUntil.Round(0), OwnUntil: m.ownUntil.Round(0),
		Fails: m.fails, ShortSessions: m.shortSessions, NextAt: m.nextAt.Round(0),
	}
	for _, at := range m.forced.list() {
		memo.Forced = append(memo.Forced, at.Round(0))
	}
	return memo
}

// Calm reports whether Memo would return the zero Memo, at less cost: beside its
// session there is nothing about the agent that must survive.
func (m *Machine) Calm() bool {
	return m.parking == parking{} && m.fails == 0 && m.shortSessions == 0 && m.nextAt.IsZero() && m.forced.at == nil &&
		m.doubt == OpNone && m.until.IsZero() && m.orphanUntil.IsZero() && m.ownUntil.IsZero()
}

// Restore returns a machine that goes on from a record at the instant now. A key
// in it is held and waits for its proof; an intent in it is an operation in
// doubt until its deadline.
//
// The wall clock may have been set since the record was written, or may be wrong
// now. So no wait is longer than it was when it was written, nor longer than p
// allows, and nothing that has happened lies in the future.
func Restore(p Policy, seed uint64, r Record, now time.Time) Machine {
	m, memo := New(p, seed), r.Memo
	c := restored{now, r.Written}
	m.parked, m.reason = memo.Parked, memo.Reason
	m.doubt = memo.Doubt
	m.fails, m.shortSessions = memo.Fails, memo.ShortSessions
	m.until = c.future(memo.Until, p.doubtMost())
	m.orphanUntil = c.future(memo.OrphanUntil, p.doubtMost()+p.Window)
	m.ownUntil = c.future(memo.OwnUntil, p.Window)
	m.nextAt = c.future(memo.NextAt, m.waitMost(r.Written))
	m.forced.restore(memo.Forced, c)
	if !r.Key.IsZero() {
		m.holding = holding{held: true, unproven: true, started: c.past(r.Started), contact: c.past(r.LastContact), restored: now}
		m.pollAfterDoubt = m.doubt == OpSignOut
	}
	if r.Intent.Op != OpNone {
		m.doubt, m.until = r.Intent.Op, c.future(r.Intent.Deadline, p.doubtMost())
		m.reason = ReasonDoubt
		m.pollAfterDoubt = m.held && m.doubt == OpSignOut
		if m.doubt == OpSignIn {
			m.orphanUntil = m.until.Add(p.Window)
		}
	}
	return m
}

// intentSlack is how much longer than the policy's time for an operation an
// intent may stand: the writing of the intent itself is counted in.
const intentSlack = 5 * time.Second

// doubtMost is the longest that an unanswered operation is waited out.
func (p Policy) doubtMost() time.Duration { return max(p.OpTimeout+intentSlack, p.Max) }

// restMost is the longest rest that an adapter lets a platform ask for.
const restMost = time.Hour

// waitMost is the longest wait for the next sign-in that a record can hold. A
// platform's own word (Retry-After) may be longer than any back-off; what does
// not tell when it was written is not trusted so far.
func (m *Machine) waitMost(written time.Time) time.Duration {
	switch {
	case !written.IsZero():
		return max(m.policy.Max, restMost)
	case m.shortSessions > pauseAfter:
		return max(m.policy.Max, evictionPause)
	}
	return m.policy.Max
}

// restored reads the instants of a record that was written at another time,
// perhaps by another clock. What it returns is measured from now, so that a
// clock set later changes nothing.
type restored struct{ now, written time.Time }

// future returns t, but no further ahead than it was when it was written, and
// than most.
func (r restored) future(t time.Time, most time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	left := min(t.Sub(r.now), most)
	if !r.written.IsZero() {
		left = min(left, t.Sub(r.written))
	}
	return r.now.Add(left)
}

// past returns t, or now where t has yet to come.
func (r restored) past(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return r.now.Add(min(0, t.Sub(r.now)))
}

// SetClock measures every instant of m anew from now: after the wall clock was
// set, and after the machine slept for slept while its monotonic clock stood
// still. What was due in a minute stays due in a minute, less the sleep.
func (m *Machine) SetClock(now time.Time, slept time.Duration) {
	move := func(t *time.Time) {
		if !t.IsZero() {
			*t = now.Add(t.Sub(now) - slept)
		}
	}
	for _, t := range []*time.Time{&m.now, &m.started, &m.contact, &m.restored, &m.retry, &m.until, &m.orphanUntil, &m.ownUntil, &m.nextAt, &m.outAt} {
		move(t)
	}
	m.forced.move(move)
}

// forcedMost is how many forced sign-ins and evictions are remembered.
const forcedMost = 16

// budget counts the forced sign-ins and evictions of late. It is a value: what at
// points to is never changed.
type budget struct {
	at []time.Time // the last forcedMost, oldest first; nil: nothing yet
}

func (b *budget) left(now time.Time, t Terms) bool {
	used := 0
	for _, at := range b.at {
		if now.Sub(at) < t.ForceWithin {
			used++
		}
	}
	return used < min(t.ForceLimit, forcedMost)
}

func (b *budget) take(now time.Time, t Terms) bool {
	if !b.left(now, t) {
		return false
	}
	b.set(append(slices.Clone(b.at), now))
	return true
}

// giveBack undoes the last take: its sign-in never left, or displaced nobody.
func (b *budget) giveBack() {
	if n := len(b.at); n > 0 {
		b.set(b.at[:n-1])
	}
}

func (b *budget) set(at []time.Time) {
	b.at = slices.Clip(at[max(0, len(at)-forcedMost):])
	if len(at) == 0 {
		b.at = nil
	}
}

func (b *budget) list() []time.Time { return b.at }

func (b *budget) restore(stored []time.Time, c restored) {
	list := make([]time.Time, 0, len(stored))
	for _, at := range stored {
		if !at.IsZero() {
			list = append(list, c.past(at))
		}
	}
	b.set(list)
}

// move has every entry measured anew.
func (b *budget) move(move func(*time.Time)) {
	b.at = slices.Clone(b.at)
	for i := range b.at {
		move(&b.at[i])
	}
}
