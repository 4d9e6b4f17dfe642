package edna

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/test/sim"
)

// serveLogIn answers POST /api/auth/login, which needs no token. A log-in for
// nobody is counted as that of "?".
func (s *Sim) serveLogIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		failure(http.StatusMethodNotAllowed, "Request method '"+r.Method+"' is not supported", r.URL.Path).Write(w)
		return
	}
	c, status := readCredentials(w, r)
	name := c.Login
	if name == "" {
		name = "?"
	}
	end := s.Ops.BeginContext(r.Context(), name, sim.OpSignIn)
	f, _ := s.Faults.Take(r.Context(), sim.OpSignIn, name)
	sim.Exchange{
		Wire:    &s.cfg().Wire,
		Process: func(ctx context.Context) sim.Reply { return s.logIn(ctx, c, status) },
		Fail:    func(code, text string) sim.Reply { return failure(statusOf(code), text, r.URL.Path) },
		End:     end,
	}.Serve(w, r, f)
}

// credentialsBody is a log-in's body (vendor page: log-in).
type credentialsBody struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	Locale   string `json:"locale"`
}

// readCredentials reads a log-in's body; status is not 0 where the platform
// would not even look at it.
func readCredentials(w http.ResponseWriter, r *http.Request) (c credentialsBody, status int) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return c, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return c, http.StatusRequestEntityTooLarge
	}
	if json.Unmarshal(body, &c) != nil || c.Login == "" || c.Password == "" {
		return c, http.StatusBadRequest
	}
	return c, 0
}

const loginPath = "/api/auth/login"

func (s *Sim) logIn(ctx context.Context, c credentialsBody, status int) sim.Reply {
	if status != 0 {
		return failure(status, "", loginPath)
	}
	s.work(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.pass(now)
	a, status := s.judge(c, now)
	switch status {
	case 0:
		return s.welcome(a, s.issue(a, now))
	case http.StatusLocked, http.StatusTooManyRequests:
		return s.later(status)
	case http.StatusOK:
		return sim.JSON(map[string]any{"error": "Bad credentials"})
	}
	return failure(status, "Bad credentials", loginPath)
}

// work takes the time that the platform needs for a log-in.
func (s *Sim) work(ctx context.Context) {
	d := span(s.cfg().OperationTime)
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

// judge checks the credentials; status is 0 when they are good. With the lock
// held.
func (s *Sim) judge(c credentialsBody, now time.Time) (a *account, status int) {
	a = s.accounts[c.Login]
	switch {
	case a == nil:
		return nil, s.cfg().WrongPassword
	case a.locked(now):
		return a, http.StatusLocked
	case s.cfg().LogInsPerHour > 0 && a.recent(now, time.Hour) >= s.cfg().LogInsPerHour:
		return a, http.StatusTooManyRequests
	case c.Password == a.Password:
		a.failures = 0
		return a, 0
	}
	if a.failures++; a.failures >= s.cfg().LockAfter {
		a.failures, a.lockedUntil = 0, now.Add(span(s.cfg().LockTime))
		s.log("account locked", a)
	}
	return a, s.cfg().WrongPassword
}

// later is a failure that asks to come back.
func (s *Sim) later(status int) sim.Reply {
	r := failure(status, "", loginPath)
	r.Header.Set("Retry-After", strconv.Itoa(int(span(s.cfg().RetryAfter)/time.Second)))
	return r
}

// issue gives out a token. With the lock held.
func (s *Sim) issue(a *account, now time.Time) *token {
	if s.cfg().OneToken {
		a.endAll()
	}
	t := &token{text: s.newToken(a, now), born: now}
	s.owners[t.text] = a
	if old := a.add(t, now); old != nil {
		delete(s.owners, old.text)
	}
	s.log("logged in", a)
	return t
}

// welcome is a good log-in's answer in the dialect that is switched on.
func (s *Sim) welcome(a *account, t *token) sim.Reply {
	const bearer = "Bearer "
	body := map[string]any{"userId": 0, "login": a.Login, "token": t.text, "role": "INTEGRATION"}
	header := bearer + t.text
	switch s.cfg().Dialect {
	case DialectEN:
		header = bearer + bearer + t.text
		body["token"] = bearer + t.text
		body["login"] = nil
		body["role"] = "OPERATOR"
	case DialectHeader:
		delete(body, "token")
	case DialectBody:
		header = ""
	case DialectMismatch:
		header = bearer + s.newToken(a, t.born)
	}
	if s.cfg().ExtraFields {
		body["userId"] = "0"
		body["permissions"] = []any{1, "two", nil}
		body["settings"] = map[string]any{"token": "decoy"}
	}
	r := sim.JSON(body)
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	r.Header.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	return r
}
