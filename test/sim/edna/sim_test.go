package edna

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"

	"github.com/google/go-cmp/cmp"
)

// caller is a plain client.
type caller struct {
	t      *testing.T
	client *http.Client
	url    string
}

// answer is what one call brought.
type answer struct {
	Status int
	Header http.Header
	Body   map[string]any
	text   string
}

// with runs f in a bubble against an installation with the accounts 1 to 3.
func with(t *testing.T, w Switches, f func(t *testing.T, s *Sim, c *caller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := sim.Pipe()
		s := New(Config{Accounts: Range(1, 3, "secret"), Switches: w, Line: l, Seed: 1})
		server := sim.Serve(l, s, nil)
		transport := &http.Transport{DialContext: l.DialContext}
		defer func() {
			transport.CloseIdleConnections()
			if err := server.Close(); err != nil {
				t.Errorf("server: %v", err)
			}
		}()
		f(t, s, &caller{t: t, client: &http.Client{Transport: transport}, url: server.URL()})
	})
}

func (c *caller) call(method, path, authorization, body string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		c.t.Fatal(err)
	}
	a := answer{Status: res.StatusCode, Header: res.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.Body) // nil where it is no JSON
	return a
}

func (c *caller) post(login, password string) answer {
	c.t.Helper()
	return c.call("POST", loginPath, "", `{"login":"`+login+`","password":"`+password+`","locale":"ru"}`)
}

// logIn returns the account's bare new token.
func (c *caller) logIn(login string) string {
	c.t.Helper()
	a := c.post(login, "secret")
	token, _ := a.Body["token"].(string)
	if token == "" {
		token = a.Header.Get("Authorization")
	}
	if token = strings.ReplaceAll(token, "Bearer ", ""); a.Status != 200 || token == "" {
		c.t.Fatalf("log-in: %d %s", a.Status, a.text)
	}
	return token
}

// probe returns the status of a call with the token.
func (c *caller) probe(token string) int {
	c.t.Helper()
	return c.call("GET", "/api/v1/threads/1", "Bearer "+token, "").Status
}

func TestDialects(t *testing.T) {
	type shown struct{ header, token, login, role string }
	mask := func(token, text string) string { return strings.ReplaceAll(text, token, "t") }
	for dialect, want := range map[string]shown{
		DialectRU:       {"Bearer t", "t", "1", "INTEGRATION"},
		DialectEN:       {"Bearer Bearer t", "Bearer t", "", "OPERATOR"},
		DialectHeader:   {"Bearer t", "", "1", "INTEGRATION"},
		DialectBody:     {"", "t", "1", "INTEGRATION"},
		DialectMismatch: {"another", "t", "1", "INTEGRATION"},
	} {
		t.Run(dialect, func(t *testing.T) {
			with(t, Switches{Dialect: dialect}, func(t *testing.T, s *Sim, c *caller) {
				a := c.post("1", "secret")
				text := func(name string) string { v, _ := a.Body[name].(string); return v }
				header := a.Header.Get("Authorization")
				token := strings.ReplaceAll(text("token"), "Bearer ", "")
				if token == "" {
					token = strings.ReplaceAll(header, "Bearer ", "")
				}
				if dialect == DialectMismatch && !strings.Contains(header, token) {
					if got := c.call("GET", "/api/v1/threads/1", header, "").Status; got != 401 {
						t.Errorf("the header's token is answered %d", got)
					}
					header = "another"
				}
				got := shown{mask(token, header), mask(token, text("token")), text("login"), text("role")}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(shown{})); diff != "" {
					t.Error(diff)
				}
				if got := c.probe(token); got != 200 {
					t.Errorf("the token is answered %d", got)
				}
			})
		})
	}
}

func TestBearerOnce(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, c *caller) {
		token := c.logIn("1")
		for _, header := range []string{"", token, "Basic " + token, "bearer " + token, "Bearer  " + token, "Bearer Bearer " + token} {
			if got := c.call("GET", "/api/v1/threads/1", header, "").Status; got != 401 {
				t.Errorf("%q is answered %d", header, got)
			}
		}
		if v := s.Ops.Violations(); len(v) != 1 || !strings.Contains(v[0], "Bearer twice") {
			t.Errorf("violations %v", v)
		}
		if n := s.Account("1").Rejected; n != 0 {
			t.Errorf("%d calls with a dead token", n)
		}
	})
}

