package keeper

import (
	"slices"
	"time"

	"agentkeeper/session"
)

// View is what others may see of an agent, as of its last step.
type View struct {
	State           session.State
	Reason          session.Reason
	Code            string
	Detail          string // what the code means, in words
	Action          string // what a person can do
	Since           time.Time
	NextAttempt     time.Time // zero: none is due
	Queued          bool      // its sign-in, or the probe before it, waits in the gate's queue
	LastContact     time.Time
	Started         time.Time // of the session; zero without one
	Adopted         bool
	SignIns         uint64
	Events          uint64
	Warnings        []session.Warning
	PasswordExpires time.Time
	Wish            session.Wish
	History         []Transition // the last ones, oldest first
}

// Standing is what is counted of a View: it changes seldom.
type Standing struct {
	State           session.State
	Reason          session.Reason
	Queued          bool
	SignedIn        bool // it has a session, whatever its state
	Warned          bool // its session lives and yet needs a person
	PasswordExpires time.Time
}

// Standing returns what is counted of v.
func (v *View) Standing() Standing {
	return Standing{v.State, v.Reason, v.Queued, !v.Started.IsZero(), needsPerson(v.Warnings), v.PasswordExpires}
}

// needsPerson reports whether one of the warnings is more than a failed request.
func needsPerson(warnings []session.Warning) bool {
	return slices.ContainsFunc(warnings, func(w session.Warning) bool { return w.Code != RequestFailed })
}

// Transition is one change of state.
type Transition struct {
	At     time.Time
	State  session.State
	Reason session.Reason
	Code   string
}

// historyLength is how many transitions of an agent are remembered.
const historyLength = 10

// reporter is what the world sees of the agent, and what it was told. It belongs to
// the driver, which holds mu to change what others read of it.
type reporter struct {
	shown    standpoint
	queued   bool       // its sign-in, or the probe before it, waits in the gate's queue
	signedIn bool       // it has a session
	stored   bool       // which was adopted
	warned   bool       // it needs a person
	repeats  int32      // outcomes like the last one, not logged
	since    time.Time  // shown
	nextAt   *time.Time // the next attempt; nil: none is due
	events   uint64
	history  []transition // the last ones, oldest first
	alarms   *alarms      // nil: none
	notices  *notices     // what the session said when it was last asked; nil: nothing
	informed moment       // and when that was; 0: never

	logged  standpoint // the last line
	audited audited
}

// alarms are the warnings that are shown, and the codes of those that are logged.
type alarms struct {
	shown  []session.Warning
	logged []string
}

// notices are what a session wants people to know.
type notices struct {
	warnings []session.Warning
	expires  time.Time
}

// View returns a copy that stays as it is.
func (k *Keeper) View() View {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.brief()
	v.History = make([]Transition, len(k.history))
	for i, t := range k.history {
		v.History[i] = Transition{time.Unix(0, t.at), t.state.name(), t.reason.name(), t.code}
	}
	return v
}

// Brief returns View without its History, for those who look at all agents.
func (k *Keeper) Brief() View {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.brief()
}

// brief is Brief. The caller holds mu.
func (k *Keeper) brief() View {
	s := k.standing()
	v := View{
		State: s.State, Reason: s.Reason, Code: k.shown.code, Since: k.since, Queued: s.Queued,
		LastContact: k.machine.Contact(), SignIns: k.rec.signIns, Events: k.events, Wish: k.wish.Wish,
		PasswordExpires: s.PasswordExpires,
	}
	if k.alarms != nil {
		v.Warnings = k.alarms.shown
	}
	if k.nextAt != nil {
		v.NextAttempt = *k.nextAt
	}
	if s.Reason != session.ReasonNone {
		memo := k.rec.told()
		v.Detail, v.Action = memo.Text, memo.Action
	}
	if k.signedIn {
		v.Started, v.Adopted = k.machine.Started(), k.stored
	}
	return v
}

// Standing returns what is counted of the View.
func (k *Keeper) Standing() Standing {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.standing()
}

// standing is Standing. The caller holds mu.
func (k *Keeper) standing() Standing {
	s := Standing{State: k.shown.state.name(), Reason: k.shown.reason.name(), Queued: k.queued, SignedIn: k.signedIn, Warned: k.warned}
	if k.notices != nil {
		s.PasswordExpires = k.notices.expires
	}
	return s
}

// look brings the view up to date with the machine.
func (k *Keeper) look(a session.Action) {
	told, now := k.inform()
	k.mu.Lock()
	before := k.standing()
	k.notices, k.informed = told, now
	handed := k.hand(a.Do != session.DoNothing)
	k.reopen(a.Do)
	k.see(a)
	k.unlockTurned(before)
	if handed {
		k.owner.Handed()
	}
}

// see makes the view of an action. The caller holds mu.
func (k *Keeper) see(a session.Action) {
	m := &k.machine
	state, reason := m.State(), m.Reason()
	probes := a.Do == session.DoProbe && !m.Held() && k.wish.Wish == session.Stay
	k.queued = (a.Do == session.DoSignIn && !a.Renew) || probes
	if k.queued { // signing in begins when the gate lets it
		state, reason = session.Waiting, k.waitedFor()
	}
	k.shown.code = ""
	if reason != session.ReasonNone {
		k.shown.code = k.rec.told().Code
	}
	k.nextAt = nextAttempt(a, state, reason)
	k.signedIn = m.Held() && !m.Started().IsZero()
	k.stored = k.adopted || k.session == nil
	k.alarm(k.warnings(state))
	k.turn(state, reason)
}

