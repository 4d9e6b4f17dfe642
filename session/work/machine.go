package work

import (
	"slices"
	"time"
)

// Do is what a driver is to carry out next.
type Do uint8

// What a driver can be told to do.
const (
	DoNothing Do = iota // until Action.At, or until something happens
	DoLook              // read the state back
	DoSet               // send the command for Action.Wish
)

// Action is one decision of the machine.
type Action struct {
	Do   Do
	At   time.Time // of DoNothing: when to ask again; zero: when something happens
	Wish Wish      // of DoSet
	Code string    // of DoSet: the vendor's reason or cause; "" is none
	// For, of DoSet with WishRest, is how long the rest is wished; 0: without an end.
	For time.Duration
	// Restores, of DoSet, tells that the command undoes what the platform did.
	Restores bool
}

// The times of the machine.
const (
	Patience  = 5 * time.Second  // how long an effect is waited for before the state is read back
	answered  = time.Second      // which an effect may take after its command was answered, at least
	settle    = 10 * time.Second // after which another program's command that brought no event holds nothing up
	firstFew  = 30 * time.Second // in which a state after a sign-in is the sign-in's own
	offerMost = 2 * time.Minute  // after which a call that is still offered is doubted
	lookFirst = 5 * time.Second  // to the next read-back after one that failed; it doubles up to MostAfter

	looksUnwished = 3 // read-backs that may fail where nothing is wished
)

// Machine decides what becomes of one agent's working state. It is a value that
// starts nothing: a driver tells it what happened, asks Next what to do, and says
// with Looking and Leaving that it does so. It holds these rules, whatever happens:
//
//   - nothing is changed while a call is offered or talked, nor while the platform
//     is about to change the state, nor while a command is under way;
//   - a state that an inspector, another program, or nobody knows who, set is changed
//     only for a person's newer word;
//   - what the platform did is undone for the causes of the policy only;
//   - at most Policy.Limit commands leave within Policy.Within, over restarts; each
//     waits twice as long as the one before;
//   - after a command its effect is seen, or read back, before the next one;
//   - without evidence the state is Unknown, and nothing is changed.
type Machine struct {
	policy *Policy // shared
	word   *Word   // nil: none
	looks  bool    // the vendor has a way to read the state back

	seen
	pre   bool      // the platform is about to change the state
	live  bool      // the agent is signed in
	fresh time.Time // until then a state is the sign-in's own; zero: it is not

	record *Record // what was known before, until a read-back agrees; nil: nothing is to be compared
	ask    ask
	tries  []time.Time // that count, the oldest first
	later  time.Time   // no command before
	look   look
}

// seen is a state with all that is known of it.
type seen struct {
	Standing
	cause Cause
}

// ask is a command whose effect was not seen yet. The zero ask is none.
type ask struct {
	by    By // ByKeeper or ByProgram
	state State
	at    time.Time
	out   bool      // of the keeper's: it was not answered yet
	until time.Time // when the effect is not waited for any longer
}

// look is the read-back.
type look struct {
	wanted bool
	out    bool
	due    time.Time
	fails  int
	last   time.Time // when the last one was answered; zero: none was since the session began
}

// NewMachine returns a machine of an agent that is not signed in, which goes on with
// r. looks tells that the state can be read back. p must not change afterwards.
func NewMachine(p *Policy, looks bool, r Record, now time.Time) Machine {
	m := Machine{policy: p, looks: looks, word: r.Word}
	for _, t := range r.Tries {
		m.tries = append(m.tries, earlier(t, now)) // the clock may have been set back
	}
	if r.State != "" || r.Asked != "" {
		m.record = &r
	}
	return m
}

// Record returns what is to be durable.
func (m *Machine) Record() Record {
	r := Record{Tries: slices.Clone(m.tries), Word: m.word}
	if m.record != nil {
		r.State, r.By = m.record.State, m.record.By
		r.Code, r.Reason = m.record.Code, m.record.Reason
		r.Cause, r.Since = m.record.Cause, m.record.Since
		r.Asked = m.record.Asked
		return r
	}
	r.State, r.By = m.State, m.By
	r.Code, r.Reason = m.Code, m.Reason
	r.Cause, r.Since = m.cause, m.Since
	if m.ask.by == ByKeeper {
		r.Asked = m.ask.state
	}
	return r
}