func TestLife(t *testing.T) {
	with(t, Switches{Life: sim.Duration(10 * time.Minute)}, func(t *testing.T, s *Sim, c *caller) {
		token := c.logIn("1")
		time.Sleep(10*time.Minute - 1)
		if got := c.probe(token); got != 200 {
			t.Errorf("before its end: %d", got)
		}
		time.Sleep(time.Nanosecond)
		if got := c.probe(token); got != 401 {
			t.Errorf("at its end: %d", got)
		}
		if state := s.Account("1"); state.Alive != 0 || state.Rejected != 1 || state.LogIns != 1 {
			t.Errorf("%+v", state)
		}
	})
}

func TestEndsOfTokens(t *testing.T) {
	for name, tt := range map[string]struct {
		switches Switches
		end      func(*Sim)
		old, new int
	}{
		"nothing":          {Switches{}, func(*Sim) {}, 200, 200},
		"one token":        {Switches{OneToken: true}, func(*Sim) {}, 401, 200},
		"dead from birth":  {Switches{DeadToken: true}, func(*Sim) {}, 401, 401},
		"revoked":          {Switches{}, func(s *Sim) { _ = s.Revoke("1") }, 401, 401},
		"restart":          {Switches{}, (*Sim).Restart, 401, 401},
		"rival":            {Switches{}, func(s *Sim) { _, _ = s.LogIn("1") }, 200, 200},
		"rival, one token": {Switches{OneToken: true}, func(s *Sim) { _, _ = s.LogIn("1") }, 401, 401},
		"role":             {Switches{Forbidden: true}, func(*Sim) {}, 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, tt.switches, func(t *testing.T, s *Sim, c *caller) {
				first, second := c.logIn("1"), c.logIn("1")
				time.Sleep(time.Second)
				tt.end(s)
				if got := [2]int{c.probe(first), c.probe(second)}; got != [2]int{tt.old, tt.new} {
					t.Errorf("got %v", got)
				}
				if n := s.Account("1").LogIns; n != 2 {
					t.Errorf("%d log-ins counted", n)
				}
			})
		})
	}
}

func TestRestartsAtRandom(t *testing.T) {
	with(t, Switches{Life: sim.Duration(1000 * time.Hour), RestartIn: sim.Duration(time.Hour)}, func(t *testing.T, s *Sim, c *caller) {
		refused := 0
		token := c.logIn("1")
		for range 200 {
			time.Sleep(30 * time.Minute)
			if c.probe(token) == 401 {
				refused++
				token = c.logIn("1")
			}
		}
		if n := s.Restarts(); n < 60 || n > 150 || refused < 40 || refused > n {
			t.Errorf("%d restarts in 100 h, %d seen", n, refused)
		}
	})
}

func TestUnauthorizedBodies(t *testing.T) {
	for body, begins := range map[string]string{BodyJSON: `{"error":"Unauthorized"`, BodyEmpty: "", BodyHTML: "<html>"} {
		with(t, Switches{Unauthorized: body}, func(t *testing.T, _ *Sim, c *caller) {
			a := c.call("GET", "/api/v1/threads/1", "Bearer dead", "")
			if a.Status != 401 || !strings.HasPrefix(a.text, begins) || (begins == "" && a.text != "") {
				t.Errorf("%s: %d %q", body, a.Status, a.text)
			}
		})
	}
}

func TestLogInFailures(t *testing.T) {
	for _, status := range []int{400, 401, 403, 423, 429} {
		with(t, Switches{WrongPassword: status}, func(t *testing.T, s *Sim, c *caller) {
			for _, a := range []answer{c.post("1", "wrong"), c.post("nobody", "secret")} {
				if a.Status != status || (status == 423 || status == 429) != (a.Header.Get("Retry-After") == "30") {
					t.Errorf("want %d, got %d %v", status, a.Status, a.Header)
				}
			}
			if n := s.Account("1").Failures; n != 1 {
				t.Errorf("%d failures", n)
			}
			if got := c.post("1", "secret").Status; got != 200 || s.Account("1").Failures != 0 {
				t.Errorf("then the right one: %d", got)
			}
		})
	}
	with(t, Switches{}, func(t *testing.T, _ *Sim, c *caller) {
		for body, status := range map[string]int{"": 400, "{}": 400, `{"login":"1"}`: 400, `{"login":1,"password":"secret"}`: 400, strings.Repeat("x", maxBody+1): 413} {
			if got := c.call("POST", loginPath, "", body).Status; got != status {
				t.Errorf("%.20q: %d, want %d", body, got, status)
			}
		}
		if got := c.call("GET", loginPath, "", "").Status; got != 405 {
			t.Errorf("GET: %d", got)
		}
		time.Sleep(time.Second) // net/http lingers on a connection whose request was too large
	})
}

