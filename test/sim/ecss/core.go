package ecss

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"agentkeeper/test/sim"
)

// attachWithin is how long a session that began with a POST waits for its
// websocket.
const attachWithin = 30 * time.Second

// The runtime states of an agent, in the core's words.
const (
	StateStopped   = "stopped" // logged out
	StateAvailable = "available"
	StateAuxwork   = "auxwork" // away
	StateBlocked   = "blocked" // by a supervisor, or by a queue
)

// core is what the platform knows: agents, numbers, sessions and calls. What
// happens by itself with time (a grace that ends) is found out when somebody
// looks; only websockets with somebody to tell have timers.
type core struct {
	mu       sync.Mutex
	w        Switches
	domain   string
	agents   map[string]*agent // by name
	byID     map[operator]*agent
	domains  map[string]bool
	numbers  map[string]*number
	tokens   map[string]*seat
	loose    map[*seat]struct{} // without a websocket, and not for ever
	lastCall int

	state string    // see CoreUp
	until time.Time // of state; zero: until it is changed
}

// operator is how a request names an agent: by agentId within its own domain.
type operator struct{ domain, id string }

type agent struct {
	Agent
	name     string
	away     bool
	blocked  bool
	barred   map[string]bool // actions that it has no right to
	asked    int             // so many commands are a program's
	doubt    string          // the latest command, where it was not answered
	log      []*Command      // the latest commands
	locked   bool
	unlockAt time.Time // zero: by a person only
	wrong    int       // passwords in a row
	seats    []*seat
	calls    []*call
	past     []*call // the latest that are over
	record   Record
	heard    time.Time                   // last contact of the present session; zero: none
	watchers map[*socket]json.RawMessage // who is told of its calls, by the subscription's requestId
}

type number struct {
	inactive bool
	taken    bool // by an operator outside the simulation
	seats    []*seat
}

// seat is one session of an agent at a number.
type seat struct {
	agent   *agent
	number  string
	token   string
	host    string  // of the client that logged in by POST
	socket  *socket // nil: not attached yet, or dropped
	foreign bool    // another client's, by Displace
	active  time.Time
	expires time.Time // of a loose seat
}

func newCore(c Config) *core {
	core := &core{
		w: c.Switches, domain: cmp.Or(c.Domain, DefaultDomain), state: CoreUp,
		agents: map[string]*agent{}, byID: map[operator]*agent{}, domains: map[string]bool{}, numbers: map[string]*number{},
		tokens: map[string]*seat{}, loose: map[*seat]struct{}{},
	}
	core.domains[core.domain] = true
	for _, a := range c.Agents {
		core.addAgent(a)
	}
	for _, n := range c.Numbers {
		core.numbers[n] = &number{}
	}
	for _, n := range c.Inactive {
		core.numbers[n] = &number{inactive: true}
	}
	return core
}

func (c *core) addAgent(a Agent) {
	a.Domain, a.ID = cmp.Or(a.Domain, c.domain), cmp.Or(a.ID, a.Login)
	name := c.name(a.Login, a.Domain)
	added := &agent{Agent: a, name: name, watchers: map[*socket]json.RawMessage{}}
	c.agents[name] = added
	c.byID[operator{a.Domain, a.ID}] = added
	c.domains[a.Domain] = true
	if a.Number != "" && c.numbers[a.Number] == nil {
		c.numbers[a.Number] = &number{}
	}
}

// name returns how an agent is named in the control interface and in counts.
func (c *core) name(login, domain string) string {
	if domain == "" || domain == c.domain {
		return login
	}
	return login + "@" + domain
}

// sit begins a session. The caller has checked that it may.
func (c *core) sit(a *agent, num string) *seat {
	if c.w.OnlyOneSession {
		c.endAll(a, reasonDisplaced, c.w.Signal)
	}
	if len(a.seats) == 0 {
		a.away = c.w.AuxworkAfterLogin
	}
	st := &seat{agent: a, number: num, token: newToken(), active: time.Now()}
	a.seats = append(a.seats, st)
	c.numbers[num].seats = append(c.numbers[num].seats, st)
	c.tokens[st.token] = st
	return st
}

// attach gives a session its websocket.
func (c *core) attach(st *seat, k *socket) {
	delete(c.loose, st)
	st.socket = k
	st.expires = time.Time{}
	k.seat = st
	st.agent.heard = time.Now()
	k.nudge()
}