// SetPolicy replaces the policy; p must not change afterwards.
func (m *Machine) SetPolicy(p *Policy) { m.policy = p }

// Say takes a person's word, which clears the count; nil ends the one before. A
// command under way is left to end.
func (m *Machine) Say(w *Word) {
	m.word, m.tries = w, nil
	m.later = time.Time{}
}

// Expire forgets a person's word that holds no longer.
func (m *Machine) Expire(now time.Time) {
	if m.word != nil && m.word.Over(now) {
		m.word = nil
	}
}

// Begin notes that the agent signed in.
func (m *Machine) Begin(now time.Time) {
	m.forget()
	m.live, m.record = true, nil
	m.fresh = now.Add(firstFew)
	if m.looks {
		m.look = look{wanted: true, due: now.Add(lookFirst)}
	}
}

// Adopt notes that a session goes on of which events may have been missed; the
// read-back, where there is one, is due at that time.
func (m *Machine) Adopt(due time.Time) {
	if m.record == nil && m.State != "" {
		r := m.Record()
		m.record = &r
	}
	m.forget()
	m.live = true
	if m.looks {
		m.look = look{wanted: true, due: due}
	} else {
		m.record = nil
	}
}

// End notes that the session is over.
func (m *Machine) End() {
	m.forget()
	m.live, m.record = false, nil
}

func (m *Machine) forget() {
	m.seen, m.ask = seen{}, ask{}
	m.look = look{}
	m.pre, m.fresh = false, time.Time{}
}

// Asked notes that a command of another program left, which is to bring a state
// about.
func (m *Machine) Asked(now time.Time, state State) {
	m.ask = ask{by: ByProgram, state: state, at: now, until: now.Add(settle)}
	m.fresh = time.Time{}
}

// Live reports whether the agent is signed in.
func (m *Machine) Live() bool { return m.live }

// Asking reports whether the effect of a command of the keeper's is waited for.
func (m *Machine) Asking() bool { return m.ask.by == ByKeeper }

// Looking notes that a read-back leaves.
func (m *Machine) Looking() { m.look.wanted, m.look.out = true, true }

// Leaving notes that the command of Next leaves now. It counts from here on.
func (m *Machine) Leaving(now time.Time) {
	m.tries = append(m.within(now), now)
	m.ask = ask{by: ByKeeper, state: m.wish(now).State(), at: now, out: true}
	m.fresh = time.Time{}
}

// Answer is what became of a command of the keeper's.
type Answer uint8

// The answers.
const (
	Taken   Answer = iota // the platform accepted it, or nobody knows: the effect is waited for
	NotSent               // it never left
	Refused               // the platform refused it
)

// Answered takes what became of the command that left. After NotSent the next one
// waits for retry at least.
func (m *Machine) Answered(now time.Time, a Answer, retry time.Duration) {
	mine := m.ask.by == ByKeeper
	if !mine && a != NotSent { // its effect was seen, or the session ended meanwhile
		return
	}
	switch a {
	case NotSent:
		if n := len(m.tries); n > 0 {
			m.tries = m.tries[:n-1]
		}
		m.later = now.Add(min(max(retry, time.Second), MostAfter))
		if mine {
			m.ask = ask{}
		}
	case Refused: // it had another state than was thought
		m.ask = ask{}
		m.wantLook(now)
	default:
		m.ask.out = false
		m.ask.until = latest(m.ask.at.Add(Patience), now.Add(answered))
	}
}

// wantLook has the state read back, where that is possible.
func (m *Machine) wantLook(due time.Time) {
	if m.looks && !m.look.wanted {
		m.look.wanted, m.look.due = true, due
		m.look.fails = 0
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
