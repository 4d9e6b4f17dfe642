package huawei

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"agentkeeper/test/sim"
)

// What the methods of this file return, wrapped.
var (
	ErrUnknownAgent = errors.New("no such agent")
	ErrSignedOut    = errors.New("the agent is not signed in")
	ErrSignedIn     = errors.New("the number belongs to an agent that is signed in")
)

// with runs f on one agent, the lock held.
func (s *Sim) with(login string, f func(*agent) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[login]
	if a == nil {
		return fmt.Errorf("%q: %w", login, ErrUnknownAgent)
	}
	s.reap(a, time.Now())
	return f(a)
}

// signedIn is with for agents that are signed in.
func (s *Sim) signedIn(login string, f func(*agent)) error {
	return s.with(login, func(a *agent) error {
		if a.session == nil {
			return fmt.Errorf("%q: %w", login, ErrSignedOut)
		}
		f(a)
		return nil
	})
}

// Kick signs the agent out as an inspector does; what its client sees is
// the switch Kicked.
func (s *Sim) Kick(login string) error {
	return s.signedIn(login, s.kick)
}

func (s *Sim) kick(a *agent) {
	if s.cfg().Kicked == Shutdown {
		s.endShown(a, "kicked")
		return
	}
	s.end(a, s.cfg().Kicked, "kicked")
}

// Displace signs the agent in by force from another client, which polls for d
// and then falls silent, so that the platform signs it out after the window. A
// Kick ends it at once. The agent need not be signed in before.
func (s *Sim) Displace(login string, d time.Duration) error {
	return s.with(login, func(a *agent) error {
		phone := or(a.Phone, "elsewhere-"+a.Login)
		if a.session != nil {
			phone = a.session.phone
		}
		if other := s.seated[phone]; other != nil && other != a {
			return fmt.Errorf("%q: %w: %s", login, ErrSignedIn, other.Login)
		}
		n := s.open(a, settings{phone: phone, status: 4})
		n.heldUntil = n.started.Add(d)
		s.log("signed in by another client", a)
		return nil
	})
}

// Emit queues an event. content is encoded as JSON; nil is null.
func (s *Sim) Emit(login, kind string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("event content: %w", err)
	}
	return s.signedIn(login, func(a *agent) {
		a.session.emit(event{kind: kind, at: time.Now(), content: data})
	})
}

// Generate makes rate numbered events a second for the agent while it is
// signed in: count of them, or without end where count is 0. A rate of 0 stops.
// Their type is AgentOther_Simulated, their content {"number":N,"dueTime":ms,"answerTime":µs},
// N rising by one from 1 over all sessions.
func (s *Sim) Generate(login string, rate float64, count int) error {
	return s.with(login, func(a *agent) error {
		old := a.gen
		a.gen = generatorOf(rate)
		a.gen.made = old.made
		a.gen.unread = old.unread
		a.gen.unfollowed = old.unfollowed
		if count > 0 {
			a.gen.left = count
		}
		a.gen.start(time.Now())
		if a.session != nil {
			a.session.emit() // wakes an open poll, which looks when the next is due
		}
		return nil
	})
}

// Lock locks the account for d, or for the switch LockTime where d is 0. Its
// session lives on.
func (s *Sim) Lock(login string, d time.Duration) error {
	return s.with(login, func(a *agent) error {
		a.lockedUntil = time.Now().Add(or(d, time.Duration(s.cfg().LockTime)))
		return nil
	})
}

// Unlock ends a lock and forgets wrong passwords.
func (s *Sim) Unlock(login string) error {
	return s.with(login, func(a *agent) error {
		a.lockedUntil, a.failures = time.Time{}, 0
		return nil
	})
}

// SetPassword changes the password. Sessions live on.
func (s *Sim) SetPassword(login, password string) error {
	return s.with(login, func(a *agent) error { a.Password = password; return nil })
}

// Answers are the parts of a sign-in's answer that can be changed; nil leaves
// one as it is.
type Answers struct {
	ForceChange   *bool   `json:"isForceChange"`
	MediaType     *string `json:"mediatype"`
	TimeRemaining *string `json:"timeRemaining"`
	NoForce       *bool   `json:"noForce"` // 100-015 instead of 100-002
}

// SetAnswers changes what the agent's next sign-ins are told.
func (s *Sim) SetAnswers(login string, v Answers) error {
	return s.with(login, func(a *agent) error {
		set(&a.ForceChange, v.ForceChange)
		set(&a.MediaType, v.MediaType)
		set(&a.TimeRemaining, v.TimeRemaining)
		set(&a.NoForce, v.NoForce)
		return nil
	})
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Disaster switches the platform over to another site: for d every call is
// answered 000-004. Afterwards the sessions go on where then is "", or are over
// and their Guids are answered then: 105-005, 105-006 or 105-007.
func (s *Sim) Disaster(d time.Duration, then string) error {
	switch then {
	case "", "105-005", "105-006", "105-007":
	default:
		return fmt.Errorf("code %q does not follow a switch-over: use 105-005, 105-006, 105-007 or nothing", then)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.disaster = now.Add(d)
	for _, a := range s.agents {
		if s.reap(a, now); a.session == nil {
			continue
		}
		if then == "" {
			a.session.freeze(d)
			continue
		}
		s.end(a, then, "lost in the switch-over")
	}
	return nil
}

// freeze lets the session sleep for d: nothing of it expires meanwhile.
func (s *session) freeze(d time.Duration) {
	s.seen = s.seen.Add(d)
	for i := range s.guids {
		s.guids[i].born = s.guids[i].born.Add(d)
	}
}

// Outage takes the whole gateway away for d (0: until EndOutage): mode refuse,
// hang, reset or status. Refuse needs Config.Line and drops the open
// connections.
func (s *Sim) Outage(mode string, d time.Duration) error { return s.control().Outage(mode, d) }

// EndOutage ends every outage.
func (s *Sim) EndOutage() { s.control().EndOutage() }

func (s *Sim) control() sim.Control {
	return sim.Control{Faults: &s.Faults, Ops: &s.Ops, Line: s.line, State: func() any { return s.Agents() }, Reset: s.forget}
}
