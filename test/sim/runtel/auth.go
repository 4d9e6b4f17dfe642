package runtel

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// agent is one account's state. The simulator's lock guards it.
type agent struct {
	Agent
	userID   int
	statusID int  // in the words of status
	out      bool // the last thing it did was a logout
	refused  string
	record   record
}

// record is what the simulator remembers about the account's client.
type record struct {
	logins    []time.Time // successful ones, the latest 1000
	refusals  int
	repeated  int           // of them with the password that had just been refused
	deadUses  int           // requests with a token that was dead
	uncovered time.Duration // without a living token, between the first log-in and a logout
	longest   time.Duration // the longest such time
	commands  []string      // the latest 1000
}

// token is one log-in's.
type token struct {
	owner  *agent
	issued time.Time
	used   time.Time
	ended  time.Time // by a logout, another log-in or by hand; zero: not
}

// end returns when the token dies.
func (t *token) end(w *Switches) time.Time {
	from := t.issued
	if w.Sliding {
		from = t.used
	}
	end := from.Add(time.Duration(w.Life))
	if !t.ended.IsZero() && t.ended.Before(end) {
		return t.ended
	}
	return end
}

func (s *Sim) alive(t *token, now time.Time) bool { return t != nil && now.Before(t.end(s.cfg())) }

