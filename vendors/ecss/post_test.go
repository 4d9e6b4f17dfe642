package ecss_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"agentkeeper/session"
)

// poster is a platform that takes the login by POST.
type poster struct {
	status int
	body   string
	script func(*peer)

	posted  string
	upgrade *http.Request
}

func (s *poster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		s.posted = r.URL.Path + " " + string(body)
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
		return
	}
	s.upgrade = r
	if s.script == nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if c, err := websocket.Accept(w, r, nil); err == nil {
		s.script(&peer{conn: c, request: r})
		_ = c.CloseNow()
	}
}

const (
	granted = `{"action":"login","requestId":1,"status":200,"payload":{"token":"` + token + `","agentId":"7","autoLogoutTimeout":null}}`
	posted  = `/login {"action":"login","requestId":1,"payload":{"login":"291","password":"` + password + `","number":"40038","profile":"default","role":"operator"}}`
)

func TestSignInByPost(t *testing.T) {
	var first asked
	tests := map[string]struct {
		tokenIn, body string
		script        func(*peer)
		check         func(*http.Request) bool
	}{
		"header": {"header", granted, (*peer).idle, func(r *http.Request) bool {
			return r.Header.Get("Authorization") == "Bearer "+token && r.RequestURI == "/"
		}},
		"query": {"query", granted, (*peer).idle, func(r *http.Request) bool {
			return r.URL.Query().Get("token") == token && r.URL.Path == "/" && r.Header.Get("Authorization") == ""
		}},
		"none": {"none", granted, (*peer).idle, func(r *http.Request) bool {
			return r.RequestURI == "/" && r.Header.Get("Authorization") == ""
		}},
		"message": {"message", granted, func(p *peer) { first = p.hear(); p.reply(first, 200, `{}`); p.idle() }, func(r *http.Request) bool {
			return r.RequestURI == "/" && first.Action == "authorize" && string(first.Payload) == `{"token":"`+token+`"}`
		}},
		"bare payload": {"none", `{"token":"` + token + `","agentId":7}`, (*peer).idle, func(*http.Request) bool { return true }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				platform := &poster{status: 200, body: tt.body, script: tt.script}
				p := serve(t, platform).set("login_over", "http").set("login_path", "/login").set("token_in", tt.tokenIn)
				s := p.signIn(t)
				next(t, s)
				known(t, s)
				if platform.posted != posted {
					t.Errorf("posted %s", platform.posted)
				}
				if !tt.check(platform.upgrade) {
					t.Errorf("opened %s with %v, then %+v", platform.upgrade.RequestURI, platform.upgrade.Header, first)
				}
			})
		})
	}
}

func TestFailuresByPost(t *testing.T) {
	refuse := func(status int) func(*peer) { return func(p *peer) { p.reply(p.hear(), status, `"no"`); p.hear() } }
	tests := map[string]struct {
		status int
		body   string
		script func(*peer)
		kind   session.Kind
		code   string
	}{
		"text and HTTP status":    {401, `{"status":401,"payload":"Invalid login or password"}`, nil, session.Refused, "401 credentials"},
		"text alone":              {401, `{"message":"Requested number is not exist"}`, nil, session.Refused, "401 no-number"},
		"text under HTTP 200":     {200, `{"status":401,"error":"Gateway timeout"}`, nil, session.Outage, "401 gateway-timeout"},
		"unknown text":            {401, `{"message":"you, ` + password + `"}`, nil, session.Outage, "401"},
		"websocket only":          {426, `Upgrade Required`, nil, session.Outage, "http 426"},
		"JSON that says nothing":  {404, `{"path":"/login"}`, nil, session.Outage, "http 404"},
		"gateway":                 {502, `<html>`, nil, session.Doubt, "http 502"},
		"overloaded":              {503, `<html>`, nil, session.Outage, "http 503"},
		"HTML success":            {200, `<html>`, nil, session.Doubt, "unreadable"},
		"empty success":           {200, ``, nil, session.Doubt, "unreadable"},
		"socket refused":          {200, granted, nil, session.Doubt, "http 403"},
		"token refused":           {200, granted, refuse(401), session.Doubt, "401"},
		"token refused, occupied": {200, granted, func(p *peer) { p.reply(p.hear(), 401, `"Requested number is occupied"`); p.hear() }, session.Taken, "401 occupied"},
		"token unanswered":        {200, granted, func(p *peer) { p.hear(); p.hear() }, session.Doubt, "no-answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serve(t, &poster{status: tt.status, body: tt.body, script: tt.script}).
					set("login_over", "http").set("login_path", "/login").set("token_in", "message")
				_, err := p.trySignIn(t)
				if f := faultOf(t, err); f.Kind != tt.kind || f.Code != tt.code {
					t.Errorf("got %v, want %s %s", f, tt.kind, tt.code)
				}
			})
		})
	}
}

func TestAPostWithoutAnAnswerIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).set("login_over", "http")
		_, err := p.trySignIn(t)
		is(t, err, session.Doubt, session.CauseNone, "closed")
		p.line.Refuse(true)
		_, err = p.trySignIn(t)
		is(t, err, session.Outage, session.CauseNone, "refused")
	})
}
