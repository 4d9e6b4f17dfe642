package work

import (
	"time"
	"unique"
)

// Settled is a machine with nothing to do, in little memory: of most agents nothing is
// wished, and their states stay as they are for long.
type Settled struct {
	about unique.Handle[about]
	since int64 // nanoseconds since 1970; 0: not known
	live  bool
}

// about is what many agents have in common.
type about struct {
	state        State
	by           By
	code, reason string
	cause        Cause
}

// Settle returns the machine as a Settled; ok is false while anything is wished,
// waited for or counted, or the agent has just signed in. later tells that a call at a
// later time may find it so, though nothing happens.
func (m *Machine) Settle(now time.Time) (s Settled, ok, later bool) {
	busy := m.policy.Wishes() || m.word != nil || m.record != nil || m.ask.by != "" || len(m.within(now)) > 0 ||
		m.look.wanted || m.look.out || m.pre
	if busy || now.Before(m.fresh) {
		return s, false, !busy
	}
	s.about = unique.Make(about{m.State, m.By, m.Code, m.Reason, m.cause})
	if !m.Since.IsZero() {
		s.since = m.Since.UnixNano()
	}
	s.live = m.live
	return s, true, false
}

// Live reports whether the agent is signed in.
func (s Settled) Live() bool { return s.live }

// State returns the state; "" is Unknown.
func (s Settled) State() State { return s.about.Value().state }

// Machine returns the machine again, see NewMachine.
func (s Settled) Machine(p *Policy, looks bool) Machine {
	a := s.about.Value()
	m := Machine{policy: p, looks: looks, live: s.live}
	m.seen = seen{Standing{State: a.state, By: a.by, Code: a.code, Reason: a.reason}, a.cause}
	if s.since != 0 {
		m.Since = time.Unix(0, s.since)
	}
	return m
}
