package huaweiconfig

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// ErrUnknownAccount is returned, wrapped, for logins that do not exist.
var ErrUnknownAccount = errors.New("no such account")

// AccountState is one account as the platform sees it.
type AccountState struct {
	SignedIn    bool        `json:"signed_in"` // a Guid of it is alive
	Guids       int         `json:"live_guids"`
	LastUsed    time.Time   `json:"last_used,omitzero"` // of the live ones
	SignIns     []time.Time `json:"sign_in_times"`      // successful ones, the latest 100
	Lapsed      int         `json:"lapsed"`             // Guids that died of a gap and were seen again
	Denied      int         `json:"denied"`             // queries with a dead Guid
	Failures    int         `json:"wrong_passwords"`
	LockedUntil time.Time   `json:"locked_until,omitzero"`
}

// Accounts returns every account's state by login.
func (s *Sim) Accounts() map[string]AccountState {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make(map[string]AccountState, len(s.accounts))
	for login, a := range s.accounts {
		states[login] = s.snapshot(a)
	}
	return states
}

// Account returns one account's state; the zero AccountState for an unknown
// login.
func (s *Sim) Account(login string) AccountState {
	var state AccountState
	_ = s.with(login, func(a *account) { state = s.snapshot(a) })
	return state
}

func (s *Sim) snapshot(a *account) AccountState {
	now := time.Now()
	state := AccountState{SignIns: slices.Clone(a.logins), Lapsed: a.lapsed, Denied: a.denied, Failures: a.failures}
	if a.locked(now) {
		state.LockedUntil = a.lockedUntil
	}
	for _, g := range a.guids {
		if g.ended || now.Sub(g.used) > time.Duration(s.cfg().Window) {
			continue
		}
		state.Guids++
		if g.used.After(state.LastUsed) {
			state.LastUsed = g.used
		}
	}
	state.SignedIn = state.Guids > 0
	return state
}

// with runs f on one account, the lock held.
func (s *Sim) with(login string, f func(*account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[login]
	if a == nil {
		return fmt.Errorf("%q: %w", login, ErrUnknownAccount)
	}
	f(a)
	return nil
}

// Expire ends every Guid of the account.
func (s *Sim) Expire(login string) error {
	return s.with(login, func(a *account) { s.endAll(a, "expired by hand") })
}

// Restart ends every Guid of the gateway.
func (s *Sim) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		s.endAll(a, "the gateway restarted")
	}
}

// Lock locks the account for d, or for the switch LockTime where d is 0. Its
// Guids live on.
func (s *Sim) Lock(login string, d time.Duration) error {
	if d == 0 {
		d = time.Duration(s.cfg().LockTime)
	}
	return s.with(login, func(a *account) { a.lockedUntil = time.Now().Add(d) })
}

// Unlock ends a lock and forgets wrong passwords.
func (s *Sim) Unlock(login string) error {
	return s.with(login, func(a *account) { a.lockedUntil, a.failures = time.Time{}, 0 })
}

// SetPassword changes the password. Guids live on.
func (s *Sim) SetPassword(login, password string) error {
	return s.with(login, func(a *account) { a.Password = password })
}

// Outage takes the whole gateway away for d (0: until EndOutage): mode refuse,
// hang, reset or status. Refuse needs Config.Line and drops the open
// connections.
func (s *Sim) Outage(mode string, d time.Duration) error { return s.control().Outage(mode, d) }

// EndOutage ends every outage.
func (s *Sim) EndOutage() { s.control().EndOutage() }

// Reset forgets faults, outages, counts and violations; Guids, locks and
// passwords stay.
func (s *Sim) Reset() { s.control().Clear() }

func (s *Sim) control() sim.Control {
	return sim.Control{Faults: &s.Faults, Ops: &s.Ops, Line: s.line, State: func() any { return s.Accounts() }, Reset: s.forget}
}

// forget clears what was recorded about the clients.
func (s *Sim) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a := range maps.Values(s.accounts) {
		a.logins = nil
		a.lapsed = 0
		a.denied = 0
	}
}

// Endpoints describes what the simulator serves beside sim.Endpoints, one line
// each, for help texts.
func Endpoints() []string {
	return []string{
		`GET    /_sim/switches                  the switches; PATCH {"expired":"401"} changes those that are given`,
		`GET    /_sim/agents/{login}            the account's state`,
		`POST   /_sim/agents/{login}/expire     ends its Guids`,
		`POST   /_sim/agents/{login}/lock       {"for":"5m"}; unlock ends it`,
		`POST   /_sim/agents/{login}/unlock`,
		`POST   /_sim/agents/{login}/password   {"password":"…"}`,
		`POST   /_sim/restart                   the gateway restarts: every Guid is dead`,
	}
}

// order is the body of everything that is asked of one account.
type order struct {
	For      sim.Duration `json:"for"`
	Password string       `json:"password"`
}

func (s *Sim) actions() map[string]func(login string, o order) error {
	return map[string]func(login string, o order) error{
		"expire":   func(login string, _ order) error { return s.Expire(login) },
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
	mux.HandleFunc("GET /_sim/agents/{login}", func(w http.ResponseWriter, r *http.Request) { s.show(w, r.PathValue("login")) })
	mux.HandleFunc("POST /_sim/restart", func(w http.ResponseWriter, _ *http.Request) {
		s.Restart()
		sim.Answer(w, map[string]any{})
	})
	sim.HandleSwitches(mux, s.Switches, s.Switch)
	return mux
}

func (s *Sim) act(w http.ResponseWriter, r *http.Request, action func(string, order) error) {
	if action == nil {
		names := slices.Sorted(maps.Keys(s.actions()))
		sim.Refuse(w, http.StatusNotFound, fmt.Errorf("action %q is unknown: use one of %v", r.PathValue("action"), names))
		return
	}
	var o order
	if !sim.Decode(w, r, &o) {
		return
	}
	login := r.PathValue("login")
	if err := action(login, o); err != nil {
		sim.Refuse(w, http.StatusNotFound, err)
		return
	}
	s.show(w, login)
}

func (s *Sim) show(w http.ResponseWriter, login string) {
	if err := s.with(login, func(*account) {}); err != nil {
		sim.Refuse(w, http.StatusNotFound, err)
		return
	}
	sim.Answer(w, s.Account(login))
}
