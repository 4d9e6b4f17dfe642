package huawei

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"agentkeeper/test/sim"
)

// settings is a sign-in's body after the platform took it in.
type settings struct {
	password     string
	phone        string
	status       int
	phoneLinkage bool
	media        bool // with a phone and its media servers: not loginex
	autoAnswer   bool
	autoIdle     bool
	push         bool
	older        bool // pushUrl: the push of older gateways
	callback     string
	token        string
}

var serviceToken = regexp.MustCompile(`^[A-Za-z0-9_-]{0,50}$`)

// parse reads a sign-in's body. Numbers and booleans may stand as strings, as
// in the vendor's own sample. code is "" or why the platform refuses it.
func (s *Sim) parse(login string, body []byte, media bool) (set settings, code string) {
	var raw map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&raw) != nil || raw == nil {
		return set, "000-002"
	}
	f := fields{raw: raw}
	set.media = media
	set.password = f.text("password", 32)
	set.phone = f.phone()
	if !media {
		set.phone = or(set.phone, "none-"+login)
	}
	if set.phone == "" || (set.password == "" && media && !s.cfg().EmptyPassword) {
		f.fail("100-001")
	}
	if media && !phoneNumber.MatchString(set.phone) {
		f.fail("100-013")
	}
	set.status = f.oneOf("status", "100-001", 4, 3, 5)
	f.oneOf("agenttype", "100-012", 4, 11)
	set.autoAnswer, set.autoIdle = f.flag("autoanswer"), f.flag("autoenteridle")
	for _, name := range []string{"releasephone", "checkInWebm", "checkInMailm", "listenStatus"} {
		f.boolean(name)
	}
	set.phoneLinkage = f.boolean("phonelinkage")
	f.ip("ip")
	f.text("entryIp", 0)
	f.text("vcPhoneNumber", 24)
	f.text("serviceworkid", 30)
	f.push(&set)
	return set, f.code
}

func (s *Sim) signIn(ctx context.Context, q *request) sim.Reply {
	return s.operate(ctx, q, false, true)
}

func (s *Sim) forceSignIn(ctx context.Context, q *request) sim.Reply {
	return s.operate(ctx, q, true, true)
}

// signInWithoutMedia is loginex: without a phone, and perhaps without a password
// (vendor page: loginex).
func (s *Sim) signInWithoutMedia(ctx context.Context, q *request) sim.Reply {
	return s.operate(ctx, q, false, false)
}

func (s *Sim) operate(ctx context.Context, q *request, force, media bool) sim.Reply {
	if q.overlap {
		return s.failure("000-007")
	}
	s.spend(ctx, s.cfg().OperationTime)
	set, code := s.parse(q.login, q.body, media)
	if code != "" {
		return s.failure(code)
	}
	answer, early := s.decide(q, set, force)
	if early { // the callbacks get a head start
		timer := time.NewTimer(headStart)
		defer timer.Stop()
		<-timer.C
	}
	return answer
}

// headStart is how long before the sign-in's answer callbacks are sent with the
// switch push_early.
const headStart = 200 * time.Millisecond

func (s *Sim) decide(q *request, set settings, force bool) (answer sim.Reply, early bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, code := s.admit(q.login, set, force)
	if code != "" {
		return s.failure(code), false
	}
	answer = s.enter(a, set, q)
	if early = set.push && s.cfg().PushEarly; early {
		s.startPushing(a, a.session)
	}
	return answer, early
}

