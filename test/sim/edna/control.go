package edna

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// Endpoints describes what the simulator serves beside sim.Endpoints, one line
// each, for help texts.
func Endpoints() []string {
	return []string{
		`GET    /_sim/switches                  the switches; PATCH {"life":"10m"} changes those that are given`,
		`POST   /_sim/restart                   the platform restarts: every token ends`,
		`POST   /_sim/agents/{login}/revoke     the account's tokens end`,
		`POST   /_sim/agents/{login}/log_in     another client logs in with the account`,
		`POST   /_sim/agents/{login}/lock       {"for":"5m"}; unlock ends it`,
		`POST   /_sim/agents/{login}/unlock`,
		`POST   /_sim/agents/{login}/password   {"password":"…"}`,
	}
}

// AccountState is one account as the platform sees it.
type AccountState struct {
	Alive       int         `json:"tokens_alive"`
	Born        time.Time   `json:"token_born,omitzero"` // the latest token
	LogIns      int         `json:"log_ins"`             // good ones
	Times       []time.Time `json:"log_in_times"`        // of them, the latest 1000
	Rejected    int         `json:"rejected"`            // calls with a dead token
	Failures    int         `json:"wrong_passwords"`
	LockedUntil time.Time   `json:"locked_until,omitzero"`
	ID          string      `json:"id"`
	Status      string      `json:"status"` // as an agent
	Reason      string      `json:"reason,omitempty"`
	Commands    []Command   `json:"commands,omitempty"` // the latest 1000
}

// Account returns one account's state; the zero AccountState for an unknown
// login.
func (s *Sim) Account(login string) AccountState {
	var state AccountState
	_ = s.with(login, func(a *account) error { state = s.snapshot(a, time.Now()); return nil })
	return state
}

// AllAccounts returns every account's state by login.
func (s *Sim) AllAccounts() map[string]AccountState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	states := make(map[string]AccountState, len(s.accounts))
	for login, a := range s.accounts {
		states[login] = s.snapshot(a, now)
	}
	return states
}

// snapshot is a's state at now. With the lock held.
func (s *Sim) snapshot(a *account, now time.Time) AccountState {
	s.pass(now)
	state := AccountState{
		LogIns: a.record.count, Times: slices.Clone(a.record.logIns), Rejected: a.record.rejected,
		Failures: a.failures, ID: a.id, Status: a.statusAt(now), Reason: a.reason, Commands: slices.Clone(a.record.commands),
	}
	for _, t := range a.tokens {
		if s.lives(t, now) {
			state.Alive++
		}
		state.Born = t.born
	}
	if a.locked(now) {
		state.LockedUntil = a.lockedUntil
	}
	return state
}

// Revoke ends the account's tokens.
func (s *Sim) Revoke(login string) error {
	return s.with(login, func(a *account) error { a.endAll(); return nil })
}

// LogIn is another client's log-in with the account; it is not counted as the
// keeper's. It returns the token.
func (s *Sim) LogIn(login string) (token string, err error) {
	err = s.with(login, func(a *account) error {
		t := s.issue(a, time.Now())
		token, a.record.count = t.text, a.record.count-1
		a.record.logIns = a.record.logIns[:len(a.record.logIns)-1]
		return nil
	})
	return token, err
}

// Lock locks the account for d.
func (s *Sim) Lock(login string, d time.Duration) error {
	return s.with(login, func(a *account) error { a.lockedUntil = time.Now().Add(d); return nil })
}

// Unlock ends a lock.
func (s *Sim) Unlock(login string) error {
	return s.with(login, func(a *account) error { a.lockedUntil, a.failures = time.Time{}, 0; return nil })
}

// SetPassword changes the account's password.
func (s *Sim) SetPassword(login, password string) error {
	if password == "" {
		return errors.New("a password cannot be empty")
	}
	return s.with(login, func(a *account) error { a.Password = password; return nil })
}

// Reset forgets faults, outages, counts and violations; tokens, locks and
// passwords stay.
func (s *Sim) Reset() { s.control().Clear() }

// Outage takes the whole platform away for d (0: until EndOutage); mode is
// refuse, hang, reset or status.
func (s *Sim) Outage(mode string, d time.Duration) error { return s.control().Outage(mode, d) }

// EndOutage ends every outage at once.
func (s *Sim) EndOutage() { s.control().EndOutage() }

func (s *Sim) control() sim.Control {
	return sim.Control{
		Faults: &s.Faults, Ops: &s.Ops, Line: s.line,
		State: func() any { return s.AllAccounts() }, Reset: s.forget,
	}
}

// forget clears what was recorded about the clients; tokens live on.
func (s *Sim) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts = 0
	for _, a := range s.accounts {
		a.record = record{}
	}
}

// order is the body of what is asked of one account.
type order struct {
	For      sim.Duration `json:"for"`
	Password string       `json:"password"`
}

func (s *Sim) actions() map[string]func(login string, o order) error {
	return map[string]func(string, order) error{
		"revoke":   func(login string, _ order) error { return s.Revoke(login) },
		"log_in":   func(login string, _ order) error { _, err := s.LogIn(login); return err },
		"lock":     func(login string, o order) error { return s.Lock(login, time.Duration(o.For)) },
		"unlock":   func(login string, _ order) error { return s.Unlock(login) },
		"password": func(login string, o order) error { return s.SetPassword(login, o.Password) },
	}
}

// controlMux serves /_sim/.
func (s *Sim) controlMux() *http.ServeMux {
	mux := sim.ControlMux(s.control())
	actions := s.actions()
	mux.HandleFunc("POST /_sim/agents/{login}/{action}", func(w http.ResponseWriter, r *http.Request) {
		s.act(w, r, actions[r.PathValue("action")])
	})
	mux.HandleFunc("POST /_sim/restart", func(w http.ResponseWriter, _ *http.Request) {
		s.Restart()
		sim.Answer(w, map[string]int{"restarts": s.Restarts()})
	})
	sim.HandleSwitches(mux, s.Switches, s.Switch)
	return mux
}

func (s *Sim) act(w http.ResponseWriter, r *http.Request, action func(string, order) error) {
	if action == nil {
		sim.Refuse(w, http.StatusNotFound, fmt.Errorf("action %q is unknown: use revoke, log_in, lock, unlock or password", r.PathValue("action")))
		return
	}
	var o order
	if !sim.Decode(w, r, &o) {
		return
	}
	login := r.PathValue("login")
	switch err := action(login, o); {
	case errors.Is(err, ErrUnknownAccount):
		sim.Refuse(w, http.StatusNotFound, err)
	case err != nil:
		sim.Refuse(w, http.StatusBadRequest, err)
	default:
		sim.Answer(w, s.Account(login))
	}
}
