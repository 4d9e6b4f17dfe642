package edna

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/test/sim"
)

const maxBody = 64 << 10

// Sim is one installation. It is an http.Handler for the vendor's calls and for
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

	mu       sync.Mutex
	random   *rand.Rand
	accounts map[string]*account
	owners   map[string]*account // of every token that was ever given out
	restart  time.Time           // the next one; zero: not drawn
	restarts int
}

// New makes an installation. A configuration that Config.Check refuses panics.
func New(c Config) *Sim {
	if err := c.Check(); err != nil {
		panic("edna simulator: " + err.Error())
	}
	_ = c.Switches.complete() // Check would have found its error
	s := &Sim{
		line: c.Line, logger: c.Log, random: rand.New(rand.NewPCG(c.Seed, 1)),
		accounts: make(map[string]*account, len(c.Accounts)), owners: map[string]*account{},
	}
	s.switches.Store(&c.Switches)
	s.Ops.OnViolation = c.OnViolation
	for i, a := range c.Accounts {
		s.accounts[a.Login] = &account{Account: a, id: strconv.Itoa(i + 1), status: statusReady}
	}
	s.mux = s.controlMux()
	s.routes()
	return s
}

// Switches returns the switches as they are, defaults filled in.
func (s *Sim) Switches() Switches { return *s.switches.Load() }

// Switch replaces the switches, from the next request on; tokens that are out
// follow a changed life. A wrong one is an error and changes nothing.
func (s *Sim) Switch(w Switches) error {
	if err := w.complete(); err != nil {
		return err
	}
	s.switches.Store(&w)
	return nil
}

func (s *Sim) cfg() *Switches { return s.switches.Load() }

// ServeHTTP answers one call.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// routes registers the vendor's calls (vendor pages: log-in, thread details,
// assign a thread, set an agent's status).
func (s *Sim) routes() {
	s.mux.HandleFunc("/api/auth/login", s.serveLogIn)
	for pattern, h := range map[string]handler{
		"GET /api/v1/threads/{id}":        s.thread,
		"PUT /api/v1/threads/{id}/assign": s.assign,
		"PUT /api/v1/agents/{who}/status": s.setStatus,
		"/":                               s.unknown,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serveCall(w, r, h) })
	}
}

// handler is one call that needs a token.
type handler func(a *account, r *http.Request) sim.Reply

// serveCall lets a request with a living token in. Requests that belong to
// nobody are counted as those of "?".
func (s *Sim) serveCall(w http.ResponseWriter, r *http.Request, h handler) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a, token := s.owner(r)
	name := "?"
	if a != nil {
		name = a.Login
	}
	op := sim.OpMessage
	if a != nil && r.Method != http.MethodGet {
		op = sim.OpCommand
	}
	end := s.Ops.BeginContext(r.Context(), name, op)
	f, _ := s.Faults.Take(r.Context(), op, name)
	sim.Exchange{
		Wire:    &s.cfg().Wire,
		Process: func(context.Context) sim.Reply { return s.note(a, op, r, s.call(a, token, r, h)) },
		Fail:    func(code, text string) sim.Reply { return failure(statusOf(code), text, r.URL.Path) },
		End:     end,
	}.Serve(w, r, f)
}

// Command is a request of an account that changes something, as it was answered.
type Command struct {
	At     time.Time `json:"at"`
	Text   string    `json:"text"`   // method, path and query
	Status int       `json:"status"` // of the answer, whether it arrived or not
}

// note keeps what a command was answered.
func (s *Sim) note(a *account, op string, r *http.Request, answer sim.Reply) sim.Reply {
	if op != sim.OpCommand {
		return answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.record.commands = append(a.record.commands, Command{At: time.Now(), Text: r.Method + " " + r.URL.RequestURI(), Status: cmp.Or(answer.Status, http.StatusOK)})
	if over := len(a.record.commands) - kept; over > 0 {
		a.record.commands = a.record.commands[over:]
	}
	return answer
}

// owner returns whose token the request carries, dead or alive. The header must
// be one Bearer and a token.
func (s *Sim) owner(r *http.Request) (a *account, token string) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "Bearer" {
		return nil, ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a = s.owners[token]; a != nil {
		return a, token
	}
	if bare := strings.TrimPrefix(token, "Bearer "); bare != token && s.owners[bare] != nil {
		s.Ops.Violation(s.owners[bare].Login, "the header Authorization carries Bearer twice")
	}
	return nil, ""
}

// call answers an authenticated request.
func (s *Sim) call(a *account, token string, r *http.Request, h handler) sim.Reply {
	if a == nil || !s.admit(a, token, time.Now()) {
		return s.unauthorized(r)
	}
	if s.cfg().Forbidden {
		return failure(http.StatusForbidden, "Access is denied", r.URL.Path)
	}
	return h(a, r)
}

// admit reports whether the token opens the platform at now, and notes it.
func (s *Sim) admit(a *account, token string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass(now)
	if t := a.find(token); t != nil && s.lives(t, now) {
		return true
	}
	a.record.rejected++
	if len(a.tokens) == 0 || a.tokens[len(a.tokens)-1].text == token {
		s.Ops.Forget(a.Login)
	}
	return false
}

// lives reports whether the token is alive at now. With the lock held.
func (s *Sim) lives(t *token, now time.Time) bool {
	return !t.dead && !s.cfg().DeadToken && now.Sub(t.born) < span(s.cfg().Life)
}

// pass carries out the restarts that were due by now. With the lock held.
func (s *Sim) pass(now time.Time) {
	apart := span(s.cfg().RestartIn)
	if apart == 0 {
		s.restart = time.Time{}
		return
	}
	if s.restart.IsZero() {
		s.restart = now.Add(s.draw(apart))
	}
	for !now.Before(s.restart) {
		s.endAll(s.restart)
		s.restart = s.restart.Add(s.draw(apart))
	}
}

// draw returns a random time with the mean apart.
func (s *Sim) draw(apart time.Duration) time.Duration {
	return time.Duration(s.random.ExpFloat64()*float64(apart)) + time.Second
}

// endAll ends every token that was given out before at. With the lock held.
func (s *Sim) endAll(at time.Time) {
	s.restarts++
	for _, a := range s.accounts {
		for _, t := range a.tokens {
			t.dead = t.dead || t.born.Before(at)
		}
	}
}

// Restart restarts the platform: every token ends.
func (s *Sim) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endAll(time.Now())
}

// Restarts returns how many there were.
func (s *Sim) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

func (s *Sim) log(msg string, a *account, args ...any) {
	if s.logger != nil {
		s.logger.Info(msg, append([]any{"agent", a.Login}, args...)...)
	}
}

// ErrUnknownAccount means that no account has the login.
var ErrUnknownAccount = errors.New("there is no such account")

// with runs f on an account with the lock held.
func (s *Sim) with(login string, f func(*account) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[login]
	if a == nil {
		return ErrUnknownAccount
	}
	return f(a)
}
