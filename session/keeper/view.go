package keeper

import (
	"context"
	"log/slog"
	"slices"
	"strings"
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
	return Standing{v.State, v.Reason, v.Queued, !v.Started.IsZero(),
		slices.ContainsFunc(v.Warnings, func(w session.Warning) bool { return w.Code != RequestFailed }), v.PasswordExpires}
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

// View returns a copy that stays as it is.
func (k *Keeper) View() View {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view
}

// look brings the view up to date with the machine.
func (k *Keeper) look(a session.Action) {
	m := &k.machine
	warnings, expires := k.inform()
	k.mu.Lock()
	changed := k.hand(a.Do != session.DoNothing)
	before := k.view.Standing()
	defer func() {
		k.unlockTurned(before)
		if changed && k.changedCredential != nil {
			k.changedCredential()
		}
	}()
	v := &k.view
	state, reason := m.State(), m.Reason()
	probes := a.Do == session.DoProbe && !m.Held() && k.wish.Wish == session.Stay
	v.Queued = (a.Do == session.DoSignIn && !a.Renew) || probes
	if v.Queued { // signing in begins when the gate lets it
		state, reason = session.Waiting, k.waitedFor()
	}
	v.Code, v.Detail, v.Action = "", "", ""
	if reason != session.ReasonNone {
		memo := &k.rec.Memo
		v.Code, v.Detail, v.Action = memo.Code, memo.Text, memo.Action
	}
	v.NextAttempt = nextAttempt(a, state, reason)
	v.LastContact, v.SignIns, v.Wish = m.Contact(), k.rec.SignIns, k.wish.Wish
	v.Started, v.Adopted = time.Time{}, false
	if m.Held() {
		v.Started, v.Adopted = m.Started(), k.adopted || k.session == nil
	}
	if m.Stalled() {
		warnings = append(warnings[:len(warnings):len(warnings)], k.stalledRenewal())
	}
	if w, failing := k.failing(state); failing {
		warnings = append(warnings[:len(warnings):len(warnings)], w)
	}
	v.Warnings, v.PasswordExpires = warnings, expires
	k.turn(state, reason)
}

// unlockTurned releases mu and tells of a standing that is not the one before.
func (k *Keeper) unlockTurned(before Standing) {
	now := k.view.Standing()
	k.mu.Unlock()
	if now != before && k.turned != nil {
		k.turned(now)
	}
}

// nextAttempt returns when an agent that waits tries again; zero for one that
// does not wait. Of one in a call it is the next sign-out: polls go on meanwhile.
func nextAttempt(a session.Action, state session.State, reason session.Reason) time.Time {
	inCall := a.Do == session.DoNext && reason == session.ReasonBusy
	waits := a.Do == session.DoWait && (state == session.Waiting || state == session.SigningOut)
	if !inCall && !waits {
		return time.Time{}
	}
	return time.Now().Add(a.For)
}

// stalledRenewal warns of a session that nothing renews.
func (k *Keeper) stalledRenewal() session.Warning {
	memo := &k.rec.Memo
	return session.Warning{Code: "renewal_refused",
		Text: "the session lives, but its renewal was refused: " + memo.Code + " " + memo.Text, Action: memo.Action}.Cut()
}

// informEvery is how often the session is asked what it knows although its
// key is the same: a warning need not come with an answer, and asking costs.
const informEvery = 30 * time.Second

// inform returns what the session wants people to know.
func (k *Keeper) inform() ([]session.Warning, time.Time) {
	now := time.Now()
	switch {
	case k.session == nil:
		return nil, time.Time{}
	case k.rec.Key == k.informedKey && now.Sub(k.informed) < informEvery:
		return k.warned, k.view.PasswordExpires
	}
	k.informed, k.informedKey = now, k.rec.Key
	info := k.session.Info()
	k.warned = nil
	for _, w := range info.Warnings {
		k.warned = append(k.warned, w.Cut())
	}
	return k.warned, info.PasswordExpires
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
	switch k.view.State {
	case session.Waiting:
		return k.view.Reason
	case session.Offline, session.Parked:
		return session.ReasonNone
	default:
		return k.rec.Memo.Reason
	}
}

// turn notes a transition. The caller holds mu.
func (k *Keeper) turn(state session.State, reason session.Reason) {
	v := &k.view
	if v.State == state && v.Reason == reason && !v.Since.IsZero() {
		return
	}
	v.State, v.Reason, v.Since = state, reason, time.Now()
	history := v.History
	if len(history) == historyLength {
		history = history[1:]
	}
	v.History = append(history, Transition{ // behind what any copy of the view can see
		v.Since, state, reason, v.Code,
	})
}

// seeOperation shows an operation whose request leaves now.
func (k *Keeper) seeOperation(op session.Op) {
	k.mu.Lock()
	defer k.unlockTurned(k.view.Standing())
	k.view.Queued = false
	if op == session.OpSignIn && !k.machine.Held() {
		k.view.Code, k.view.Detail, k.view.Action = "", "", ""
		k.turn(session.SigningIn, session.ReasonNone)
	}
}

// leaveQueue shows that a probe is let through.
func (k *Keeper) leaveQueue() {
	k.mu.Lock()
	defer k.unlockTurned(k.view.Standing())
	k.view.Queued = false
}

// tell logs a transition once and counts its repeats: attempts that ended
// where the one before had. That somebody waits for the first attempt is no
// news.
func (k *Keeper) tell(ctx context.Context, o session.Outcome, a session.Action) {
	v := &k.view
	if k.wish.Resume {
		k.logged = logged{} // whoever asked gets an answer
	}
	if o.Kind == session.Woken && (v.State == session.Waiting || a.Do == session.DoDone) {
		return
	}
	last := logged{v.State, v.Reason, v.Code}
	switch {
	case last != k.logged:
		k.logTransition(ctx)
		k.logged, k.repeats = last, 0
	case o.Kind != session.OK && o.Kind != session.Woken:
		k.repeats++
	}
	k.warn(ctx)
	if v.State == session.Parked && o.Kind != session.Woken {
		k.own(ctx, "parked", map[string]string{"reason": string(v.Reason), "code": v.Code})
	}
}

// warn logs each warning once, when it appears.
func (k *Keeper) warn(ctx context.Context) {
	before := k.noticed
	k.noticed = ""
	for _, w := range k.view.Warnings {
		if w.Code == RequestFailed {
			continue
		}
		mark := " " + w.Code + " "
		k.noticed += mark
		if !strings.Contains(before, mark) {
			k.log.LogAttrs(ctx, slog.LevelWarn, "warning", slog.String("platform", k.id.Platform), slog.String("agent", k.id.String()),
				slog.String("code", w.Code), slog.String("detail", w.Text), slog.String("action", w.Action))
		}
	}
}

func (k *Keeper) logTransition(ctx context.Context) {
	v := &k.view
	attrs := []slog.Attr{slog.String("platform", k.id.Platform), slog.String("agent", k.id.String()),
		slog.String("state", string(v.State)), slog.String("reason", string(v.Reason)), slog.String("code", v.Code),
		slog.Int("attempt", k.rec.Memo.Fails)}
	if !v.NextAttempt.IsZero() {
		attrs = append(attrs, slog.Time("next_attempt", v.NextAttempt))
	}
	if v.Detail != "" {
		attrs = append(attrs, slog.String("detail", v.Detail))
	}
	if v.Action != "" {
		attrs = append(attrs, slog.String("action", v.Action))
	}
	if k.repeats > 0 {
		attrs = append(attrs, slog.Int("repeats", k.repeats))
	}
	level := v.level()
	if v.Adopted && v.State == session.Online {
		attrs = append(attrs, slog.Bool("adopted", true))
		if k.logged == (logged{}) && !k.wish.Resume && level == slog.LevelInfo {
			level = slog.LevelDebug // whoever started it sums the adoptions up
		}
	}
	k.log.LogAttrs(ctx, level, "agent", attrs...)
}

// logged is what makes two lines of the log the same.
type logged struct {
	state  session.State
	reason session.Reason
	code   string
}

func (v *View) level() slog.Level {
	switch {
	case v.State == session.Parked:
		return slog.LevelError
	case v.Reason != session.ReasonNone:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