// spend takes the time that the platform needs for an operation. A client that
// goes away does not stop it.
func (s *Sim) spend(ctx context.Context, needed sim.Duration) {
	d := time.Duration(needed)
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// admit decides on a sign-in; code is "" when the agent may come in. With the
// lock held.
func (s *Sim) admit(login string, set settings, force bool) (a *agent, code string) {
	now := time.Now()
	a = s.agents[login]
	switch {
	case now.Before(s.disaster):
		return a, "000-004"
	case a == nil:
		return nil, "100-004"
	}
	if code := s.credentials(a, set, now); code != "" {
		return a, code
	}
	s.reap(a, now)
	if a.session != nil && a.session.heldUntil.IsZero() { // not another client's
		s.Ops.Needless(a.Login)
	}
	switch {
	case a.session != nil && a.NoForce:
		return a, "100-015"
	case a.session != nil && !force:
		return a, "100-002"
	}
	return a, s.resources(a, set, now)
}

// credentials checks the password and counts towards the lock-out.
func (s *Sim) credentials(a *agent, set settings, now time.Time) (code string) {
	if a.locked(now) {
		return "110-016"
	}
	if !a.lockedUntil.IsZero() { // the lock is over
		a.lockedUntil, a.failures = time.Time{}, 0
	}
	if set.password == a.Password || (!set.media && set.password == "") {
		a.failures = 0
		return ""
	}
	a.failures++
	if a.failures < s.cfg().LockAfter {
		return "100-004"
	}
	a.lockedUntil = now.Add(time.Duration(s.cfg().LockTime))
	s.log("account locked", a)
	return "110-021"
}

// resources checks the phone and the licence.
func (s *Sim) resources(a *agent, set settings, now time.Time) (code string) {
	if set.media && s.phones != nil && !s.phones[set.phone] {
		return "100-014"
	}
	if other := s.seated[set.phone]; other != nil && other != a {
		if s.reap(other, now); other.session != nil {
			return "100-011"
		}
	}
	if a.session == nil && s.full(now) {
		return "100-003"
	}
	return ""
}

// full reports whether the licence takes no further agent.
func (s *Sim) full(now time.Time) bool {
	if s.cfg().Capacity == 0 || len(s.seated) < s.cfg().Capacity {
		return false
	}
	for _, a := range s.agents {
		s.reap(a, now)
	}
	return len(s.seated) >= s.cfg().Capacity
}

// enter signs the agent in, displacing an older session. With the lock held.
func (s *Sim) enter(a *agent, set settings, q *request) sim.Reply {
	n := s.open(a, set)
	q.signIn(n)
	const remembered = 100
	a.record.signedIn = append(a.record.signedIn, n.started)
	if over := len(a.record.signedIn) - remembered; over > 0 {
		a.record.signedIn = a.record.signedIn[over:]
	}
	s.log("signed in", a, "phone", set.phone)
	return s.welcome(a, n)
}

// open makes the agent's new session and ends its old one.
func (s *Sim) open(a *agent, set settings) *session {
	now := time.Now()
	if a.session != nil {
		s.displace(a)
	}
	n := &session{
		of: a, sim: s, by: ByAgent, started: now, seen: now, phone: set.phone, status: set.status, push: set.push, callback: set.callback, token: set.token,
		older: set.older, autoAnswer: set.autoAnswer, autoIdle: set.autoIdle, stirred: s.stirred,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	n.renew(now, node)
	if s.cfg().Cookie {
		n.cookie = newUUID()
	}
	if a.last != nil && (s.cfg().StaleShutdown || (s.cfg().Displaced == Shutdown && a.last.farewell != nil)) {
		n.emit(a.last.shutdown)
	}
	n.emit(s.firstEvents(set, now)...)
	a.gen.start(now)
	a.session, s.seated[n.phone] = n, a
	if n.status == StateIdle && a.phoneAway {
		n.grant(wish{status: StateBusy, reason: reasonPhone, by: ByPlatform}, now)
	}
	n.awaitCall(now)
	return n
}

func (s *Sim) displace(a *agent) {
	if s.cfg().Displaced == Shutdown {
		s.endShown(a, "displaced")
		return
	}
	s.end(a, s.cfg().Displaced, "displaced")
}

// firstEvents are what a session's first polls bring (vendor page: sign-in).
func (s *Sim) firstEvents(set settings, now time.Time) []event {
	kinds := []string{"AgentOther_InService", "AgentState_Ready"}
	switch set.status {
	case 3:
		kinds = append(kinds, "AgentState_SetNotReady_Success")
	case 5:
		kinds = append(kinds, "AgentState_Work")
	}
	if set.phoneLinkage {
		kinds = append(kinds, "AgentEvent_linkageCapability")
	}
	events := make([]event, len(kinds))
	for i, kind := range kinds {
		events[i] = event{kind: kind, at: now, content: null}
		if kind == "AgentState_SetNotReady_Success" {
			events[i].content = s.reasonOf(0)
		}
	}
	return events
}

// welcome is a good sign-in's answer.
func (s *Sim) welcome(a *agent, n *session) sim.Reply {
	r := s.setGuid(s.success(map[string]any{
		"vdnid":         s.number("1", s.cfg().Types.NumericVDN),
		"workno":        s.number(a.Login, s.cfg().Types.NumericWorkNo),
		"mediatype":     or(a.MediaType, "TTF"),
		"loginTime":     n.loginTime(),
		"isForceChange": s.boolean(a.ForceChange),
		"serverName":    "AgentGateway",
		"timeRemaining": a.TimeRemaining,
	}), n.newest())
	switch s.cfg().GuidIn {
	case GuidBoth:
		r.Header.Set("Guid", n.newest().value)
	case GuidCookie:
		c := http.Cookie{Name: guidCookie, Value: n.newest().value, Path: "/agentgateway", HttpOnly: true}
		r.Header.Add("Set-Cookie", c.String())
	}
	if n.cookie != "" {
		c := http.Cookie{Name: cookie, Value: n.cookie, Path: "/", HttpOnly: true}
		r.Header.Add("Set-Cookie", c.String())
	}
	return r
}
