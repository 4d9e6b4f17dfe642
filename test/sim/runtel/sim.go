package runtel

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/test/sim"
)

// path is the address of every call (vendor page: API description).
const path = "/api/"

// The vendor's limits (vendor page: objects, User).
const (
	maxLogin    = 50
	maxPassword = 512
	maxBody     = 64 << 10
)

// nobody is who requests without a known token are counted for.
const nobody = "unknown"

// Sim is one platform. It is an http.Handler for the vendor's calls and for
// /_sim/; its methods may be called at any time.
type Sim struct {
	// Faults is what goes wrong on demand.
	Faults sim.Faults
	// Ops counts operations per account and holds the violations.
	Ops sim.Ops

	switches atomic.Pointer[Switches]
	line     sim.Line
	logger   *slog.Logger
	mux      *http.ServeMux

	mu     sync.Mutex
	agents map[string]*agent
	tokens map[string]*token
	hosts  map[string]*host
}

// New makes a platform. A configuration that Config.Check refuses panics.
func New(c Config) *Sim {
	if err := c.Check(); err != nil {
		panic("runtel simulator: " + err.Error())
	}
	_ = c.Switches.complete()
	s := &Sim{
		line: c.Line, logger: c.Log,
		agents: make(map[string]*agent, len(c.Agents)), tokens: map[string]*token{}, hosts: map[string]*host{},
	}
	s.switches.Store(&c.Switches)
	s.Ops.OnViolation = c.OnViolation
	for i, a := range c.Agents {
		s.agents[a.Login] = &agent{Agent: a, userID: 1000 + i, statusID: statusAvailable}
	}
	s.mux = s.controlMux()
	s.mux.HandleFunc("POST "+path+"{$}", s.serve)
	s.mux.HandleFunc("OPTIONS "+path+"{$}", s.preflight)
	return s
}

// Switches returns the switches as they are, defaults filled in.
func (s *Sim) Switches() Switches { return *s.switches.Load() }

// Switch replaces the switches, from the next request on. A wrong one is an
// error and changes nothing.
func (s *Sim) Switch(w Switches) error {
	if err := w.complete(); err != nil {
		return err
	}
	s.switches.Store(&w)
	return nil
}

// cfg returns the switches for one look.
func (s *Sim) cfg() *Switches { return s.switches.Load() }

// ServeHTTP answers one call.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// request is a call as it came.
type request struct {
	Action   string          `json:"action"`
	Obj      string          `json:"obj"`
	ActionID string          `json:"action_id"`
	Params   json.RawMessage `json:"params"`
	Limit    int             `json:"limit"` // of a list; 0 = all
	Offset   int             `json:"offset"`

	host   string // where it came from
	bearer string
	login  string // whom it concerns
}

// params reads the parameters that the simulator knows.
func (q *request) params() (p params) {
	_ = json.Unmarshal(q.Params, &p) // what cannot be read is missing
	return p
}

type params struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	ID       int    `json:"id"`
	DomainID int    `json:"domain_id"`
	UserID   int    `json:"user_id"`
	StatusID int    `json:"status_id"`
}

// op is what the request counts as.
func (q *request) op() string {
	switch q.Action + " " + q.Obj {
	case "auth User":
		return sim.OpSignIn
	case "logout User":
		return sim.OpSignOut
	}
	if q.Action == "get" || q.Action == "list" {
		return sim.OpMessage
	}
	return sim.OpCommand
}

// read takes the request apart; status is not 0 where the web server in front of
// the API refuses it.
func read(w http.ResponseWriter, r *http.Request) (q *request, status int) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, http.StatusRequestEntityTooLarge
	}
	q = &request{host: hostOf(r), bearer: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	if json.Unmarshal(body, q) != nil {
		return nil, http.StatusBadRequest
	}
	return q, 0
}

func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request) {
	q, refusal := read(w, r)
	if refusal != 0 {
		sim.HTML(refusal).Write(w)
		return
	}
	q.login = s.concerns(q)
	end := s.Ops.BeginContext(r.Context(), q.login, q.op())
	if s.blocked(q.host) {
		defer end()
		s.turnAway(w, r, q)
		return
	}
	s.note(q)
	f, _ := s.Faults.Take(r.Context(), q.op(), q.login)
	sim.Exchange{
		Wire:    &s.cfg().Wire,
		Process: func(ctx context.Context) sim.Reply { return s.process(ctx, q) },
		Fail:    func(code, text string) sim.Reply { return s.failText(q, code, text) },
		End:     end,
	}.Serve(w, r, f)
}

// note keeps a command as it came.
func (s *Sim) note(q *request) {
	const remembered = 1000
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[q.login]
	if a == nil || q.op() != sim.OpCommand {
		return
	}
	a.record.commands = append(a.record.commands, q.Obj+"/"+q.Action+" "+string(q.Params))
	if over := len(a.record.commands) - remembered; over > 0 {
		a.record.commands = a.record.commands[over:]
	}
}

// concerns returns the login that the request is counted for.
func (s *Sim) concerns(q *request) string {
	if q.op() == sim.OpSignIn {
		if login := q.params().Login; login != "" {
			return login
		}
		return nobody
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[q.bearer]; t != nil {
		return t.owner.Login
	}
	return nobody
}

func (s *Sim) process(ctx context.Context, q *request) sim.Reply {
	switch q.op() {
	case sim.OpSignIn:
		return s.auth(ctx, q)
	case sim.OpSignOut:
		return s.logout(ctx, q)
	}
	return s.ask(q)
}

// preflight answers a browser's question, without an account.
func (s *Sim) preflight(w http.ResponseWriter, r *http.Request) {
	if s.blocked(hostOf(r)) {
		s.turnAway(w, r, &request{})
		return
	}
	f, _ := s.Faults.Take(r.Context(), sim.OpConnect, nobody)
	sim.Exchange{
		Wire: &s.cfg().Wire,
		Process: func(context.Context) sim.Reply {
			return s.dated(sim.Reply{Status: http.StatusNoContent, Header: http.Header{
				"Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Methods": {"GET, POST, OPTIONS"},
			}})
		},
		Fail: func(code, text string) sim.Reply { return s.failText(&request{}, code, text) },
	}.Serve(w, r, f)
}

// work takes the time that the platform needs for an operation. A client that
// goes away does not stop it.
func (s *Sim) work(ctx context.Context) {
	timer := time.NewTimer(time.Duration(s.cfg().OperateTime))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Sim) log(msg, login string, args ...any) {
	if s.logger != nil {
		s.logger.Info(msg, append([]any{"agent", login}, args...)...)
	}
}
