package ecss

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"agentkeeper/test/sim"
)

// Record is what one agent's client did since the start or the last reset.
type Record struct {
	Logins      int            `json:"logins"`            // good ones
	Refused     map[string]int `json:"refused,omitempty"` // by the text of the refusal
	Logouts     int            `json:"logouts"`
	Drops       int            `json:"drops"`        // websockets that went without a logout
	Ended       int            `json:"ended"`        // sessions that the platform ended, but for inactivity
	AutoLogouts int            `json:"auto_logouts"` // sessions ended for inactivity
	Pings       int            `json:"pings"`        // of the client, within a session
	Requests    int            `json:"requests"`     // of the client, within a session
	LastLogin   time.Time      `json:"last_login,omitzero"`
	// LargestSilence is the longest time within a session without a request or
	// ping.
	LargestSilence sim.Duration `json:"largest_silence"`
}

// AgentState is one agent as /_sim/state shows it.
type AgentState struct {
	State    string   `json:"state"` // StateStopped, StateAvailable, StateAuxwork or StateBlocked
	Number   string   `json:"number,omitempty"`
	Sessions int      `json:"sessions"`
	Sockets  int      `json:"sockets"` // sessions with a websocket
	Locked   bool     `json:"locked,omitempty"`
	Calls    []string `json:"calls,omitempty"` // id and status
	Commands int      `json:"commands,omitempty"`
	Record   Record   `json:"record"`
}

// Agent returns one agent's state and record.
func (s *Sim) Agent(login string) (state AgentState, err error) {
	err = s.with(login, func(a *agent) { state = a.snapshot() })
	return state, err
}

// State returns every agent's state and record by name.
func (s *Sim) State() map[string]AgentState {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	all := make(map[string]AgentState, len(s.agents))
	for name, a := range s.agents {
		all[name] = a.snapshot()
	}
	return all
}

// Sockets returns how many websockets are open, with a session or without.
func (s *Sim) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

// Refusals returns how many logins were refused, by text, those of unknown
// agents included.
func (s *Sim) Refusals() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cloneCounts(s.refusals)
}

// Reset forgets records and refusals; sessions live on.
func (s *Sim) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refusals)
	for _, a := range s.agents {
		a.record = Record{}
		a.log = nil
	}
}

func cloneCounts(counts map[string]int) map[string]int {
	out := make(map[string]int, len(counts))
	for text, n := range counts {
		out[text] = n
	}
	return out
}

func (a *agent) snapshot() AgentState {
	state := AgentState{State: a.stateOf(), Sessions: len(a.seats), Locked: a.isLocked(), Commands: len(a.log), Record: a.record}
	if a.record.Refused != nil {
		state.Record.Refused = cloneCounts(a.record.Refused)
	}
	for _, st := range a.seats {
		state.Number = st.number
		if st.socket != nil {
			state.Sockets++
		}
	}
	for _, c := range a.calls {
		state.Calls = append(state.Calls, c.id+" "+c.status)
	}
	return state
}

// Endpoints describes what the simulator serves beside sim.Endpoints, one line
// each, for help texts.
func Endpoints() []string {
	return []string{
		`GET    /_sim/switches                 the switches; PATCH changes those that are given`,
		`POST   /_sim/agents/{login}/kick      a supervisor's forced logout {"signal":"push_close|close|silent"}`,
		`POST   /_sim/agents/{login}/logout    a logout by the phone's feature code`,
		`POST   /_sim/agents/{login}/displace  another client logs in as this agent`,
		`POST   /_sim/agents/{login}/call      {"number_a":"…","ring":"20s"}; answers {"id":"call-1"}`,
		`POST   /_sim/agents/{login}/hangup    {"id":"call-1"}, or all calls`,
		`POST   /_sim/agents/{login}/password  {"password":"…"}`,
		`POST   /_sim/agents/{login}/lock      {"for":"5m"}; unlock ends it`,
		`POST   /_sim/agents/{login}/answer    {"id":"call-1"} at the telephone; hold, unhold, complete likewise`,
		`POST   /_sim/agents/{login}/away      auxwork; available ends it`,
		`POST   /_sim/agents/{login}/block     by a supervisor; unblock ends it`,
		`POST   /_sim/agents/{login}/forbid    {"action":"call/accept"}: 500, code 5; permit ends it`,
		`POST   /_sim/agents/{login}/asked     {"count":1}: so many commands come from a program and break no rule`,
		`GET    /_sim/agents/{login}/commands  the latest commands as they came`,
		`POST   /_sim/numbers/{number}/occupy  by another operator; free gives it back`,
		`POST   /_sim/restart                  {"clean":false,"for":"5s"}`,
		`POST   /_sim/core                     {"state":"gateway_timeout|system_error|up","for":"30s","end_sessions":false}`,
	}
}

// order is the body of any control request; each uses what it needs.
type order struct {
	Signal      string       `json:"signal"`
	ID          string       `json:"id"`
	Password    string       `json:"password"`
	Action      string       `json:"action"`
	Count       int          `json:"count"`
	State       string       `json:"state"`
	For         sim.Duration `json:"for"`
	Clean       bool         `json:"clean"`
	EndSessions bool         `json:"end_sessions"`
}

