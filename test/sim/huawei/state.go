package huawei

import (
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// AgentState is one agent as the platform sees it.
type AgentState struct {
	SignedIn  bool      `json:"signed_in"`
	Since     time.Time `json:"since,omitzero"` // of the session
	LoginTime string    `json:"login_time,omitempty"`
	Phone     string    `json:"phone,omitempty"`
	State     int       `json:"agent_state"` // the platform's number
	InCall    bool      `json:"in_call"`
	OpenPolls int       `json:"open_polls"`
	Queued    int       `json:"queued_events"`
	HandedOut int       `json:"events_handed_out"` // written to a poll's answer; whether it arrived nobody knows
	Generated int       `json:"generated_events"`  // of them made by Generate
	// Unfollowed are the numbers of generated events that were written to a poll's
	// answer without another poll following on that connection: whether the
	// client had read them when it ended, nobody knows. Over connections without
	// addresses (sim.Pipe) it means nothing.
	Unfollowed  []int       `json:"generated_unfollowed,omitempty"`
	Failures    int         `json:"wrong_passwords"`
	LockedUntil time.Time   `json:"locked_until,omitzero"`
	SignIns     []time.Time `json:"sign_in_times"` // successful ones, the latest 100
	// FirstPoll is the time from the last sign-in's answer to the first poll
	// after it; SlowestFirstPoll the longest of all.
	FirstPoll        sim.Duration `json:"first_poll"`
	SlowestFirstPoll sim.Duration `json:"slowest_first_poll"`
	Reaped           int          `json:"reaped"` // times signed out for silence
	ResetSkills      []ResetSkill `json:"reset_skills,omitempty"`
	// Of sessions whose events go to a callback. HandedOut counts what it took.
	Push       bool `json:"push"`
	PushFailed int  `json:"push_failed,omitempty"` // callbacks that were not taken
	PushLost   int  `json:"push_lost,omitempty"`   // events that were given up
	Working
}

// Agents returns every agent's state by login.
func (s *Sim) Agents() map[string]AgentState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	states := make(map[string]AgentState, len(s.agents))
	for login, a := range s.agents {
		s.reap(a, now)
		states[login] = a.snapshot(now)
	}
	return states
}

// Agent returns one agent's state; the zero AgentState for an unknown login.
func (s *Sim) Agent(login string) AgentState {
	var state AgentState
	_ = s.with(login, func(a *agent) error { state = a.snapshot(time.Now()); return nil })
	return state
}

func (a *agent) snapshot(now time.Time) AgentState {
	state := AgentState{
		State: a.state(), InCall: len(a.calls) > 0, HandedOut: a.record.events, Generated: a.gen.made, Unfollowed: a.gen.open(),
		Failures: a.failures, SignIns: slices.Clone(a.record.signedIn),
		FirstPoll: sim.Duration(a.record.firstPoll), SlowestFirstPoll: sim.Duration(a.record.slowestPoll),
		Reaped: a.record.reaped, ResetSkills: slices.Clone(a.record.resetSkills),
		PushFailed: a.record.pushFailed, PushLost: a.record.pushLost, Working: a.working(),
	}
	if a.locked(now) {
		state.LockedUntil = a.lockedUntil
	}
	if n := a.session; n != nil {
		state.SignedIn = true
		state.Since = n.started
		state.LoginTime = n.loginTime()
		state.Push = n.push
		state.Phone = n.phone
		state.OpenPolls = n.open
		state.Queued = len(n.queue)
	}
	return state
}

// SignedIn returns the logins that are signed in, sorted.
func (s *Sim) SignedIn() []string {
	var logins []string
	for login, state := range s.Agents() {
		if state.SignedIn {
			logins = append(logins, login)
		}
	}
	slices.Sort(logins)
	return logins
}

// FirstPolls returns the times from each sign-in's answer to the first poll
// after it, shortest first.
func (s *Sim) FirstPolls() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.firstPolls))
}

// forget clears what was recorded about the clients; sessions live on.
func (s *Sim) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.firstPolls = nil
	for _, a := range s.agents {
		a.record = record{}
	}
}

// Reset forgets faults, outages, counts and violations; sessions, locks and
// passwords stay.
func (s *Sim) Reset() { s.control().Clear() }
