package session

import "time"

// Do is what a driver is to carry out next.
type Do uint8

// What a driver can be told to do.
const (
	DoNothing Do = iota // before the first decision
	DoSignIn            // Platform.SignIn, through the gate
	DoNext              // Session.Step, until it returns without a Wait
	DoWait              // let Action.For pass
	DoSignOut           // Session.SignOut
	DoProbe             // Platform.Probe
	DoPark              // wait until woken
	DoDone              // stop driving; the session, if any, stays signed in
)

// String returns the action's name.
func (d Do) String() string {
	return [...]string{"nothing", "sign in", "next", "wait", "sign out", "probe", "park", "done"}[d]
}

// Action is one decision of the machine.
type Action struct {
	Do    Do
	For   time.Duration // of DoWait; of DoNext: come back (Woken) after this time, 0 = when it returns by itself
	Force bool          // of DoSignIn
	Renew bool          // of DoSignIn: a session is held, and stays in use until the sign-in succeeded
	// Replace, of DoSignIn with Renew, tells that the session held is no longer
	// thought to live: a sign-in that succeeds replaces a session that was lost.
	Replace bool
	Loss    Loss // a session was lost with the outcome that led here
}

// Outcome is how the last action ended, and what is wished now.
type Outcome struct {
	Now    time.Time
	Wish   Wish
	Resume bool // a person's word, or a changed secret or configuration: ends a parking and a wait
	Kind   Kind
	Cause  Cause
	After  time.Duration // not before
	Renew  bool          // of Next: the session asks to be renewed; of Woken: somebody else does
	Sent   time.Time     // of an operation that ended in Doubt: when its request left; zero = Now
}

// Machine decides what one agent does next. It is a value: copies are
// independent, and the same outcomes give the same actions. Next is the only
// way that it changes. It holds these rules, whatever the order of outcomes:
//
//   - a sign-in that succeeded is followed by Next (or Done on Quit);
//   - no sign-in while a session is held, unless its credential is to be
//     renewed, or the platform was silent about it beyond the window although a
//     probe showed it working; what comes of such a sign-in does not end the
//     session, success aside;
//   - after an unanswered operation no other one without a pause that covers
//     the platform's time for it, and then a probe (Next with the key where
//     one is held);
//   - Refused parks; only Resume ends a parking;
//   - a forced sign-in follows a plain one that was answered Taken, by the
//     account's terms only, where force can help, and within their limit, in
//     which only those count that may have displaced somebody;
//   - Leave does not come to rest while the platform may hold a session of ours;
//   - neither silence of the platform nor answers that are no verdict ever end a
//     session; only the platform's word does, or a sign-in that it accepts;
//   - "taken" within the time that the platform may need to let go of a session
//     of ours is put down to that session, not to another client.
type Machine struct {
	policy Policy
	seed   uint64
	now    time.Time
	last   Action

	held      bool      // a key is held that may be alive
	unproven  bool      // it was adopted and no answer has come yet
	started   time.Time // of the session
	contact   time.Time // last proof of life
	restored  time.Time // when a process took the session over; how long it was silent before is not known
	pollFails int       // failed Next in a row
	retry     time.Time // next Next, after a failed one
	odd       int       // answers that are no verdict, beyond the window, in a row
	sane      bool      // a probe was answered well since these began
	tries     int       // failed attempts, in a row, to replace the session because of these

	doubt Op        // the operation whose answer never came
	until time.Time // no operation before; the platform is done with the doubtful one by then
	ghost time.Time // until then the platform may hold a session whose key we never saw
	ours  time.Time // until then it may not have let go of the session that was held last
	own   bool      // the last "taken" was put down to a session of ours

	renew   bool // the session's credential is to be renewed
	renewed int  // renewals asked for from outside since a session lasted

	fails  int       // failed sign-ins in a row
	shorts int       // sessions in a row that did not last
	nextAt time.Time // next sign-in
	force  bool      // the next sign-in may be forced
	forced budget    // forced sign-ins and evictions

	busy    bool      // sign-out was refused during a call
	outs    int       // failed sign-outs in a row
	outAt   time.Time // next sign-out
	parked  Reason    // not ReasonNone: parked
	reason  Reason    // of waiting
	state   State
	refresh bool // leaving: the platform's answer after a doubtful sign-out is still due
}