// detach takes its websocket from a session, and with it the subscriptions.
func (c *core) detach(st *seat) {
	k := st.socket
	if k == nil {
		return
	}
	k.seat, st.socket = nil, nil
	st.agent.heard = time.Time{}
	for _, watched := range k.watching {
		delete(watched.watchers, k)
	}
	k.watching = nil
}

// loosen leaves a session without a websocket for d, then it ends.
func (c *core) loosen(st *seat, d time.Duration) {
	c.detach(st)
	if d <= 0 {
		c.end(st)
		return
	}
	st.expires = time.Now().Add(d)
	c.loose[st] = struct{}{}
}

// end takes a session away; nobody is told.
func (c *core) end(st *seat) {
	is := func(o *seat) bool { return o == st }
	a, n := st.agent, c.numbers[st.number]
	a.seats = slices.DeleteFunc(a.seats, is)
	n.seats = slices.DeleteFunc(n.seats, is)
	delete(c.tokens, st.token)
	delete(c.loose, st)
	c.detach(st)
	if len(a.seats) == 0 {
		a.away = false
		c.abandonCalls(a)
	}
}

// endAll ends every session of an agent and tells their websockets so by
// signal.
func (c *core) endAll(a *agent, reason, signal string) {
	for _, st := range slices.Clone(a.seats) {
		k := st.socket
		c.end(st)
		if k != nil {
			a.record.Ended++
			c.signal(k, reason, signal)
		}
	}
}

// The reasons of a session's end, as the pushed message gives them.
const (
	reasonDisplaced = "displaced"
	reasonForced    = "forced_logout"
	reasonLogout    = "logout"
	reasonIdle      = "auto_logout"
	reasonCore      = "core_restart"
)

// signal tells a websocket that its session is over, as far as signal allows.
func (c *core) signal(k *socket, reason, signal string) {
	switch signal {
	case "silent":
		return
	case "push_close":
		k.push(frameOut{text: c.w.encode(object{"action": c.w.PushAction, "payload": object{"reason": reason}})})
	}
	k.push(frameOut{close: c.w.CloseCode})
}

// sweep ends the loose sessions whose time is over.
func (c *core) sweep() {
	now := time.Now()
	for st := range c.loose {
		if !now.Before(st.expires) || c.idle(st, now) {
			c.end(st)
		}
	}
	if !c.until.IsZero() && !now.Before(c.until) {
		c.state, c.until = CoreUp, time.Time{}
	}
}

// idleAt returns when a session ends for want of activity; zero: never.
func (c *core) idleAt(st *seat) time.Time {
	if c.w.AutoLogout == 0 || c.w.AutoLogoutBy == "nobody" {
		return time.Time{}
	}
	return st.active.Add(time.Duration(float64(c.w.AutoLogout) * float64(time.Minute)))
}

func (c *core) idle(st *seat, now time.Time) bool {
	at := c.idleAt(st)
	return !at.IsZero() && !now.Before(at)
}

// touch notes a request within a session, for the inactivity timer.
func (c *core) touch(st *seat, action string) {
	switch {
	case c.w.AutoLogoutReset == "nothing":
	case c.w.AutoLogoutReset == "non_subscribe" && action == actionSubscribe:
	default:
		st.active = time.Now()
	}
}

// hear notes a sign of life of the client that holds a session.
func (c *core) hear(st *seat) {
	a, now := st.agent, time.Now()
	if !a.heard.IsZero() {
		a.record.LargestSilence = max(a.record.LargestSilence, sim.Duration(now.Sub(a.heard)))
	}
	a.heard = now
}

// stateOf returns the agent's runtime state in the core's words.
func (a *agent) stateOf() string {
	switch {
	case len(a.seats) == 0:
		return StateStopped
	case a.blocked:
		return StateBlocked
	case a.away:
		return StateAuxwork
	}
	return StateAvailable
}

// isLocked reports whether logins are refused whatever the password.
func (a *agent) isLocked() bool {
	if a.locked && !a.unlockAt.IsZero() && !time.Now().Before(a.unlockAt) {
		a.locked, a.wrong = false, 0
	}
	return a.locked
}

// newToken makes a token that looks like the vendor's example: 16 bytes, a
// colon, 48 bytes, in hexadecimal (vendor page: login).
func newToken() string {
	var b [64]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:16]) + ":" + hex.EncodeToString(b[16:])
}