// auth is a log-in (vendor page: auth). The Defender counts a failed one before
// it is answered.
func (s *Sim) auth(ctx context.Context, q *request) sim.Reply {
	p := q.params()
	code := s.admit(q.host, p)
	s.work(ctx)
	switch {
	case code == s.cfg().BadLogin && s.cfg().NoToken:
		return s.success(q, struct{}{})
	case code != good:
		return s.fail(q, code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[p.Login]
	if s.living(a, time.Now()) > 0 {
		s.Ops.Needless(a.Login)
	}
	value, t := s.issue(a)
	return s.success(q, s.welcome(a, value, t))
}

// living counts the account's tokens that are alive. With the lock held.
func (s *Sim) living(a *agent, now time.Time) (n int) {
	for _, t := range s.tokens {
		if t.owner == a && s.alive(t, now) {
			n++
		}
	}
	return n
}

// admit checks login and password.
func (s *Sim) admit(from string, p params) (code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, a := s.cfg(), s.agents[p.Login]
	switch {
	case p.Login == "" || len(p.Login) > maxLogin || p.Password == "" || len(p.Password) > maxPassword,
		w.RequireEmail && !strings.Contains(p.Login, "@"):
		return http.StatusBadRequest
	case a != nil && a.Password == p.Password:
		a.refused = ""
		return good
	}
	s.suspect(from)
	if a != nil {
		a.record.refusals++
		if a.refused == p.Password {
			a.record.repeated++
		}
		a.refused = p.Password
	}
	return w.BadLogin
}

// issue makes a token. With the lock held.
func (s *Sim) issue(a *agent) (value string, t *token) {
	now := time.Now()
	s.cover(a, now)
	if s.cfg().SecondLogin == SecondKills {
		s.kill(a, now)
	}
	t = &token{owner: a, issued: now, used: now}
	value = s.newToken(t)
	s.tokens[value] = t
	a.out = false
	const remembered = 1000
	if a.record.logins = append(a.record.logins, now); len(a.record.logins) > remembered {
		a.record.logins = a.record.logins[1:]
	}
	s.forgetTokens(now)
	s.log("logged in", a.Login)
	return value, t
}

// cover measures how long the account had no living token. With the lock held.
func (s *Sim) cover(a *agent, now time.Time) {
	if a.out || len(a.record.logins) == 0 {
		return
	}
	var last time.Time
	for _, t := range s.tokens {
		if end := t.end(s.cfg()); t.owner == a && end.After(last) {
			last = end
		}
	}
	if gap := now.Sub(last); gap > 0 && !last.IsZero() {
		a.record.uncovered += gap
		a.record.longest = max(a.record.longest, gap)
	}
}

// forgetTokens drops what has been dead for days.
func (s *Sim) forgetTokens(now time.Time) {
	for value, t := range s.tokens {
		if now.Sub(t.end(s.cfg())) > 48*time.Hour {
			delete(s.tokens, value)
		}
	}
}

// kill ends the account's tokens. With the lock held.
func (s *Sim) kill(a *agent, now time.Time) {
	for _, t := range s.tokens {
		if t.owner == a && t.ended.IsZero() {
			t.ended = now
		}
	}
}

// newToken returns a token's text. Opaque ones begin with J and end with W, as
// the vendor's masked sample.
func (s *Sim) newToken(t *token) string {
	w := s.cfg()
	var text strings.Builder
	for text.Len() < w.TokenLength {
		text.WriteString(rand.Text())
	}
	if !w.JWT {
		return "J" + text.String()[:max(w.TokenLength-2, 16)] + "W"
	}
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d}`, t.owner.Login, s.expiry(t).Unix())
	return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims)) + "." + text.String()[:43]
}

// expiry is when the token dies, by the platform's clock.
func (s *Sim) expiry(t *token) time.Time {
	return t.issued.Add(time.Duration(s.cfg().Life)).Add(time.Until(s.clock()))
}

// exp is the token's end as the log-in tells it.
func (s *Sim) exp(t *token) any {
	w, at := s.cfg(), s.expiry(t)
	switch w.Exp {
	case ExpZoned:
		return at.UTC().Format(time.RFC3339Nano)
	case ExpEpoch:
		return at.Unix()
	case ExpNone:
		return nil
	}
	zone := map[string]string{ZoneUTC: "UTC", ZoneTZ: w.TZ, ZoneMoscow: "Europe/Moscow"}[w.Zone]
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC // not reachable: the switches were checked
	}
	if w.NoFraction {
		return at.In(place).Format("2006-01-02T15:04:05")
	}
	return at.In(place).Format("2006-01-02T15:04:05.000000")
}

// welcome is a good log-in's body (vendor page: auth, the sample).
func (s *Sim) welcome(a *agent, value string, t *token) map[string]any {
	w := s.cfg()
	body := map[string]any{
		"version": map[string]any{"software": "2.9.0", "last_update": 1631783327.0},
		"exp":     s.exp(t), "user_id": a.userID, "user_name": a.Login, "user_login": a.Login,
		"domain_id": 3, "role_id": 2, "role_name": "Client", "role_type": 1,
		"role_perms": struct{}{}, "role_visible": struct{}{}, "role_filters": struct{}{},
		"auth_type": "http", "domain_name": "example", "domain_test_until": nil, "domain_mode": 1,
		"domain_billing_options": map[string]any{"balance": "1000.0", "block_inbound": false, "block_outbound": false, "block_face": false},
		"tz":                     w.TZ, "locale": "en_US", "token": value,
	}
	if w.NoUserID {
		delete(body, "user_id")
	}
	return body
}

// bearer returns the token that the request came with, or the code of the
// refusal, and counts its use. With the lock held.
func (s *Sim) bearer(q *request) (t *token, code int) {
	now := time.Now()
	t = s.tokens[q.bearer]
	if s.alive(t, now) {
		t.used = now
		return t, good
	}
	if t != nil {
		t.owner.record.deadUses++
		s.Ops.Forget(t.owner.Login)
	}
	return nil, s.cfg().BadToken
}

// logout ends the token, or all of the account.
func (s *Sim) logout(ctx context.Context, q *request) sim.Reply {
	s.work(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, code := s.bearer(q)
	if code != good {
		return s.deadToken(q)
	}
	now := time.Now()
	t.ended, t.owner.out = now, true
	if s.cfg().LogoutEnds == LogoutAll {
		s.kill(t.owner, now)
	}
	s.log("logged out", t.owner.Login)
	return s.success(q, struct{}{})
}
