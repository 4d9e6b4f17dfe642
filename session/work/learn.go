package work

import "time"

// News is what a Change was to a machine.
type News struct {
	Changed bool // the standing is another one
	// Forced tells that the platform or an inspector made the agent busy, or had it
	// rest.
	Forced bool
	// Reached tells that the keeper's command had its effect, Failed that it had none.
	Reached, Failed bool
}

// See takes an event.
func (m *Machine) See(now time.Time, c Change) News {
	if c.Answered {
		m.tries = nil
	}
	if c.State == "" || (c.State == Offered && m.State == Talking) {
		return News{}
	}
	m.live = true
	m.record = nil
	m.look.wanted, m.look.fails = false, 0 // an event is newer than what was asked before it
	return m.turn(now, c, m.author(now, c))
}

// author tells who brought about what an event tells.
func (m *Machine) author(now time.Time, c Change) By {
	switch {
	case c.Sure, c.State.InCall(), c.State == Unknown:
		return c.By
	case m.ask.state == c.State:
		return m.ask.by
	case c.State == m.State && m.By == ByInspector && now.Sub(m.Since) < Patience: // it is told twice
		return ByInspector
	case now.Before(m.fresh) && (c.State == Busy || c.State == WrapUp):
		return ByKeeper
	}
	return c.By
}

// turn makes c the standing, with its author.
func (m *Machine) turn(now time.Time, c Change, by By) News {
	next := seen{Standing{State: c.State, By: by, Code: c.Code, Reason: c.Reason, Since: now}, c.Cause}
	var n News
	if m.ask.state == c.State && !c.Pre {
		n.Reached = m.ask.by == ByKeeper && by == ByKeeper
		m.ask = ask{}
	}
	m.endFresh(c.State)
	if m.State.InCall() && !c.State.InCall() && m.ask.by == ByProgram {
		m.ask.until = now.Add(settle) // what was asked in the call comes after it
	}
	m.pre = c.Pre
	same := next.State == m.State && next.By == m.By && next.Code == m.Code
	if same {
		return n
	}
	forcing := by == ByPlatform || by == ByInspector
	n.Changed, n.Forced = true, forcing && (c.State == Busy || c.State == Rest)
	m.seen = next
	return n
}

// endFresh ends the time after a sign-in in which the first state is the sign-in's own.
func (m *Machine) endFresh(s State) {
	if s.InCall() || s == Busy || s == WrapUp {
		m.fresh = time.Time{}
	}
}

// Looked takes the answer to a read-back; ok is false where it told nothing. What
// agrees with what was known confirms all of that. Another state is the keeper's
// where it was asked for, and otherwise nobody knows whose.
func (m *Machine) Looked(now time.Time, c Change, ok bool) News {
	wanted := m.look.wanted
	m.look.out, m.look.last = false, now
	switch {
	case !wanted: // an event came meanwhile
		return News{}
	case !ok || c.State == "":
		m.look.due = now.Add(Policy{After: lookFirst}.Pause(m.look.fails))
		m.look.fails++
		m.look.wanted = m.wish(now).State() != "" || m.look.fails < looksUnwished
		return News{}
	}
	before, asked := m.before()
	m.record = nil
	m.look.wanted, m.look.fails = false, 0
	if m.pre = c.Pre; !c.Pre {
		m.ask = ask{}
	}
	n := News{Failed: asked != "" && asked != c.State, Reached: asked == c.State && !c.Pre}
	if asked == c.State || before.State != c.State {
		by := ByUnknown
		switch {
		case asked == c.State:
			by = ByKeeper
		case c.State.InCall():
			by = ByPlatform
		}
		before = seen{Standing{State: c.State, By: by, Since: now}, ""}
	}
	n.Changed = m.State != before.State || m.By != before.By || m.Code != before.Code
	m.seen = before
	return n
}

// before returns the state that a read-back is compared with, and the one that the
// keeper asked for and has not seen come.
func (m *Machine) before() (state seen, asked State) {
	if m.record != nil {
		return m.record.standing(), m.record.Asked
	}
	if m.ask.by == ByKeeper {
		asked = m.ask.state
	}
	return m.seen, asked
}
