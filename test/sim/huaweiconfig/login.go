package huaweiconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"agentkeeper/test/sim"
)

// request is a login as it came.
type request struct {
	login    string
	password string
	bad      bool // not of the documented form
}

// parseLogin reads {"agentId":101,"password":"…"}; agentId is a number (vendor
// page: configuration login).
func parseLogin(body []byte) request {
	var raw struct {
		AgentID  any     `json:"agentId"`
		Password *string `json:"password"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&raw) != nil || raw.Password == nil {
		return request{bad: true}
	}
	id, ok := raw.AgentID.(json.Number)
	if !ok || !agentID.MatchString(id.String()) {
		return request{bad: true}
	}
	return request{login: id.String(), password: *raw.Password}
}

func (s *Sim) login(ctx context.Context, q request) sim.Reply {
	s.work(ctx)
	if q.bad {
		return s.failure("107-002")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	a := s.accounts[q.login]
	if a == nil {
		return s.failure("107-003")
	}
	if code := s.credentials(a, q.password, now); code != "" {
		return s.failure(code)
	}
	if s.cfg().SecondLogin == SecondKills {
		s.endAll(a, "another login")
	}
	return s.welcome(s.enter(a, now))
}

// work takes the time that the platform needs for a login.
func (s *Sim) work(ctx context.Context) {
	timer := time.NewTimer(time.Duration(s.cfg().LoginTime))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// credentials checks the password and counts towards the lock-out; "" lets in.
func (s *Sim) credentials(a *account, password string, now time.Time) (code string) {
	if a.locked(now) {
		return "110-016"
	}
	if !a.lockedUntil.IsZero() { // the lock is over
		a.lockedUntil, a.failures = time.Time{}, 0
	}
	if password == a.Password {
		a.failures = 0
		return ""
	}
	a.failures++
	if a.failures < s.cfg().LockAfter {
		return "107-003"
	}
	a.lockedUntil = now.Add(time.Duration(s.cfg().LockTime))
	s.log("account locked", a.Login)
	return "110-021"
}

// enter gives a new Guid out and forgets those that ended long ago. With the
// lock held.
func (s *Sim) enter(a *account, now time.Time) *guid {
	stick := ""
	if s.cfg().Cookie {
		stick = newUUID()
	}
	g := a.enter(now, stick)
	s.guids[g.value] = g
	s.prune(now)
	s.log("logged in", a.Login)
	return g
}

// prune forgets Guids that no client can be expected to know any more.
func (s *Sim) prune(now time.Time) {
	const many, old = 1000, time.Hour
	if len(s.guids) < many {
		return
	}
	for value, g := range s.guids {
		if now.Sub(g.used) > old+time.Duration(s.cfg().Window) {
			delete(s.guids, value)
		}
	}
}

// query answers any request under /config/ but the login.
func (s *Sim) query(value, stick string) sim.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	g := s.guids[value]
	if g == nil {
		return s.expired()
	}
	if s.reap(g, now); g.ended || g.cookie != stick {
		g.of.denied++
		return s.expired()
	}
	g.used = now
	r := s.result()
	if age := time.Duration(s.cfg().Rotate); age > 0 && now.Sub(g.fresh) >= age {
		r = s.rotate(g, r, now)
	}
	return r
}

// rotate puts a new Guid into the answer. With the lock held.
func (s *Sim) rotate(g *guid, r sim.Reply, now time.Time) sim.Reply {
	n := g.rotated(now)
	s.guids[n.value] = n
	s.prune(now)
	g.ended = s.cfg().OldGuid == OldGuidDead
	g.fresh = now // it is replaced once
	r.Header = r.Header.Clone()
	r.Header["Set-GUID"] = []string{"JSESSIONID=" + n.value}
	return r
}

// reap ends the Guid if its gap or its life was too long, or the gateway
// restarted meanwhile. With the lock held.
func (s *Sim) reap(g *guid, now time.Time) {
	if g.ended {
		return
	}
	c := s.cfg()
	life := time.Duration(c.Life)
	switch {
	case now.Sub(g.used) > time.Duration(c.Window):
		g.of.lapsed++
		s.end(g, "silent for too long")
	case life > 0 && now.Sub(g.born) >= life:
		s.end(g, "its life is over")
	case g.born.Before(s.restarted(now)):
		s.end(g, "the gateway restarted")
	}
}

// restarted returns when the gateway last restarted by itself.
func (s *Sim) restarted(now time.Time) time.Time {
	every := time.Duration(s.cfg().CutEvery)
	if every <= 0 {
		return s.started
	}
	return now.Add(-(now.Sub(s.started) % every))
}

func (s *Sim) end(g *guid, why string) {
	g.ended = true
	s.Ops.Forget(g.of.Login)
	s.log("Guid ended", g.of.Login, "why", why)
}

func (s *Sim) endAll(a *account, why string) {
	for _, g := range a.guids {
		if !g.ended {
			s.end(g, why)
		}
	}
}
