package work

import "time"

// wish returns what is wished now: a person's word, or else the policy's.
func (m *Machine) wish(now time.Time) Wish {
	if m.spoken(now) {
		return m.word.Wish
	}
	if m.policy.Wish == "" {
		return AsIs
	}
	return m.policy.Wish
}

// spoken reports whether a person's word holds.
func (m *Machine) spoken(now time.Time) bool { return m.word != nil && !m.word.Over(now) }

// newer reports whether a person's word is newer than the state.
func (m *Machine) newer(now time.Time) bool { return m.spoken(now) && m.word.At.After(m.Since) }

// within returns the tries that count now.
func (m *Machine) within(now time.Time) []time.Time {
	n := len(m.tries)
	if n == 0 || !now.Before(m.tries[n-1].Add(m.policy.Within)) {
		return nil
	}
	for i, t := range m.tries {
		if now.Before(t.Add(m.policy.Within)) {
			return m.tries[i:n:n]
		}
	}
	return nil
}

// Left returns how many commands may leave before the wish is held back.
func (m *Machine) Left(now time.Time) int { return max(m.policy.Limit-len(m.counted(now)), 0) }

// counted returns the tries within the time before the last one, as long as that
// counts: at the limit, none is forgotten before all are.
func (m *Machine) counted(now time.Time) []time.Time {
	if len(m.within(now)) == 0 {
		return nil
	}
	last := m.tries[len(m.tries)-1]
	if full := m.within(last); len(full) >= m.policy.Limit {
		return full
	}
	return m.within(now)
}

// verdict is what is to be done about a wish.
type verdict struct {
	hold  Hold
	until time.Time // of hold; zero: until something happens
	set   bool      // a command is due at that time
	due   time.Time
	// restores tells that the command undoes what the platform did.
	restores bool
}

// Next returns what is to be done now. It changes nothing.
func (m *Machine) Next(now time.Time) Action {
	if a, looks := m.nextLook(now); looks {
		return a
	}
	v := m.judge(now)
	switch {
	case v.set && !now.Before(v.due):
		return m.set(now, v)
	case v.set:
		return Action{At: m.sooner(now, v.due)}
	}
	return Action{At: m.sooner(now, v.until)}
}

// restMost is the longest rest that a platform is asked for. The wish may hold for
// longer: a rest goes on beyond its time until somebody ends it.
const restMost = 86399 * time.Second

// set returns the command for the wish. Only busy and rest have a code, and only a rest
// an end.
func (m *Machine) set(now time.Time, v verdict) Action {
	a := Action{Do: DoSet, Wish: m.wish(now), Restores: v.restores}
	code, until := m.policy.Code, time.Time{}
	if m.spoken(now) {
		code, until = m.word.Code, m.word.Until
	}
	if a.Wish == WishBusy || a.Wish == WishRest {
		a.Code = code
	}
	if a.Wish == WishRest && !until.IsZero() {
		a.For = min(max(until.Sub(now), time.Second), restMost)
	}
	return a
}

// nextLook returns the read-back where one is wanted before anything else, or its
// time.
func (m *Machine) nextLook(now time.Time) (a Action, looks bool) {
	due, wanted := m.lookDue(now)
	switch {
	case m.look.out:
		return Action{}, true
	case !m.live || !wanted:
		return Action{}, false
	case now.Before(due):
		return Action{At: m.sooner(now, due)}, true
	}
	return Action{Do: DoLook}, true
}

// lookDue tells when the state is to be read back, if it is.
func (m *Machine) lookDue(now time.Time) (due time.Time, wanted bool) {
	switch {
	case !m.looks:
		return due, false
	case m.look.wanted:
		return m.look.due, true
	case m.ask.by == ByKeeper && !m.ask.out && !m.pre:
		return m.ask.until, !now.Before(m.ask.until)
	}
	return m.doubted(now)
}

// doubted tells when a state that should have ended, or become known, by an event is
// read back. Nothing is where nothing is wished.
func (m *Machine) doubted(now time.Time) (at time.Time, doubted bool) {
	switch since := latest(m.Since, m.look.last); {
	case m.wish(now).State() == "":
		return at, false
	case m.State == Offered, m.pre:
		return since.Add(offerMost), true
	case (m.State == "" || m.State == Unknown) && m.look.last.IsZero():
		return since, true
	case m.State == "" || m.State == Unknown:
		return since.Add(MostAfter), true
	}
	return at, false
}