// evictions in a row of short sessions after which a truce is kept.
const (
	truceAfter = 10
	truce      = 15 * time.Minute
)

// New returns a machine that knows nothing and holds nothing. seed makes its
// jitter; give every agent its own.
func New(p Policy, seed uint64) Machine {
	return Machine{policy: p, seed: seed, state: Offline}
}

// SetPolicy replaces the times and terms; delays already running are kept.
func (m *Machine) SetPolicy(p Policy) { m.policy = p }

// Held reports whether a session is held.
func (m Machine) Held() bool { return m.held }

// Stalled reports whether a live session's renewal was refused: it lives on,
// and nothing renews it before Resume.
func (m Machine) Stalled() bool { return m.held && m.parked != ReasonNone }

// State returns what the agent is doing since the last Next.
func (m Machine) State() State { return m.state }

// Reason returns why, where the state has a reason.
func (m Machine) Reason() Reason {
	switch m.state {
	case Parked:
		return m.parked
	case Waiting, SigningOut:
		return m.reason
	default:
		return ReasonNone
	}
}

// Contact returns the last proof that the session lives; zero without one.
func (m Machine) Contact() time.Time { return m.contact }

// Started returns when the session began; zero without one.
func (m Machine) Started() time.Time { return m.started }

// Own reports whether the last sign-in was answered "taken" because of a session
// of ours: the one that is held, one that ended so lately that the platform may
// not have let go of it, or one whose sign-in was never answered.
func (m Machine) Own() bool { return m.own }

// Next takes the outcome of the last action and returns the next one. The
// first call's outcome is Woken.
func (m *Machine) Next(o Outcome) Action {
	m.now = o.Now
	loss := m.learn(o)
	a := m.decide(o)
	a.Loss = loss
	m.last = a
	m.state = m.stateDuring(a, o.Wish)
	return a
}

