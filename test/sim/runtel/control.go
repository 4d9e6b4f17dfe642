package runtel

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// ErrUnknownAgent is returned, wrapped, for a login that the platform does not
// know.
var ErrUnknownAgent = errors.New("no such agent")

// Endpoints describes what the simulator serves beside sim.Endpoints, one line
// each, for help texts.
func Endpoints() []string {
	return []string{
		`GET    /_sim/switches                  the switches; PATCH {"life":"1h"} changes those that are given`,
		`POST   /_sim/agents/{login}/expire     the account's tokens die; others are not touched`,
		`POST   /_sim/agents/{login}/password   {"password":"…"}`,
		`POST   /_sim/restart                   all tokens die`,
		`GET    /_sim/defender                  the hosts that failed to log in or are blocked`,
		`POST   /_sim/defender                  {"host":"127.0.0.1","for":"10m"} blocks; DELETE ends every block`,
	}
}

// AgentState is one account as the platform sees it.
type AgentState struct {
	Tokens           int          `json:"tokens"`    // alive
	Logins           []time.Time  `json:"logins"`    // successful ones, the latest 1000
	Refusals         int          `json:"refusals"`  // wrong passwords
	Repeated         int          `json:"repeated"`  // of them with the password that had just been refused
	DeadUses         int          `json:"dead_uses"` // requests with a dead token
	Uncovered        sim.Duration `json:"uncovered"` // time without a living token, up to the latest log-in
	LongestUncovered sim.Duration `json:"longest_uncovered"`
	UserID           int          `json:"user_id"`
	StatusID         int          `json:"status_id"`          // as an agent: -1 available to -4 logged out
	Commands         []string     `json:"commands,omitempty"` // object, action and params of what is no get, list, log-in or logout; the latest 1000
}

// Agents returns every account's state by login.
func (s *Sim) Agents() map[string]AgentState {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make(map[string]AgentState, len(s.agents))
	for login, a := range s.agents {
		states[login] = s.snapshot(a)
	}
	return states
}

// Agent returns one account's state; the zero AgentState for an unknown login.
func (s *Sim) Agent(login string) AgentState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.agents[login]; a != nil {
		return s.snapshot(a)
	}
	return AgentState{}
}

func (s *Sim) snapshot(a *agent) AgentState {
	state := AgentState{
		Logins: slices.Clone(a.record.logins), Refusals: a.record.refusals, Repeated: a.record.repeated,
		DeadUses: a.record.deadUses, Uncovered: sim.Duration(a.record.uncovered), LongestUncovered: sim.Duration(a.record.longest),
		UserID: a.userID, StatusID: a.statusID, Commands: slices.Clone(a.record.commands),
	}
	state.Tokens = s.living(a, time.Now())
	return state
}

// with runs f on one account, the lock held.
func (s *Sim) with(login string, f func(*agent)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[login]
	if a == nil {
		return fmt.Errorf("%q: %w", login, ErrUnknownAgent)
	}
	f(a)
	return nil
}

// Expire ends the account's tokens.
func (s *Sim) Expire(login string) error {
	return s.with(login, func(a *agent) { s.kill(a, time.Now()) })
}

// SetPassword changes the password. Tokens live on.
func (s *Sim) SetPassword(login, password string) error {
	return s.with(login, func(a *agent) { a.Password = password })
}

// Restart ends all tokens.
func (s *Sim) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, a := range s.agents {
		s.kill(a, now)
	}
}

// Outage takes the whole platform away for d (0: until EndOutage): mode refuse,
// hang, reset or status. Refuse needs Config.Line and drops the open
// connections.
func (s *Sim) Outage(mode string, d time.Duration) error { return s.control().Outage(mode, d) }

// EndOutage ends every outage.
func (s *Sim) EndOutage() { s.control().EndOutage() }

// Reset forgets faults, outages, counts and violations; tokens, blocks and
// passwords stay.
func (s *Sim) Reset() { s.control().Clear() }

func (s *Sim) control() sim.Control {
	return sim.Control{Faults: &s.Faults, Ops: &s.Ops, Line: s.line, State: func() any { return s.Agents() }, Reset: s.forget}
}

func (s *Sim) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.agents {
		a.record = record{}
	}
}

// controlMux serves /_sim/.
func (s *Sim) controlMux() *http.ServeMux {
	mux := sim.ControlMux(s.control())
	mux.HandleFunc("POST /_sim/agents/{login}/{action}", s.act)
	mux.HandleFunc("POST /_sim/restart", func(w http.ResponseWriter, _ *http.Request) {
		s.Restart()
		sim.Answer(w, map[string]any{})
	})
	mux.HandleFunc("GET /_sim/defender", func(w http.ResponseWriter, _ *http.Request) { sim.Answer(w, s.Defender()) })
	mux.HandleFunc("POST /_sim/defender", s.postDefender)
	mux.HandleFunc("DELETE /_sim/defender", func(w http.ResponseWriter, _ *http.Request) {
		s.Unban()
		sim.Answer(w, s.Defender())
	})
	sim.HandleSwitches(mux, s.Switches, s.Switch)
	return mux
}

func (s *Sim) act(w http.ResponseWriter, r *http.Request) {
	var o struct {
		Password string `json:"password"`
	}
	if !sim.Decode(w, r, &o) {
		return
	}
	login := r.PathValue("login")
	var err error
	switch action := r.PathValue("action"); action {
	case "expire":
		err = s.Expire(login)
	case "password":
		err = s.SetPassword(login, o.Password)
	default:
		sim.Refuse(w, http.StatusNotFound, fmt.Errorf("action %q is unknown: use expire or password", action))
		return
	}
	if err != nil {
		sim.Refuse(w, http.StatusNotFound, err)
		return
	}
	sim.Answer(w, s.Agent(login))
}

func (s *Sim) postDefender(w http.ResponseWriter, r *http.Request) {
	o := struct {
		Host string       `json:"host"`
		For  sim.Duration `json:"for"`
	}{Host: hostOf(r)}
	if !sim.Decode(w, r, &o) {
		return
	}
	s.Ban(o.Host, time.Duration(o.For))
	sim.Answer(w, s.Defender())
}