func TestLockOut(t *testing.T) {
	with(t, Switches{LockAfter: 2}, func(t *testing.T, s *Sim, c *caller) {
		for range 2 {
			c.post("1", "wrong")
		}
		if got := c.post("1", "secret").Status; got != 423 || s.Account("1").LockedUntil.IsZero() {
			t.Errorf("locked: %d", got)
		}
		if got := c.post("2", "secret").Status; got != 200 {
			t.Errorf("another account: %d", got)
		}
		time.Sleep(5 * time.Minute)
		if got := c.post("1", "secret").Status; got != 200 {
			t.Errorf("after the lock: %d", got)
		}
	})
}

func TestLogInsPerHour(t *testing.T) {
	with(t, Switches{LogInsPerHour: 2}, func(t *testing.T, _ *Sim, c *caller) {
		c.logIn("1")
		c.logIn("1")
		if a := c.post("1", "secret"); a.Status != 429 || a.Header.Get("Retry-After") != "30" {
			t.Errorf("the third: %d %v", a.Status, a.Header)
		}
		time.Sleep(time.Hour)
		c.logIn("1")
	})
}

// Two log-ins of one account in flight at once are a violation; those of two
// accounts are none.
func TestOverlap(t *testing.T) {
	for other, violations := range map[string]int{"1": 1, "2": 0} {
		with(t, Switches{OperationTime: sim.Duration(time.Second)}, func(t *testing.T, s *Sim, c *caller) {
			done := make(chan struct{})
			go func() { defer close(done); c.post("1", "secret") }()
			time.Sleep(time.Millisecond)
			c.post(other, "secret")
			<-done
			if v := s.Ops.Violations(); len(v) != violations {
				t.Errorf("beside %s: %v", other, v)
			}
		})
	}
}

func TestJWT(t *testing.T) {
	with(t, Switches{JWT: true, JWTLife: sim.Duration(time.Minute)}, func(t *testing.T, _ *Sim, c *caller) {
		token := c.logIn("1")
		if strings.Count(token, ".") != 2 || !strings.HasPrefix(token, "eyJ") {
			t.Errorf("token %q", token)
		}
		time.Sleep(2 * time.Minute) // beyond what it tells, within its life
		if got := c.probe(token); got != 200 {
			t.Errorf("got %d", got)
		}
	})
}

func TestCalls(t *testing.T) {
	with(t, Switches{Finishing: sim.Duration(time.Minute)}, func(t *testing.T, s *Sim, c *caller) {
		token := "Bearer " + c.logIn("1")
		for _, tt := range []struct {
			method, path, body string
			status             int
			empty              bool
		}{
			{"GET", "/api/v1/threads/7", "", 200, false},
			{"GET", "/api/v1/threads/1001", "", 404, false},
			{"GET", "/api/v1/threads/x", "", 400, false},
			{"GET", "/nowhere", "", 404, false},
			{"PUT", "/api/v1/threads/7/assign", `{"login":"2"}`, 200, true},
			{"PUT", "/api/v1/threads/7/assign", `{}`, 400, false},
			{"PUT", "/api/v1/threads/0/assign", `{"userId":1}`, 404, false},
			{"PUT", "/api/v1/agents/2/status?userVariableName=login", `{"status":"OUTGOING"}`, 200, true},
			{"PUT", "/api/v1/agents/2/status", `{"status":"INACTIVE"}`, 400, false},
			{"PUT", "/api/v1/agents/2/status", `{"status":"INACTIVE","reason":"holidays"}`, 400, false},
			{"PUT", "/api/v1/agents/2/status?userVariableName=name", `{"status":"READY"}`, 400, false},
			{"PUT", "/api/v1/agents/2/status", `{"status":"ASLEEP"}`, 400, false},
			{"PUT", "/api/v1/agents/9/status", `{"status":"READY"}`, 404, false},
			{"PUT", "/api/v1/agents/3/status", `{"status":"INACTIVE","reason":"meeting"}`, 200, true},
		} {
			a := c.call(tt.method, tt.path, token, tt.body)
			if a.Status != tt.status || tt.empty != (a.text == "") {
				t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, a.Status, a.text)
			}
		}
		if a, b := s.Account("2").Status, s.Account("3").Status; a != statusOutgoing || b != "FINISHING" {
			t.Errorf("states %s and %s", a, b)
		}
		if n, list := s.Ops.Count("1").Commands, s.Account("1").Commands; n != len(list) || list[0].Text != "PUT /api/v1/threads/7/assign" || list[0].Status != 200 {
			t.Errorf("%d commands, kept %+v", n, list)
		}
		time.Sleep(time.Minute)
		if got := s.Account("3"); got.Status != statusInactive || got.Reason != "meeting" || got.ID != "3" {
			t.Errorf("state %+v", got)
		}
	})
	with(t, Switches{Unknown401: true}, func(t *testing.T, _ *Sim, c *caller) {
		if got := c.call("GET", "/nowhere", "Bearer "+c.logIn("1"), "").Status; got != 401 {
			t.Errorf("an unknown address: %d", got)
		}
	})
}