func (m *Machine) learn(o Outcome) Loss {
	if o.Resume {
		m.parked, m.nextAt, m.fails = ReasonNone, time.Time{}, 0
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
	m.own = o.Kind == Taken && (m.last.Renew || m.before(later(m.ghost, m.ours)))
	switch {
	case o.Kind == OK:
		m.begin()
	case o.Kind == Refused:
		m.park(ReasonRefused)
	case o.Kind == Doubt:
		m.fails++
		m.sane = false
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
	m.sane = false
	m.tries++
	rest := max(o.After, m.backoff(m.tries))
	if o.Kind == Taken { // it is signed in, by us: the platform needs a window's silence to let go
		rest = max(rest, m.policy.Window/2)
	}
	m.wait(ReasonOutage, rest)
}

func (m *Machine) begin() {
	m.held, m.unproven, m.started, m.contact = true, false, m.now, m.now
	m.pollFails, m.fails, m.outs, m.busy, m.renew = 0, 0, 0, false, false
	m.doubt, m.reason = OpNone, ReasonNone
	m.ghost, m.retry, m.outAt = time.Time{}, time.Time{}, time.Time{}
	m.ours = time.Time{}
	m.trusted()
}

// trusted ends the doubts that answers without a verdict made.
func (m *Machine) trusted() {
	if m.tries > 0 {
		m.tries, m.nextAt = 0, time.Time{}
	}
	m.odd, m.sane = 0, false
}

func (m *Machine) learnTaken(o Outcome, forced bool) {
	mayForce := m.policy.Terms.Force && !forced && o.Cause != CauseUnforceable
	switch {
	case mayForce && m.forced.left(m.now, m.policy.Terms):
		m.force, m.nextAt, m.reason = true, time.Time{}, m.heldBy()
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
	case m.own && m.before(m.ours):
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
	m.odd = min(m.odd+1, oddLimit)
	if known := m.now.Sub(m.restored) > m.policy.Window; !silent || !known || !o.Cause.Answered() {
		m.odd, m.sane = 0, false
	}
	return LossNone
}

// oddLimit is how many answers in a row, beyond the window, that are no verdict
// raise the question whether the session lives.
const oddLimit = 2

func (m *Machine) alive() {
	m.contact, m.unproven, m.pollFails, m.retry = m.now, false, 0, time.Time{}
	m.trusted()
	if m.now.Sub(m.started) >= m.policy.stable() {
		m.shorts, m.renewed = 0, 0
	}
	if m.doubt == OpSignOut && !m.now.Before(m.until) {
		m.doubt = OpNone
	}
	m.refresh = m.doubt == OpSignOut && m.refresh
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
	if m.shorts++; lasted {
		m.shorts = 0
	}
	if o.Kind == Taken && !m.forced.take(m.now, m.policy.Terms) {
		m.park(ReasonReplaced)
		return loss
	}
	switch {
	case m.shorts > truceAfter:
		m.wait(ReasonTaken, m.spread(truce, truce))
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
	m.held, m.unproven, m.busy, m.refresh, m.renew = false, false, false, false, false
	m.pollFails, m.outs = 0, 0
	m.retry, m.outAt = time.Time{}, time.Time{}
	m.trusted()
}

// letGo notes until when the platform may count a session of ours that ended.
// Where it says itself that there is none, a sign-in that is "taken" after that
// is another client's doing.
func (m *Machine) letGo(o Outcome) {
	m.ours = time.Time{}
	if o.Kind == OK || o.Cause == CauseClosed || o.Cause == CauseRestart {
		m.ours = m.now.Add(m.policy.Window)
	}
}

func (m *Machine) learnSignOut(o Outcome) {
	switch o.Kind {
	case OK, Lost, Taken:
		m.end()
		m.letGo(o)
		m.doubt, m.reason, m.fails, m.shorts = OpNone, ReasonNone, 0, 0
	case Doubt:
		m.outs++
		m.unanswered(OpSignOut, o)
		m.refresh = true
	case Busy, Refused:
		m.outs++
		m.busy, m.reason = true, ReasonBusy
		m.outAt = m.now.Add(max(o.After, m.backoff(m.outs)))
	default:
		m.outs++
		m.busy, m.reason = false, ReasonOutage
		m.outAt = m.now.Add(max(o.After, m.backoff(m.outs)))
	}
}

func (m *Machine) learnProbe(o Outcome) {
	failed := o.Kind == Outage || o.Kind == Doubt
	switch {
	case m.adrift() && failed:
		m.putOff(o)
		return
	case m.adrift():
		m.askOnce()
		return
	case failed:
		m.fails++
		m.until = m.now.Add(max(o.After, m.backoff(m.fails)))
		return
	}
	m.doubt, m.nextAt = OpNone, time.Time{}
	if m.adrift() {
		m.askOnce()
	}
}

// askOnce has the session asked once more, and at once, because the platform
// showed itself working: the answer decides whether a new session is tried.
func (m *Machine) askOnce() { m.sane, m.odd, m.retry = true, oddLimit-1, time.Time{} }

// unanswered notes an operation whose answer never came.
func (m *Machine) unanswered(op Op, o Outcome) {
	sent := o.Sent
	if sent.IsZero() {
		sent = m.now
	}
	m.doubt, m.reason = op, ReasonDoubt
	m.until = later(sent.Add(m.policy.OpTimeout), m.now.Add(m.backoff(max(m.fails, 1))))
	if op == OpSignIn {
		m.ghost = sent.Add(m.policy.OpTimeout + m.policy.Window)
	}
}

func (m *Machine) wait(r Reason, d time.Duration) {
	m.reason, m.nextAt = r, m.now.Add(d)
}

func (m *Machine) park(r Reason) { m.parked, m.force = r, false }

// signInDelay grows with failures and with sessions that did not last; the
// first sign-in after a loss is at once.
func (m *Machine) signInDelay() time.Duration {
	return m.backoff(m.fails + max(m.shorts-1, 0))
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