// warnings returns what needs a person: what the session says, and what is seen of
// it here.
func (k *Keeper) warnings(state session.State) (list []session.Warning) {
	if k.notices != nil {
		list = slices.Clip(k.notices.warnings)
	}
	if k.machine.Stalled() {
		list = append(list, k.stalledRenewal())
	}
	if w, failing := k.failing(state); failing {
		list = append(list, w)
	}
	return list
}

// alarm shows warnings. What is logged of those before stays so.
func (k *Keeper) alarm(shown []session.Warning) {
	k.warned = needsPerson(shown)
	switch {
	case k.alarms == nil && len(shown) > 0:
		k.alarms = &alarms{shown: shown}
	case k.alarms != nil && len(shown) == 0 && len(k.alarms.logged) == 0:
		k.alarms = nil
	case k.alarms != nil:
		k.alarms.shown = shown
	}
}

// unlockTurned releases mu and tells of a standing that is not the one before.
func (k *Keeper) unlockTurned(before Standing) {
	now := k.standing()
	k.mu.Unlock()
	if now != before {
		k.owner.Turned(now)
	}
}

// nextAttempt returns when an agent that waits tries again; nil for one that
// does not wait. Of one in a call it is the next sign-out: polls go on meanwhile.
func nextAttempt(a session.Action, state session.State, reason session.Reason) *time.Time {
	inCall := a.Do == session.DoNext && reason == session.ReasonBusy
	waits := a.Do == session.DoWait && (state == session.Waiting || state == session.SigningOut)
	if !inCall && !waits {
		return nil
	}
	at := time.Now().Add(a.For)
	return &at
}

// stalledRenewal warns of a session that nothing renews.
func (k *Keeper) stalledRenewal() session.Warning {
	memo := k.rec.told()
	return session.Warning{Code: "renewal_refused",
		Text: "the session lives, but its renewal was refused: " + memo.Code + " " + memo.Text, Action: memo.Action}.Cut()
}

// informEvery is how often the session is asked what it knows although its
// key is the same: a warning need not come with an answer, and asking costs.
const informEvery = 30 * time.Second

// inform returns what the session wants people to know, and when it was asked.
func (k *Keeper) inform() (*notices, moment) {
	now := clock()
	switch {
	case k.session == nil:
		return nil, 0
	case k.informed != 0 && now.since(k.informed) < informEvery:
		return k.notices, k.informed
	}
	info := k.session.Info()
	if len(info.Warnings) == 0 && info.PasswordExpires.IsZero() {
		return nil, now
	}
	told := &notices{expires: info.PasswordExpires}
	for _, w := range info.Warnings {
		told.warnings = append(told.warnings, w.Cut())
	}
	return told, now
}

// RequestFailed is the code of a warning that comes and goes with each request:
// the gate logs such failures, for all its agents together.
const RequestFailed = "request_failed"

// failing tells why the last request of a live session brought nothing.
func (k *Keeper) failing(s session.State) (session.Warning, bool) {
	if s != session.Online || k.fault == nil || k.machine.Stalled() {
		return session.Warning{}, false
	}
	text := "the session is kept, but its last request failed: " + k.fault.Code
	if k.fault.Text != "" {
		text += " " + k.fault.Text
	}
	return session.Warning{Code: RequestFailed, Text: text, Action: k.fault.Action}.Cut(), true
}

// waitedFor keeps the reason over the time in the queue; there is none for
// whoever was offline or parked before.
func (k *Keeper) waitedFor() session.Reason {
	switch k.shown.state.name() {
	case session.Waiting:
		return k.shown.reason.name()
	case session.Offline, session.Parked:
		return session.ReasonNone
	default:
		return k.rec.told().Reason
	}
}

// turn notes a transition. The caller holds mu.
func (k *Keeper) turn(state session.State, reason session.Reason) {
	if k.shown.state.name() == state && k.shown.reason.name() == reason && !k.since.IsZero() {
		return
	}
	k.since = time.Now()
	k.shown.state, k.shown.reason = stateOf(state), reasonOf(reason)
	if len(k.history) == historyLength {
		k.history = slices.Delete(k.history, 0, 1)
	}
	k.history = append(k.history, transition{k.since.UnixNano(), k.shown})
}

// seeOperation shows an operation whose request leaves now.
func (k *Keeper) seeOperation(op session.Op) {
	k.mu.Lock()
	defer k.unlockTurned(k.standing())
	k.queued = false
	if op == session.OpSignIn && !k.machine.Held() {
		k.shown.code = ""
		k.turn(session.SigningIn, session.ReasonNone)
	}
}

// leaveQueue shows that a probe is let through.
func (k *Keeper) leaveQueue() {
	k.mu.Lock()
	defer k.unlockTurned(k.standing())
	k.queued = false
}