func (s *Sim) controlMux() http.Handler {
	mux := sim.ControlMux(sim.Control{
		Faults: &s.faults, Ops: &s.ops, Line: s.line,
		State: func() any { return s.State() }, Reset: s.Reset,
	})
	for word, do := range s.agentOrders() {
		mux.HandleFunc("POST /_sim/agents/{login}/"+word, ordered(func(r *http.Request, o order) error {
			return do(r.PathValue("login"), o)
		}))
	}
	for word, taken := range map[string]bool{"occupy": true, "free": false} {
		mux.HandleFunc("POST /_sim/numbers/{number}/"+word, ordered(func(r *http.Request, _ order) error {
			return s.Occupy(r.PathValue("number"), taken)
		}))
	}
	mux.HandleFunc("POST /_sim/agents/{login}/call", s.postCall)
	mux.HandleFunc("GET /_sim/agents/{login}/commands", s.getCommands)
	mux.HandleFunc("POST /_sim/restart", ordered(func(_ *http.Request, o order) error {
		s.Restart(o.Clean, time.Duration(o.For))
		return nil
	}))
	mux.HandleFunc("POST /_sim/core", ordered(func(_ *http.Request, o order) error {
		return s.Core(o.State, time.Duration(o.For), o.EndSessions)
	}))
	mux.HandleFunc("GET /_sim/switches", func(w http.ResponseWriter, _ *http.Request) { sim.Answer(w, s.Switches()) })
	mux.HandleFunc("PATCH /_sim/switches", s.patchSwitches)
	mux.HandleFunc("POST /_sim/switches", s.patchSwitches)
	return mux
}

func (s *Sim) agentOrders() map[string]func(login string, o order) error {
	return map[string]func(string, order) error{
		"kick":      func(login string, o order) error { return s.Kick(login, o.Signal) },
		"logout":    func(login string, o order) error { return s.Logout(login, o.Signal) },
		"displace":  func(login string, _ order) error { return s.Displace(login) },
		"hangup":    func(login string, o order) error { return s.Hangup(login, o.ID) },
		"password":  func(login string, o order) error { return s.SetPassword(login, o.Password) },
		"lock":      func(login string, o order) error { return s.Lock(login, time.Duration(o.For)) },
		"unlock":    func(login string, _ order) error { return s.Unlock(login) },
		"away":      func(login string, _ order) error { return s.SetAway(login, true) },
		"available": func(login string, _ order) error { return s.SetAway(login, false) },
		"block":     func(login string, _ order) error { return s.Block(login, true) },
		"unblock":   func(login string, _ order) error { return s.Block(login, false) },
		"answer":    func(login string, o order) error { return s.Answer(login, o.ID) },
		"hold":      func(login string, o order) error { return s.Hold(login, o.ID, true) },
		"unhold":    func(login string, o order) error { return s.Hold(login, o.ID, false) },
		"complete":  func(login string, o order) error { return s.Complete(login, o.ID) },
		"forbid":    func(login string, o order) error { return s.Forbid(login, o.Action, true) },
		"permit":    func(login string, o order) error { return s.Forbid(login, o.Action, false) },
		"asked":     func(login string, o order) error { return s.Asked(login, o.Count) },
	}
}

// ordered makes a handler of do.
func ordered(do func(*http.Request, order) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o order
		if !sim.Decode(w, r, &o) {
			return
		}
		if err := do(r, o); err != nil {
			refuseOrder(w, err)
			return
		}
		sim.Answer(w, object{})
	}
}

func refuseOrder(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if errors.Is(err, ErrNoAgent) || errors.Is(err, ErrNoNumber) {
		status = http.StatusNotFound
	}
	sim.Refuse(w, status, err)
}

func (s *Sim) getCommands(w http.ResponseWriter, r *http.Request) {
	list, err := s.Commands(r.PathValue("login"))
	if err != nil {
		refuseOrder(w, err)
		return
	}
	sim.Answer(w, object{"commands": list})
}

func (s *Sim) postCall(w http.ResponseWriter, r *http.Request) {
	var spec CallSpec
	if !sim.Decode(w, r, &spec) {
		return
	}
	id, err := s.Call(r.PathValue("login"), spec)
	if err != nil {
		refuseOrder(w, err)
		return
	}
	sim.Answer(w, object{"id": id})
}

// patchSwitches changes the switches that the body gives.
func (s *Sim) patchSwitches(w http.ResponseWriter, r *http.Request) {
	given := json.RawMessage("{}")
	if !sim.Decode(w, r, &given) {
		return
	}
	var bad error
	err := s.Switch(func(all *Switches) {
		d := json.NewDecoder(bytes.NewReader(given))
		d.DisallowUnknownFields()
		before := *all
		if bad = d.Decode(all); bad != nil {
			*all = before
		}
	})
	if err = cmp.Or(bad, err); err != nil {
		sim.Refuse(w, http.StatusBadRequest, err)
		return
	}
	sim.Answer(w, s.Switches())
}
