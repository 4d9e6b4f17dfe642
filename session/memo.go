package session

import "time"

// Memo is what of a machine survives a restart. It is part of the agent's
// [Record] and durable before the next action.
type Memo struct {
	Parked Reason
	Reason Reason
	// Code, Text and Action explain the parking or the wait to people.
	Code, Text, Action string

	Doubt  Op        // an operation whose answer never came
	Until  time.Time // no operation before
	Ghost  time.Time // until then the platform may hold a session whose key was never seen
	Fails  int
	Shorts int
	NextAt time.Time
	Forced []time.Time
}

// Memo returns what must survive.
func (m Machine) Memo() Memo {
	return Memo{
		Parked: m.parked, Reason: m.reason, Doubt: m.doubt, Until: m.until, Ghost: m.ghost,
		Fails: m.fails, Shorts: m.shorts, NextAt: m.nextAt, Forced: m.forced.list(),
	}
}

// Restore returns a machine that goes on from a record. A key in it is held
// and waits for its proof; an intent in it is an operation in doubt until its
// deadline.
func Restore(p Policy, seed uint64, r Record) Machine {
	m := New(p, seed)
	memo := r.Memo
	m.parked, m.reason, m.doubt, m.until = memo.Parked, memo.Reason, memo.Doubt, memo.Until
	m.fails, m.shorts, m.nextAt, m.ghost = memo.Fails, memo.Shorts, memo.NextAt, memo.Ghost
	m.forced.restore(memo.Forced)
	if !r.Key.IsZero() {
		m.held, m.unproven, m.started, m.contact = true, true, r.Started, r.LastContact
		m.refresh = m.doubt == OpSignOut
	}
	if r.Intent.Op != OpNone {
		m.doubt, m.until, m.reason = r.Intent.Op, r.Intent.Deadline, ReasonDoubt
		m.refresh = m.held && m.doubt == OpSignOut
		if m.doubt == OpSignIn {
			m.ghost = m.until.Add(p.Window)
		}
	}
	return m
}

// budget counts the forced sign-ins and evictions of late. It is a value.
type budget struct {
	at [16]time.Time // a ring; zero = free
	n  int           // index of the next
}

func (b *budget) left(now time.Time, t Terms) bool {
	used := 0
	for _, at := range b.at {
		if !at.IsZero() && now.Sub(at) < t.ForceWithin {
			used++
		}
	}
	return used < min(t.ForceLimit, len(b.at))
}

func (b *budget) take(now time.Time, t Terms) bool {
	if !b.left(now, t) {
		return false
	}
	b.at[b.n] = now
	b.n = (b.n + 1) % len(b.at)
	return true
}

// giveBack undoes the last take: its sign-in never left.
func (b *budget) giveBack() {
	b.n = (b.n + len(b.at) - 1) % len(b.at)
	b.at[b.n] = time.Time{}
}

func (b budget) list() []time.Time {
	var list []time.Time
	for i := range b.at {
		if at := b.at[(b.n+i)%len(b.at)]; !at.IsZero() {
			list = append(list, at)
		}
	}
	return list
}

func (b *budget) restore(list []time.Time) {
	*b = budget{}
	if len(list) > len(b.at) {
		list = list[len(list)-len(b.at):]
	}
	b.n = copy(b.at[:], list) % len(b.at)
}
