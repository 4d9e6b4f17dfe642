package session

import "time"

// learn takes an outcome in and says how a session was lost with it.
func (m *Machine) learn(o Outcome) Loss {
	if o.Resume {
		m.parked = ReasonNone
		m.nextAt, m.fails = time.Time{}, 0
	}
	if o.Kind == Woken {
		m.learnWoken(o)
		return LossNone
	}
	switch m.last.Do {
	case DoSignIn:
		m.learnSignIn(o)
	case DoNext:
		return m.learnNext(o)
	case DoSignOut:
		m.learnSignOut(o)
	case DoProbe:
		m.learnProbe(o)
	case DoNothing, DoWait, DoPark, DoDone: // nothing was asked of the platform
	}
	return LossNone
}

// renewPatience is the pause after a renewal, or a probe, that was not let
// through while a session is held.
const renewPatience = 5 * time.Second

func (m *Machine) learnWoken(o Outcome) {
	if m.last.Force {
		m.forced.giveBack()
	}
	if m.last.Renew && !o.Resume {
		m.nextAt = m.now.Add(m.spread(renewPatience, m.policy.Max))
	}
	if m.last.Do == DoProbe && m.held && o.Wish == Stay {
		m.probeLater()
	}
	if o.Renew && m.held && !m.renew {
		m.renewed++
		m.renew, m.nextAt = true, m.now.Add(m.backoff(m.renewed-1))
	}
}

// probeLater lets the session be asked before the next probe, for as long as one
// poll may take.
func (m *Machine) probeLater() {
	at := m.now.Add(m.policy.Terms.Grace + m.spread(renewPatience, m.policy.Max))
	if m.doubt == OpSignIn {
		m.until = at
		return
	}
	m.nextAt = at
}

func (m *Machine) learnSignIn(o Outcome) {
	forced := m.last.Force
	m.force = false
	if forced && o.displacedNobody() {
		m.forced.giveBack()
	}
	m.own = o.Kind == Taken && (m.last.Renew || m.before(later(m.orphanUntil, m.ownUntil)))
	switch {
	case o.Kind == OK:
		m.begin()
	case o.Kind == Refused:
		m.park(ReasonRefused)
	case o.Kind == Doubt:
		m.fails++
		m.probeAnswered = false
		m.unanswered(OpSignIn, o)
	case m.last.Replace:
		m.putOff(o)
	case o.Kind == Taken && m.last.Renew:
		m.fails++
		m.wait(m.heldBy(), max(o.After, m.signInDelay()))
	case o.Kind == Taken:
		m.learnTaken(o, forced)
	default:
		m.fails++
		m.wait(ReasonOutage, max(o.After, m.signInDelay()))
	}
}

// displacedNobody reports whether a forced sign-in that ended so left whoever
// holds the session alone: the platform said no, or was not asked.
func (o Outcome) displacedNobody() bool {
	switch o.Kind {
	case Taken, Refused, Busy, Lost:
		return true
	default:
		return o.Cause == CauseStore
	}
}

// putOff notes a probe, or a sign-in, that did not help to replace a session
// which is thought dead. The session is kept, and asked meanwhile.
func (m *Machine) putOff(o Outcome) {
	m.probeAnswered = false
	m.replaceTries++
	rest := max(o.After, m.backoff(m.replaceTries))
	if o.Kind == Taken { // it is signed in, by us: the platform needs a window's silence to let go
		rest = max(rest, m.policy.Window/2)
	}
	m.wait(ReasonOutage, rest)
}

func (m *Machine) begin() {
	m.held, m.unproven = true, false
	m.started, m.contact = m.now, m.now
	m.pollFails, m.retry = 0, time.Time{}
	m.doubt, m.reason = OpNone, ReasonNone
	m.orphanUntil, m.ownUntil = time.Time{}, time.Time{}
	m.renew, m.fails = false, 0
	m.notLeaving()
	m.endDoubts()
}

// notLeaving forgets the sign-outs that failed: nobody is on the way out.
func (m *Machine) notLeaving() {
	m.busy, m.signOutFailures = false, 0
	m.outAt = time.Time{}
}

// endDoubts ends the doubts that answers without a verdict made.
func (m *Machine) endDoubts() {
	if m.replaceTries > 0 {
		m.replaceTries, m.nextAt = 0, time.Time{}
	}
	m.unclassified, m.probeAnswered = 0, false
}

func (m *Machine) learnTaken(o Outcome, forced bool) {
	mayForce := m.policy.Terms.Force && !forced && o.Cause != CauseUnforceable
	switch {
	case mayForce && m.forced.left(m.now, m.policy.Terms):
		m.force, m.nextAt = true, time.Time{}
		m.reason = m.heldBy()
		return
	case mayForce && !m.own:
		m.park(ReasonReplaced)
		return
	}
	m.fails++
	m.wait(m.heldBy(), max(o.After, m.signInDelay()))
}

// heldBy is the reason of a wait after "taken".
func (m *Machine) heldBy() Reason {
	switch {
	case m.own && m.before(m.ownUntil):
		return ReasonLost
	case m.own:
		return ReasonDoubt
	}
	return ReasonTaken
}

func (m *Machine) learnNext(o Outcome) Loss {
	switch o.Kind {
	case OK:
		m.alive()
		m.renew = m.renew || o.Renew
		return LossNone
	case Lost, Taken:
		return m.lose(o)
	default: // no answer, or none about the session
	}
	m.renew = m.renew || o.Renew
	m.pollFails++
	silent := m.silent()
	m.retry = m.now.Add(max(o.After, m.pollRetry(m.pollFails, silent)))
	m.unclassified = min(m.unclassified+1, unclassifiedLimit)
	if known := m.now.Sub(m.restored) > m.policy.Window; !silent || !known || !o.Cause.Answered() {
		m.unclassified, m.probeAnswered = 0, false
	}
	return LossNone
}