// sooner returns t or, where that is sooner, the time at which the word ends.
func (m *Machine) sooner(now, t time.Time) time.Time {
	if m.spoken(now) {
		return soonest(t, m.word.Until)
	}
	return t
}

// soonest returns the sooner of two times, of which a zero one never comes.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// judge tells what becomes of the wish.
func (m *Machine) judge(now time.Time) verdict {
	target := m.wish(now).State()
	switch {
	case target == "":
		return verdict{}
	case !m.live:
		return verdict{hold: HoldOffline}
	case m.ask.by == ByKeeper && m.ask.out:
		return verdict{}
	case m.ask.by == ByKeeper && now.Before(m.ask.until):
		return verdict{until: m.ask.until}
	case m.record != nil, m.State == "", m.State == Unknown:
		return verdict{hold: HoldUnknown}
	case m.State.InCall(), m.pre:
		return verdict{hold: HoldInCall}
	case m.ask.by == ByProgram && now.Before(m.ask.until):
		return verdict{hold: HoldProgram, until: m.ask.until}
	case m.State == target:
		return verdict{}
	}
	if hold := m.left(now); hold != HoldNone {
		return verdict{hold: hold}
	}
	return m.timed(now, target)
}

// left returns why the state is left as it is, whatever the time.
func (m *Machine) left(now time.Time) Hold {
	undone := m.wish(now) != WishReady || m.State == WrapUp || m.policy.Undoes(m.cause)
	switch {
	case m.newer(now), m.By == ByKeeper, m.By == ByPlatform && undone:
		return HoldNone
	case m.By == ByInspector:
		return HoldInspector
	case m.By == ByPlatform:
		return HoldPlatform
	case m.By == ByProgram:
		return HoldProgram
	}
	return HoldUnknown
}

// timed tells when the state is changed. The pause is that of the moment at which it
// begins, so that it does not become shorter while it lasts.
func (m *Machine) timed(now time.Time, target State) verdict {
	own := m.newer(now) || m.By == ByKeeper
	wrapUp := m.State == WrapUp
	if wrapUp && (target != Ready || (!own && m.policy.WrapUpMax <= 0)) {
		return verdict{hold: HoldWrapUp}
	}
	if m.policy.Limit <= 0 {
		return verdict{hold: HoldLimit}
	}
	if tries := m.counted(now); len(tries) >= m.policy.Limit {
		return verdict{hold: HoldLimit, until: tries[len(tries)-1].Add(m.policy.Within)}
	}
	v := verdict{set: true, due: m.Since, restores: m.By == ByPlatform && !m.newer(now)}
	if wrapUp && !own {
		v.due = m.Since.Add(m.policy.WrapUpMax)
	}
	v.due = latest(latest(v.due, m.paused(own || wrapUp)), m.later)
	if wrapUp && now.Before(v.due) {
		v.hold = HoldWrapUp
	}
	return v
}

// paused returns when the pause before the next try is over; at once means that the
// first try needs none.
func (m *Machine) paused(atOnce bool) time.Time {
	from := m.Since
	if n := len(m.tries); n > 0 {
		from = latest(from, m.tries[n-1])
	}
	n := len(m.within(from))
	if n == 0 && atOnce {
		return from
	}
	return from.Add(m.policy.Pause(n))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Shown returns what people are shown.
func (m *Machine) Shown(now time.Time) Shown {
	s := Shown{Standing: m.Standing, Wish: m.wish(now), RestoresLeft: m.Left(now)}
	if s.State == "" {
		s.State = Unknown
	}
	if s.By == "" {
		s.By = ByUnknown
	}
	if m.spoken(now) {
		word := *m.word
		s.Wished = &word
	}
	v := m.judge(now)
	s.HeldBack, s.HeldUntil = v.hold, v.until
	switch {
	case v.set:
		s.NextAttempt = latest(v.due, now)
	case m.Asking():
		s.NextAttempt = latest(m.ask.until, now) // when its effect is looked for
	}
	return s
}
