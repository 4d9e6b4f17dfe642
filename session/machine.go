package session

import (
	"sync/atomic"
	"time"
)

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
	*rules
	seed  uint64
	now   time.Time
	last  Action
	state State

	holding
	silence
	doubts
	renewal
	attempts
	leaving
	parking
}

// rules are never changed, but replaced: copies of a machine share them, and so do
// the machines of a platform.
type rules struct{ policy Policy }

// recent is what some machine was given last.
var recent atomic.Pointer[rules]

func rulesOf(p Policy) *rules {
	if r := recent.Load(); r != nil && r.policy == p {
		return r
	}
	r := &rules{p}
	recent.Store(r)
	return r
}

// holding is the session that may be alive.
type holding struct {
	held     bool      // a key is held
	unproven bool      // it was adopted and no answer has come yet
	started  time.Time // of the session
	contact  time.Time // last proof of life
	restored time.Time // when a process took the session over; how long it was silent before is not known
}

// silence is what went wrong with the session's own requests.
type silence struct {
	pollFails     int       // failed Next in a row
	retry         time.Time // next Next, after a failed one
	unclassified  int       // answers that are no verdict, beyond the window, in a row
	replaceTries  int       // failed attempts, in a row, to replace the session because of these
	probeAnswered bool      // a probe was answered well since these began
}

// doubts are what the platform may be doing, or holding, that we do not know of.
type doubts struct {
	doubt       Op        // the operation whose answer never came
	own         bool      // the last "taken" was put down to a session of ours
	until       time.Time // no operation before; the platform is done with the doubtful one by then
	orphanUntil time.Time // until then the platform may hold a session whose key we never saw
	ownUntil    time.Time // until then it may not have let go of the session that was held last
}

// renewal is of the session's credential.
type renewal struct {
	renew   bool // it is to be renewed
	renewed int  // renewals asked for from outside since a session lasted
}

// attempts are those to sign in.
type attempts struct {
	fails         int       // failed ones in a row
	shortSessions int       // sessions in a row that did not last
	nextAt        time.Time // the next one
	force         bool      // it may be forced
	forced        budget    // forced ones, and evictions
}

// leaving is the way out.
type leaving struct {
	busy            bool      // the sign-out was refused during a call
	pollAfterDoubt  bool      // the platform's answer after a doubtful sign-out is still due
	signOutFailures int       // failed sign-outs in a row
	outAt           time.Time // next sign-out
}

// parking is why an agent stands still.
type parking struct {
	parked Reason // until a person's word; ReasonNone: it is not parked
	reason Reason // of waiting
}

// evictions in a row of short sessions after which the next sign-in waits for evictionPause.
const (
	pauseAfter    = 10
	evictionPause = 15 * time.Minute
)

// New returns a machine that knows nothing and holds nothing. seed makes its
// jitter; give every agent its own.
func New(p Policy, seed uint64) Machine {
	return Machine{rules: rulesOf(p), seed: seed, state: Offline}
}

// SetPolicy replaces the times and terms; delays already running are kept.
func (m *Machine) SetPolicy(p Policy) { m.rules = rulesOf(p) }

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
	m.enter(a, o.Wish)
	return a
}
