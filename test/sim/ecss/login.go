package ecss

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// The states of the core, as a login sees them.
const (
	CoreUp          = "up"
	CoreGateway     = "gateway_timeout" // the proxy cannot reach the core: TextGateway
	CoreSystemError = "system_error"    // TextSystemError
)

// credentials is the payload of a login. Every field is a string; domain and
// role may be left out (vendor page: login).
type credentials struct {
	Login    string
	Password string
	Number   string
	Profile  string
	Domain   string
	Role     string
}

var errPayload = errors.New("login's payload: login, password, number and profile must be strings, domain and role strings where given")

// parseCredentials reads a login's payload. Unknown keys are ignored, as the
// proxy does; a field of another type than the vendor's is an error.
func parseCredentials(payload []byte) (credentials, error) {
	fields, err := fieldsOf(payload)
	if err != nil {
		return credentials{}, errPayload
	}
	var c credentials
	for name, field := range map[string]*string{
		"login": &c.Login, "password": &c.Password, "number": &c.Number,
		"profile": &c.Profile, "domain": &c.Domain, "role": &c.Role,
	} {
		raw, given := fields[name]
		optional := name == "domain" || name == "role"
		if !given && optional {
			continue
		}
		if kindOf(raw) != '"' || json.Unmarshal(raw, field) != nil {
			return c, errPayload
		}
	}
	return c, nil
}

// attempt is one login on its way, over a websocket or by POST.
type attempt struct {
	who    credentials
	bad    error   // what is wrong with the request's form
	name   string  // of the agent meant, known or not
	socket *socket // nil for a POST
	host   string  // the client's, for a POST
}

// newAttempt reads a login and counts it as begun; end is called once, before
// the answer. ctx ends when the client goes away.
func (s *Sim) newAttempt(ctx context.Context, payload []byte, k *socket, host string) (at attempt, end func()) {
	at = attempt{socket: k, host: host}
	at.who, at.bad = parseCredentials(payload)
	at.name = s.agentName(at.who.Login, at.who.Domain)
	if at.bad != nil {
		s.ops.Violation(at.name, at.bad.Error())
	}
	s.watchRivals(at)
	return at, s.ops.BeginContext(ctx, at.name, sim.OpSignIn)
}

// settleTime is how long a login waits for the agent's other websocket to prove
// that it has gone: a closed connection is noticed a moment late.
const settleTime = 250 * time.Millisecond

// watchRivals notes a violation when the agent's own session lives on another
// websocket: the client may have one at any time.
func (s *Sim) watchRivals(at attempt) {
	for _, rival := range s.rivals(at) {
		timer := time.NewTimer(settleTime)
		select {
		case <-rival.left:
		case <-timer.C:
		}
		timer.Stop()
	}
	if len(s.rivals(at)) > 0 {
		s.ops.Needless(at.name)
		s.ops.Violation(at.name, "login while its session is alive on another websocket")
	}
}

func (s *Sim) rivals(at attempt) []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[at.name]
	if a == nil {
		return nil
	}
	var rivals []*socket
	for _, st := range a.seats {
		if k := st.socket; k != nil && k != at.socket {
			rivals = append(rivals, k)
		}
	}
	return rivals
}