// unclassifiedLimit is how many answers in a row, beyond the window, that are no verdict
// raise the question whether the session lives.
const unclassifiedLimit = 2

func (m *Machine) alive() {
	m.contact, m.unproven = m.now, false
	m.pollFails, m.retry = 0, time.Time{}
	m.endDoubts()
	if m.now.Sub(m.started) >= m.policy.stable() {
		m.shortSessions, m.renewed = 0, 0
	}
	if m.doubt == OpSignOut && !m.now.Before(m.until) {
		m.doubt = OpNone
	}
	m.pollAfterDoubt = m.doubt == OpSignOut && m.pollAfterDoubt
}

// lose ends a session by the platform's word and says how it was lost.
func (m *Machine) lose(o Outcome) Loss {
	loss := m.lossOf(o)
	lasted := m.now.Sub(m.started) >= m.policy.stable()
	m.end()
	m.letGo(o)
	switch {
	case m.doubt == OpSignOut:
		return LossNone // the sign-out was carried out
	case o.Cause == CauseRestart: // nobody else did it, and how long it would have lasted is not known
		m.wait(ReasonLost, m.backoff(m.fails))
		return loss
	}
	if m.shortSessions++; lasted {
		m.shortSessions = 0
	}
	if o.Kind == Taken && !m.forced.take(m.now, m.policy.Terms) {
		m.park(ReasonReplaced)
		return loss
	}
	switch {
	case m.shortSessions > pauseAfter:
		m.wait(ReasonTaken, m.spread(evictionPause, evictionPause))
	case o.Kind == Taken:
		m.wait(ReasonTaken, max(o.After, m.backoff(1)))
	default:
		m.wait(ReasonLost, m.signInDelay())
	}
	return loss
}

func (m *Machine) lossOf(o Outcome) Loss {
	switch {
	case m.silent() && !m.unproven:
		return LossOutage
	case o.Kind == Taken:
		return LossTaken
	case o.Cause == CauseClosed, o.Cause == CauseRestart:
		return LossClosed
	case o.Cause == CauseExpired:
		return LossExpired
	}
	return LossLost
}

func (m *Machine) end() {
	m.held, m.unproven = false, false
	m.renew = false
	m.pollFails, m.retry = 0, time.Time{}
	m.leaving = leaving{}
	m.endDoubts()
}

// letGo notes until when the platform may count a session of ours that ended.
// Where it says itself that there is none, a sign-in that is "taken" after that
// is another client's doing.
func (m *Machine) letGo(o Outcome) {
	m.ownUntil = time.Time{}
	if o.Kind == OK || o.Cause == CauseClosed || o.Cause == CauseRestart {
		m.ownUntil = m.now.Add(m.policy.Window)
	}
}

func (m *Machine) learnSignOut(o Outcome) {
	switch o.Kind {
	case OK, Lost, Taken:
		m.end()
		m.letGo(o)
		m.doubt, m.reason = OpNone, ReasonNone
		m.fails, m.shortSessions = 0, 0
	case Doubt:
		m.signOutFailures++
		m.unanswered(OpSignOut, o)
		m.pollAfterDoubt = true
	case Busy, Refused:
		m.signOutFailures++
		m.busy, m.reason = true, ReasonBusy
		m.outAt = m.now.Add(max(o.After, m.backoff(m.signOutFailures)))
	default:
		m.signOutFailures++
		m.busy, m.reason = false, ReasonOutage
		m.outAt = m.now.Add(max(o.After, m.backoff(m.signOutFailures)))
	}
}

func (m *Machine) learnProbe(o Outcome) {
	failed := o.Kind == Outage || o.Kind == Doubt
	switch {
	case m.maybeDead() && failed:
		m.putOff(o)
		return
	case m.maybeDead():
		m.askOnce()
		return
	case failed:
		m.fails++
		m.until = m.now.Add(max(o.After, m.backoff(m.fails)))
		return
	}
	m.doubt, m.nextAt = OpNone, time.Time{}
	if m.maybeDead() {
		m.askOnce()
	}
}

// askOnce has the session asked once more, and at once, because the platform
// showed itself working: the answer decides whether a new session is tried.
func (m *Machine) askOnce() {
	m.probeAnswered, m.unclassified = true, unclassifiedLimit-1
	m.retry = time.Time{}
}

// unanswered notes an operation whose answer never came.
func (m *Machine) unanswered(op Op, o Outcome) {
	sent := o.Sent
	if sent.IsZero() {
		sent = m.now
	}
	m.doubt, m.reason = op, ReasonDoubt
	m.until = later(sent.Add(m.policy.OpTimeout), m.now.Add(m.backoff(max(m.fails, 1))))
	if op == OpSignIn {
		m.orphanUntil = sent.Add(m.policy.OpTimeout + m.policy.Window)
	}
}

func (m *Machine) wait(r Reason, d time.Duration) {
	m.reason, m.nextAt = r, m.now.Add(d)
}

func (m *Machine) park(r Reason) { m.parked, m.force = r, false }

// signInDelay grows with failures and with sessions that did not last; the
// first sign-in after a loss is at once.
func (m *Machine) signInDelay() time.Duration {
	return m.backoff(m.fails + max(m.shortSessions-1, 0))
}

// silent reports whether the platform gave no sign of life for longer than it
// would forgive us.
func (m *Machine) silent() bool { return m.now.Sub(m.contact) > m.policy.Window }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
