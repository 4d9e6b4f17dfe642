package session

import "time"

func (m *Machine) decide(o Outcome) Action {
	switch {
	case o.Wish == Quit:
		return Action{Do: DoDone}
	case m.last.Do == DoSignIn && o.Kind == OK:
		return m.next(o.Wish)
	case o.Wish == Leave:
		return m.leave()
	}
	return m.stay()
}

// next asks for a sign of life; an agent that is leaving comes back soon.
func (m *Machine) next(w Wish) Action {
	if w == Leave {
		return Action{Do: DoNext, For: max(m.policy.Terms.Grace, time.Millisecond)}
	}
	return Action{Do: DoNext}
}

func (m *Machine) stay() Action {
	m.notLeaving()
	switch {
	case m.held:
		return m.keep()
	case m.doubt == OpSignIn && m.before(m.until):
		return m.waitUntil(m.until)
	case m.doubt == OpSignIn:
		return Action{Do: DoProbe}
	case m.parked != ReasonNone:
		return Action{Do: DoPark}
	case m.doubt == OpSignOut && m.before(m.until):
		return m.waitUntil(m.until)
	case m.before(m.nextAt):
		return m.waitUntil(m.nextAt)
	}
	m.doubt = OpNone
	return m.signIn()
}

// keep goes on with a live session, and renews it where it asked for that.
func (m *Machine) keep() Action {
	renew := m.renew && m.parked == ReasonNone && m.doubt == OpNone
	switch {
	case m.doubt == OpSignIn && !m.before(m.until):
		return Action{Do: DoProbe}
	case renew && !m.before(m.nextAt):
		return Action{Do: DoSignIn, Renew: true}
	case m.maybeDead() && !m.before(m.nextAt):
		return m.replace()
	case m.before(m.retry):
		return m.waitUntil(m.retry)
	case m.doubt == OpSignIn:
		return Action{Do: DoNext, For: m.until.Sub(m.now)}
	case renew:
		return Action{Do: DoNext, For: m.nextAt.Sub(m.now)}
	}
	return Action{Do: DoNext}
}

// maybeDead reports whether the session may be dead though nobody says so: beyond
// the window every answer was one that is no verdict, so that the platform may
// have signed the agent out for its silence. Then, as soon as a probe shows the
// platform working and the session's next request brings no verdict all the
// same, a new session is tried. The old one is kept until there is a new one: a
// server before the platform that answers in its place must not end it.
func (m *Machine) maybeDead() bool {
	settled := m.doubt == OpNone || (m.doubt == OpSignOut && !m.before(m.until.Add(m.policy.Window)))
	return m.held && m.unclassified >= unclassifiedLimit && m.parked == ReasonNone && settled
}

// replace goes one step towards a new session in the place of one that is adrift.
func (m *Machine) replace() Action {
	if !m.probeAnswered {
		return Action{Do: DoProbe}
	}
	m.doubt = OpNone
	return Action{Do: DoSignIn, Renew: true, Replace: true}
}

func (m *Machine) signIn() Action {
	if m.force {
		if !m.forced.take(m.now, m.policy.Terms) {
			m.park(ReasonReplaced)
			return Action{Do: DoPark}
		}
	}
	return Action{Do: DoSignIn, Force: m.force}
}

func (m *Machine) leave() Action {
	m.force = false
	switch {
	case !m.held:
		return m.leaveUnheld()
	case m.doubt != OpNone && m.before(m.until):
		return m.waitUntil(m.until)
	case m.doubt == OpSignIn:
		return Action{Do: DoProbe}
	case m.pollAfterDoubt && m.before(m.retry):
		return m.waitUntil(m.retry)
	case m.pollAfterDoubt:
		return m.next(Leave)
	case m.before(m.outAt) && m.busy && m.before(m.retry):
		return m.waitUntil(m.retry)
	case m.before(m.outAt) && m.busy:
		return Action{Do: DoNext, For: m.outAt.Sub(m.now)}
	case m.before(m.outAt):
		return m.waitUntil(m.outAt)
	}
	return Action{Do: DoSignOut}
}

// leaveUnheld waits until a session that may exist, and whose key we never
// saw, was signed out by the platform for its silence.
func (m *Machine) leaveUnheld() Action {
	if free := later(m.until, m.orphanUntil); (m.doubt != OpNone || !m.orphanUntil.IsZero()) && m.before(free) {
		return m.waitUntil(free)
	}
	m.doubt, m.orphanUntil = OpNone, time.Time{}
	m.nextAt, m.fails = time.Time{}, 0
	return Action{Do: DoPark}
}

func (m *Machine) before(t time.Time) bool { return m.now.Before(t) }

func (m *Machine) waitUntil(t time.Time) Action {
	return Action{Do: DoWait, For: t.Sub(m.now)}
}

// enter notes what the agent does during an action, and why it waits where that
// is for the session that it holds.
func (m *Machine) enter(a Action, w Wish) {
	if a.Do == DoDone {
		return
	}
	m.state = m.stateDuring(a, w)
	if m.state == Waiting && m.held {
		m.reason = ReasonOutage
		if m.unproven {
			m.reason = ReasonDoubt
		}
	}
}

func (m *Machine) stateDuring(a Action, w Wish) State {
	switch {
	case a.Do == DoSignIn && !a.Renew:
		return SigningIn
	case w == Leave && a.Do != DoPark:
		return SigningOut
	case w == Leave:
		return Offline
	case m.held && !m.silent():
		return Online
	case m.held:
		return Waiting
	case a.Do == DoPark:
		return Parked
	}
	return Waiting
}