// carry takes as long as the core takes and logs in. A client that goes away
// meanwhile does not stop it: the core knows nothing of websockets.
// send is called once, under the simulator's lock.
func (s *Sim) carry(at attempt, send func(reply)) {
	w := s.Switches()
	pause(s.ctx, time.Duration(w.LoginDelay))
	if s.lacksDomain(at) {
		pause(s.ctx, time.Duration(w.NoDomainDelay))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	send(s.admit(at))
}

func (s *Sim) lacksDomain(at attempt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.domainOf(at.who)
	return !ok
}

// admit decides a login and, where it is good, begins the session.
func (s *Sim) admit(at attempt) reply {
	if at.bad != nil {
		return failed(at.bad.Error())
	}
	s.sweep()
	a, text := s.judge(at)
	if text != "" {
		s.refuse(cmp.Or(a, s.agents[at.name]), text)
		s.ops.Forget(at.name)
		return refused(text)
	}
	if k := at.socket; k != nil && k.seat != nil {
		s.end(k.seat) // a login anew on the same websocket
	}
	s.endGhosts(a)
	st := s.sit(a, at.who.Number)
	st.host = at.host
	s.place(st, at.socket)
	a.wrong = 0
	a.record.Logins++
	a.record.LastLogin = time.Now()
	return good(s.welcome(st))
}

// place attaches a new session to the websocket of its login. A websocket that
// has gone meanwhile leaves the session to the grace.
func (s *Sim) place(st *seat, k *socket) {
	if k == nil {
		s.loosen(st, attachWithin)
		return
	}
	if _, open := s.sockets[k]; !open {
		s.loosen(st, time.Duration(s.w.DropGrace))
		return
	}
	s.attach(st, k)
}

// judge returns the agent and the text of the refusal, "" where the login is
// good. The order is the core's: itself, the domain, the credentials, the
// number.
func (c *core) judge(at attempt) (a *agent, text string) {
	if text := coreTexts[c.state]; text != "" {
		return nil, text
	}
	domain, ok := c.domainOf(at.who)
	if !ok {
		return nil, c.w.NoDomain
	}
	a = c.agents[c.name(at.who.Login, domain)]
	if a == nil || a.isLocked() || a.Password != at.who.Password {
		return a, TextBadLogin
	}
	return a, c.judgeNumber(a, at)
}

var coreTexts = map[string]string{CoreGateway: TextGateway, CoreSystemError: TextSystemError}

// defaultProfile is the one profile of server settings that exists.
const defaultProfile = "default"

func (c *core) domainOf(who credentials) (domain string, ok bool) {
	if who.Profile != defaultProfile {
		return "", false
	}
	domain = who.Domain
	if domain == "" && !c.w.ProfileHasNoDomain {
		domain = c.domain
	}
	return domain, c.domains[domain]
}

func (c *core) judgeNumber(a *agent, at attempt) string {
	n := c.numbers[at.who.Number]
	switch {
	case n == nil:
		return TextNoNumber
	case n.inactive:
		return TextNotActivated
	case n.taken || slices.ContainsFunc(n.seats, func(st *seat) bool { return c.bars(st, a) }):
		return TextOccupied
	}
	return ""
}

// bars reports whether a session keeps agent a from taking its number.
func (c *core) bars(st *seat, a *agent) bool {
	ghost := st.socket == nil && !st.foreign
	return st.agent != a || (ghost && c.w.GhostOccupies)
}

// endGhosts ends what dropped websockets of the agent left behind: its new
// session takes their place.
func (c *core) endGhosts(a *agent) {
	for _, st := range slices.Clone(a.seats) {
		if _, loose := c.loose[st]; loose {
			c.end(st)
		}
	}
}

// refuse notes a refused login; a is nil where the agent is not known.
func (s *Sim) refuse(a *agent, text string) {
	s.refusals[text]++
	if a == nil {
		return
	}
	if a.record.Refused == nil {
		a.record.Refused = map[string]int{}
	}
	a.record.Refused[text]++
	if text != TextBadLogin {
		return
	}
	a.wrong++
	if s.w.LockAfter > 0 && a.wrong >= s.w.LockAfter && !a.locked {
		s.lock(a, time.Duration(s.w.LockFor))
	}
}

func (c *core) lock(a *agent, d time.Duration) {
	a.locked, a.unlockAt = true, time.Time{}
	if d > 0 {
		a.unlockAt = time.Now().Add(d)
	}
}

// welcome is the payload of a good login.
func (c *core) welcome(st *seat) object {
	a := st.agent
	capabilities := object{"operatorGetInQueueCalls": a.Supervisor}
	payload := object{
		"token": st.token, "supervisor": a.Supervisor, "capabilities": capabilities,
		"autoLogoutTimeout": c.w.AutoLogout,
	}
	if !c.w.OmitAgentID {
		payload["agentId"] = a.ID
	}
	carrier, given := map[string]object{"payload": payload, "capabilities": capabilities}[c.w.Permissions]
	if given {
		carrier["force_logout"], carrier["agents_manage"] = a.Supervisor, a.Supervisor
		carrier["queues_manage"], carrier["call_basic"] = a.Supervisor, true
	}
	return payload
}

// agentName returns how the agent of a login is named, "?" without a login.
func (s *Sim) agentName(login, domain string) string {
	return cmp.Or(s.name(login, domain), "?")
}
