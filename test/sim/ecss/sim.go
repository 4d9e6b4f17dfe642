package ecss

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
)

// Sim is one running platform. Its methods may be called at the same time,
// while it serves too.
type Sim struct {
	*core
	ops     sim.Ops
	faults  sim.Faults
	line    sim.Line
	control http.Handler

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup // handlers and spawned goroutines; grows under the lock only

	// Guarded by core's lock.
	sockets  map[*socket]struct{}
	refusals map[string]int
}

// New makes a platform from a configuration that Config.Check accepts; another
// panics. The caller closes it behind the server that serves it.
func New(c Config) *Sim {
	if err := c.Check(); err != nil {
		panic("ecss: " + err.Error())
	}
	_ = c.Switches.complete()
	s := &Sim{core: newCore(c), line: c.Line, sockets: map[*socket]struct{}{}, refusals: map[string]int{}}
	s.ops.OnViolation = c.OnViolation
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.control = s.controlMux()
	return s
}

// Close drops every websocket and returns when all that the simulator started
// has ended. Requests are refused from then on.
func (s *Sim) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.tasks.Wait()
}

// enter counts a handler in; false when the simulator is closed.
func (s *Sim) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.tasks.Add(1)
	return true
}

// ServeHTTP serves websockets on "/", the login by POST where it is switched
// on, and the control interface under /_sim/; all else is refused with 426.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		sim.HTML(http.StatusServiceUnavailable).Write(w)
		return
	}
	defer s.tasks.Done()
	switch {
	case strings.HasPrefix(r.URL.Path, "/_sim/"):
		s.control.ServeHTTP(w, r)
	case isUpgrade(r):
		s.upgrade(w, r)
	case s.takesLogin(r):
		s.loginByPost(w, r)
	default:
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "Upgrade Required", http.StatusUpgradeRequired)
	}
}

// Ops returns the counts of operations and the violations, by agent.
func (s *Sim) Ops() *sim.Ops { return &s.ops }

// Faults returns what goes wrong on demand. Operations are sign_in, sign_out,
// command (all but a subscription), message (those and subscriptions) and connect
// (a new websocket). Mode status
// answers a message with that status inside the JSON; mode code takes a status
// ("401") or the code beside status 500 ("5"), with Text.
func (s *Sim) Faults() *sim.Faults { return &s.faults }

// Switches returns the switches as they are.
func (s *Sim) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w
}

// Switch changes the switches, from the next request on. change gets a copy; a
// wrong one is an error and changes nothing.
func (s *Sim) Switch(change func(*Switches)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.w
	change(&w)
	if err := w.complete(); err != nil {
		return err
	}
	s.w = w
	for k := range s.sockets {
		k.nudge()
	}
	return nil
}

// find returns the agent of that name. The caller holds the lock.
func (c *core) find(login string) (*agent, error) {
	if a := c.agents[login]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNoAgent, login)
}

// ErrNoAgent is the error for a login that the platform does not have.
var ErrNoAgent = errors.New("no such agent")

// with calls f with an agent under the lock.
func (s *Sim) with(login string, f func(*agent)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	a, err := s.find(login)
	if err != nil {
		return err
	}
	f(a)
	return nil
}

// Kick ends every session of an agent, as a supervisor's forced logout does.
// signal overrides the switch of that name; "" leaves it.
func (s *Sim) Kick(login, signal string) error { return s.expel(login, reasonForced, signal) }

// Logout ends every session of an agent behind its client's back, as the
// phone's feature code does. signal is as for Kick.
func (s *Sim) Logout(login, signal string) error { return s.expel(login, reasonLogout, signal) }

func (s *Sim) expel(login, reason, signal string) error {
	w := Switches{Signal: signal}
	if err := w.complete(); err != nil {
		return err
	}
	return s.with(login, func(a *agent) {
		if signal == "" {
			signal = s.w.Signal
		}
		s.endAll(a, reason, signal)
		s.ops.Forget(a.name)
	})
}

// Displace logs another client in as this agent, at its usual number. With
// only_one_session that ends the older sessions; otherwise both live on. The
// other client stays until it is kicked or displaced in turn.
func (s *Sim) Displace(login string) error {
	return s.with(login, func(a *agent) {
		num := a.Number
		if len(a.seats) > 0 {
			num = a.seats[0].number
		}
		if s.numbers[num] == nil {
			s.numbers[num] = &number{}
		}
		s.sit(a, num).foreign = true
		if s.w.OnlyOneSession {
			s.ops.Forget(a.name)
		}
	})
}

// SetPassword changes an agent's password; sessions live on.
func (s *Sim) SetPassword(login, password string) error {
	return s.with(login, func(a *agent) { a.Password = password })
}

// Lock makes logins fail with TextBadLogin whatever the password, for d or, at
// zero, until Unlock. Sessions live on.
func (s *Sim) Lock(login string, d time.Duration) error {
	return s.with(login, func(a *agent) { s.lock(a, d) })
}

// Unlock ends a lock and forgets the wrong passwords.
func (s *Sim) Unlock(login string) error {
	return s.with(login, func(a *agent) { a.locked, a.wrong = false, 0 })
}

// SetAway moves an agent that is logged in to auxwork, or back to available.
func (s *Sim) SetAway(login string, away bool) error {
	return s.with(login, func(a *agent) { s.setState(a, away && len(a.seats) > 0, a.blocked) })
}

// Block blocks an agent as a supervisor does, or ends that and what a queue
// blocked. It keeps its session.
func (s *Sim) Block(login string, on bool) error {
	return s.with(login, func(a *agent) { s.setState(a, a.away, on) })
}

// Occupy lets an operator outside the simulation take a number, or give it
// back. Sessions at the number live on.
func (s *Sim) Occupy(num string, taken bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.numbers[num]
	if n == nil {
		return fmt.Errorf("%w: %q", ErrNoNumber, num)
	}
	n.taken = taken
	return nil
}

// ErrNoNumber is the error for a number that the platform does not have.
var ErrNoNumber = errors.New("no such number")

// Restart restarts the proxy: every websocket ends, with code 1001 where clean,
// else without a word, and new connections fail for d. The core's sessions stay
// for the grace.
func (s *Sim) Restart(clean bool, d time.Duration) {
	s.refuseFor(d)
	last := frameOut{drop: true}
	if clean {
		last = frameOut{close: int(websocket.StatusGoingAway)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		if st := k.seat; st != nil {
			st.agent.record.Drops++
			s.loosen(st, time.Duration(s.w.DropGrace))
			s.ops.Forget(st.agent.name)
		}
		k.push(last)
	}
}

func (s *Sim) refuseFor(d time.Duration) {
	switch {
	case d <= 0:
	case s.line != nil:
		s.line.RefuseFor(d)
	default:
		s.faults.Add(sim.Fault{Op: sim.OpAny, Mode: sim.ModeReset, For: sim.Duration(d)})
	}
}

// Core moves the core to CoreUp, CoreGateway or CoreSystemError, for d or, at
// zero, until the next call. endSessions also ends every session, as a core
// that lost its memory does.
func (s *Sim) Core(state string, d time.Duration, endSessions bool) error {
	if state != CoreUp && coreTexts[state] == "" {
		return fmt.Errorf("core state %q is none of %s, %s, %s", state, CoreUp, CoreGateway, CoreSystemError)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.until = state, time.Time{}
	if d > 0 {
		s.until = time.Now().Add(d)
	}
	if endSessions {
		for a := range maps.Values(s.agents) {
			s.endAll(a, reasonCore, s.w.Signal)
			s.ops.Forget(a.name)
		}
	}
	return nil
}

// hostOf returns the client's host without its port.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
