package huaweiconfig

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/test/sim"
)

const (
	base    = "/agentgateway/resource" // vendor page: transport
	maxBody = 64 << 10
	cookie  = "huaweielbsession"
	nobody  = "unknown" // counts requests whose account is not known
)

// Sim is one gateway's configuration interface. It is an http.Handler for the
// vendor's calls and for /_sim/; its methods may be called at any time.
type Sim struct {
	// Faults is what goes wrong on demand: logins are sign_in, queries message.
	Faults sim.Faults
	// Ops counts operations per account and holds the violations.
	Ops sim.Ops

	switches atomic.Pointer[Switches]
	line     sim.Line
	logger   *slog.Logger
	mux      *http.ServeMux
	started  time.Time

	mu       sync.Mutex
	accounts map[string]*account
	guids    map[string]*guid // every one that was given out and is remembered, dead ones too
}

// New makes a gateway. A configuration that Config.Check refuses panics.
func New(c Config) *Sim {
	if err := c.Check(); err != nil {
		panic("huaweiconfig simulator: " + err.Error())
	}
	_ = c.Switches.complete()
	s := &Sim{line: c.Line, logger: c.Log, started: time.Now(), accounts: make(map[string]*account, len(c.Accounts)), guids: map[string]*guid{}}
	s.switches.Store(&c.Switches)
	s.Ops.OnViolation = c.OnViolation
	for _, a := range c.Accounts {
		s.accounts[a.Login] = &account{Account: a}
	}
	s.mux = s.controlMux()
	s.mux.HandleFunc("POST "+base+"/config/login", s.serveLogin)
	s.mux.HandleFunc("GET "+base+"/config/login", func(w http.ResponseWriter, _ *http.Request) {
		sim.HTML(http.StatusMethodNotAllowed).Write(w)
	})
	s.mux.HandleFunc("GET "+base+"/config/", s.serveQuery)
	s.mux.HandleFunc("POST "+base+"/config/", s.serveQuery)
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

// serveLogin counts by the login in the body; two in flight are a violation.
func (s *Sim) serveLogin(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		sim.HTML(http.StatusRequestEntityTooLarge).Write(w)
		return
	}
	q := parseLogin(body)
	name := s.nameOf(q.login)
	end := s.begin(r.Context(), name, sim.OpSignIn)
	f, _ := s.Faults.Take(r.Context(), sim.OpSignIn, name)
	sim.Exchange{
		Wire:    &s.cfg().Wire,
		Process: func(ctx context.Context) sim.Reply { return s.login(ctx, q) },
		Fail:    s.failureText, End: end,
	}.Serve(w, r, f)
}

// serveQuery answers any other request under /config/.
func (s *Sim) serveQuery(w http.ResponseWriter, r *http.Request) {
	guid, stick := r.Header.Get("Guid"), ""
	if c, err := r.Cookie(cookie); err == nil {
		stick = c.Value
	}
	name, op := s.holder(guid)
	end := s.begin(r.Context(), name, op)
	f, _ := s.Faults.Take(r.Context(), sim.OpMessage, name)
	sim.Exchange{
		Wire:    &s.cfg().Wire,
		Process: func(context.Context) sim.Reply { return s.query(guid, stick) },
		Fail:    s.failureText, End: end,
	}.Serve(w, r, f)
}

// begin counts the request. Those of nobody may overlap.
func (s *Sim) begin(ctx context.Context, name, op string) (end func()) {
	if name == nobody {
		s.Ops.Add(name, op)
		return nil
	}
	return s.Ops.BeginContext(ctx, name, op)
}

// nameOf keeps the counts to accounts that exist.
func (s *Sim) nameOf(login string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[login] == nil {
		return nobody
	}
	return login
}

// holder returns whose the Guid is or was, and what a query with it counts as.
func (s *Sim) holder(value string) (name, op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guids[value]
	if g == nil {
		return nobody, sim.OpOther
	}
	return g.of.Login, sim.OpMessage
}

func (s *Sim) log(msg, login string, args ...any) {
	if s.logger != nil {
		s.logger.Info(msg, append([]any{"account", login}, args...)...)
	}
}