func TestControl(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, c *caller) {
		token := c.logIn("1")
		time.Sleep(time.Second)
		for _, tt := range []struct {
			method, path, body string
			status             int
		}{
			{"PATCH", "/_sim/switches", `{"life":"2h"}`, 200},
			{"PATCH", "/_sim/switches", `{"dialect":"fr"}`, 400},
			{"PATCH", "/_sim/switches", `{"wrong_password":302}`, 400},
			{"POST", "/_sim/agents/1/password", `{"password":"new"}`, 200},
			{"POST", "/_sim/agents/1/password", `{}`, 400},
			{"POST", "/_sim/agents/1/lock", `{"for":"5m"}`, 200},
			{"POST", "/_sim/agents/1/unlock", ``, 200},
			{"POST", "/_sim/agents/1/log_in", ``, 200},
			{"POST", "/_sim/agents/9/revoke", ``, 404},
			{"POST", "/_sim/agents/1/kick", ``, 404},
			{"POST", "/_sim/faults", `{"op":"message","mode":"code","code":"503","count":1}`, 200},
			{"GET", "/_sim/state", ``, 200},
		} {
			if a := c.call(tt.method, tt.path, "", tt.body); a.Status != tt.status {
				t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, a.Status, a.text)
			}
		}
		if got := time.Duration(s.Switches().Life); got != 2*time.Hour {
			t.Errorf("life %v", got)
		}
		if got := [2]int{c.probe(token), c.probe(token)}; got != [2]int{503, 200} {
			t.Errorf("with the fault, and after it: %v", got)
		}
		if got := c.post("1", "new").Status; got != 200 {
			t.Errorf("with the new password: %d", got)
		}
		c.call("POST", "/_sim/restart", "", "")
		if got := c.probe(token); got != 401 {
			t.Errorf("after a restart: %d", got)
		}
		s.Reset()
		if got := s.Account("1"); got.LogIns != 0 || s.Restarts() != 0 || s.Ops.Total().SignIns != 0 {
			t.Errorf("after a reset: %+v", got)
		}
	})
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]Config{
		"no login":  {Accounts: []Account{{}}},
		"twice":     {Accounts: []Account{{Login: "1"}, {Login: "1"}}},
		"dialect":   {Switches: Switches{Dialect: "fr"}},
		"status":    {Switches: Switches{WrongPassword: 302}},
		"no status": {Switches: Switches{WrongPassword: 999}},
	} {
		if c.Check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := (Config{Accounts: Range(1, 3, "x")}).Check(); err != nil {
		t.Error(err)
	}
}

func TestFailuresUnderOtherStatuses(t *testing.T) {
	for _, c := range []struct{ password, token int }{{200, 403}, {404, 401}, {500, 403}} {
		with(t, Switches{WrongPassword: c.password, BadToken: c.token}, func(t *testing.T, _ *Sim, a *caller) {
			if got := a.post("1", "guess"); got.Status != c.password || strings.Contains(got.text, `"token"`) {
				t.Errorf("wrong password: %d %s", got.Status, got.text)
			}
			if got := a.probe("dead"); got != c.token {
				t.Errorf("dead token: %d, want %d", got, c.token)
			}
		})
	}
}
