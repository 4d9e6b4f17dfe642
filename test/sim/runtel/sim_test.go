package runtel

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"

	"github.com/google/go-cmp/cmp"
)

// caller is a plain client of one account.
type caller struct {
	t      *testing.T
	client *http.Client
	url    string
	calls  int
	token  string
	date   time.Time // of the latest answer
}

// answer is what one call brought.
type answer struct {
	Status   int
	Code     any
	ActionID any `json:"action_id"`
	Notifies []any
	Body     map[string]any
	raw      string
}

// told is status and code.
func (a answer) told() string { return fmt.Sprintf("%d %v", a.Status, a.Code) }

// with runs f in a bubble against a platform with two accounts and an
// operator's.
func with(t *testing.T, w Switches, f func(t *testing.T, s *Sim, a *caller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := sim.Pipe()
		s := New(Config{Agents: []Agent{{Login: "a@x", Password: "secret"}, {Login: "b@x", Password: "secret"}, {Login: "op@x", Password: "secret", Operator: true}}, Switches: w, Line: l})
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

// anew is the same client without a token.
func (c *caller) anew() *caller { return &caller{t: c.t, client: c.client, url: c.url} }

func (c *caller) try(ctx context.Context, action, obj, params string) (answer, error) {
	c.calls++
	body := fmt.Sprintf(`{"action":%q,"obj":%q,"action_id":"call-%d","params":%s}`, action, obj, c.calls, params)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	c.date, _ = http.ParseTime(res.Header.Get("Date"))
	a := answer{raw: string(text)}
	_ = json.Unmarshal(text, &a)
	a.Status = res.StatusCode
	if token, ok := a.Body["token"].(string); ok {
		c.token = token
	}
	return a, nil
}

func (c *caller) call(action, obj, params string) answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), action, obj, params)
	if err != nil {
		c.t.Fatalf("%s %s: %v", action, obj, err)
	}
	return a
}

func (c *caller) auth(login, password string) answer {
	c.t.Helper()
	return c.call("auth", "User", fmt.Sprintf(`{"login":%q,"password":%q}`, login, password))
}

func (c *caller) in(login string) *caller {
	c.t.Helper()
	c.want(c.auth(login, "secret"), "200 200")
	return c
}

func (c *caller) get(id int) answer {
	c.t.Helper()
	return c.call("get", "User", fmt.Sprintf(`{"id":%d}`, id))
}

func (c *caller) want(a answer, told string) {
	c.t.Helper()
	if a.told() != told {
		c.t.Errorf("%s (%s), want %s", a.told(), a.raw, told)
	}
}

func TestLogin(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, c *caller) {
		a := c.auth("a@x", "secret")
		c.want(a, "200 200")
		if a.ActionID != "call-1" || len(c.token) != 256 || c.token[0] != 'J' || c.token[255] != 'W' || len(a.Notifies) != 0 {
			t.Errorf("%+v", a)
		}
		if a.Body["exp"] != "2000-01-01T04:00:00.000000" || a.Body["tz"] != "Europe/Prague" || a.Body["user_id"] != 1000. {
			t.Errorf("%v", a.Body)
		}
		c.want(c.get(1000), "200 200")
		c.want(c.get(4711), "200 404")
		c.want(c.call("list", "DomainUser", "{}"), "200 200")
		c.want(c.call("list", "Nothing", "{}"), "200 404")
		c.want(c.call("append", "User", "{}"), "200 405")
		alive := s.Alive(c.token)
		c.want(c.call("logout", "User", "{}"), "200 200")
		c.want(c.get(1000), "200 401")
		if !alive || s.Alive(c.token) || s.Alive("") {
			t.Error("Alive tells otherwise")
		}
		got := s.Ops.Count("a@x")
		if got.SignIns != 1 || got.SignOuts != 1 || got.Messages != 6 || s.Agent("a@x").DeadUses != 1 {
			t.Errorf("%+v %+v", got, s.Agent("a@x"))
		}
	})
}

// How failures come, by the switch.
func TestFailures(t *testing.T) {
	for form, want := range map[string][]string{
		FailCode: {"200 401", "200 400", "200 401"},
		FailHTTP: {"401 401", "400 400", "401 401"},
		FailBare: {"401 <nil>", "400 <nil>", "401 <nil>"},
	} {
		with(t, Switches{Failures: form}, func(t *testing.T, _ *Sim, c *caller) {
			var got []string
			for _, a := range []answer{c.auth("a@x", "wrong"), c.auth("", "secret"), c.get(1000)} {
				got = append(got, a.told())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", form, diff)
			}
		})
	}
	with(t, Switches{BadLogin: 403, BadToken: 403, RequireEmail: true, NoDomainID: 422}, func(_ *testing.T, _ *Sim, c *caller) {
		c.want(c.auth("a@x", "wrong"), "200 403")
		c.want(c.auth("a", "secret"), "200 400")
		c.want(c.get(1000), "200 403")
		c.in("op@x")
		c.want(c.get(1002), "200 422")
		c.want(c.call("get", "User", `{"id":1002,"domain_id":3}`), "200 200")
	})
}

// What exp and Date tell of a token of one hour, issued at midnight UTC.
func TestExp(t *testing.T) {
	hour := sim.Duration(time.Hour)
	for name, tt := range map[string]struct {
		w    Switches
		exp  any
		date string
	}{
		"utc":         {Switches{}, "2000-01-01T01:00:00.000000", "00:00:00"},
		"tz":          {Switches{Zone: ZoneTZ}, "2000-01-01T02:00:00.000000", "00:00:00"},
		"moscow":      {Switches{Zone: ZoneMoscow}, "2000-01-01T04:00:00.000000", "00:00:00"},
		"no fraction": {Switches{NoFraction: true}, "2000-01-01T01:00:00", "00:00:00"},
		"zoned":       {Switches{Exp: ExpZoned}, "2000-01-01T01:00:00Z", "00:00:00"},
		"epoch":       {Switches{Exp: ExpEpoch}, 946688400., "00:00:00"},
		"none":        {Switches{Exp: ExpNone}, nil, "00:00:00"},
		"fast clock":  {Switches{ClockFast: hour}, "2000-01-01T02:00:00.000000", "01:00:00"},
		"slow clock":  {Switches{ClockSlow: hour}, "2000-01-01T00:00:00.000000", "23:00:00"},
		"fast Date":   {Switches{DateFast: hour}, "2000-01-01T01:00:00.000000", "01:00:00"},
		"slow Date":   {Switches{DateSlow: hour}, "2000-01-01T01:00:00.000000", "23:00:00"},
		"no Date":     {Switches{NoDate: true}, "2000-01-01T01:00:00.000000", ""},
	} {
		tt.w.Life = hour
		with(t, tt.w, func(t *testing.T, _ *Sim, c *caller) {
			exp, date := c.auth("a@x", "secret").Body["exp"], ""
			if !c.date.IsZero() {
				date = c.date.Format(time.TimeOnly)
			}
			if exp != tt.exp || date != tt.date {
				t.Errorf("%s: exp %v and Date %v", name, exp, date)
			}
		})
	}
	with(t, Switches{JWT: true}, func(t *testing.T, _ *Sim, c *caller) {
		parts := strings.Split(c.in("a@x").token, ".")
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		if len(parts) != 3 || err != nil || string(claims) != `{"sub":"a@x","exp":946699200}` {
			t.Errorf("%q %v", claims, err)
		}
	})
}

func TestLife(t *testing.T) {
	ten := sim.Duration(10 * time.Minute)
	for name, tt := range map[string]struct {
		w          Switches
		do         func(s *Sim, first, second *caller)
		one, other string // the first and the second token
	}{
		"alive": {Switches{}, func(*Sim, *caller, *caller) { time.Sleep(9 * time.Minute) }, "200 200", "200 200"},
		"over":  {Switches{}, func(*Sim, *caller, *caller) { time.Sleep(10 * time.Minute) }, "200 401", "200 401"},
		"sliding": {Switches{Sliding: true}, func(_ *Sim, first, _ *caller) {
			time.Sleep(9 * time.Minute)
			first.get(1000)
			time.Sleep(9 * time.Minute)
		}, "200 200", "200 401"},
		"killed by a login": {Switches{SecondLogin: SecondKills}, func(*Sim, *caller, *caller) {}, "200 401", "200 200"},
		"logout of one":     {Switches{}, func(_ *Sim, _, second *caller) { second.call("logout", "User", "{}") }, "200 200", "200 401"},
		"logout of all":     {Switches{LogoutEnds: LogoutAll}, func(_ *Sim, _, second *caller) { second.call("logout", "User", "{}") }, "200 401", "200 401"},
		"by hand":           {Switches{}, func(s *Sim, _, _ *caller) { _ = s.Expire("a@x") }, "200 401", "200 401"},
		"restart":           {Switches{}, func(s *Sim, _, _ *caller) { s.Restart() }, "200 401", "200 401"},
		"always rejected":   {Switches{Rejected: true}, func(*Sim, *caller, *caller) {}, "200 401", "200 401"},
		"forbidden":         {Switches{Forbidden: true}, func(*Sim, *caller, *caller) {}, "200 403", "200 403"},
	} {
		tt.w.Life = ten
		with(t, tt.w, func(t *testing.T, s *Sim, first *caller) {
			second := first.anew()
			first.in("a@x")
			second.in("a@x")
			if n := s.Ops.Count("a@x").Needless; n != 1 {
				t.Errorf("%s: %d log-ins found a token alive, want the second", name, n)
			}
			tt.do(s, first, second)
			if one, other := first.get(1000).told(), second.get(1000).told(); one != tt.one || other != tt.other {
				t.Errorf("%s: %s and %s, want %s and %s", name, one, other, tt.one, tt.other)
			}
		})
	}
}

// The time without a living token is measured, but not after a logout.
func TestUncovered(t *testing.T) {
	with(t, Switches{Life: sim.Duration(time.Hour)}, func(t *testing.T, s *Sim, c *caller) {
		c.in("a@x")
		time.Sleep(90 * time.Minute)
		c.in("a@x")
		c.want(c.call("logout", "User", "{}"), "200 200")
		time.Sleep(time.Hour)
		c.in("a@x")
		got := s.Agent("a@x")
		if time.Duration(got.Uncovered) != 30*time.Minute || time.Duration(got.LongestUncovered) != 30*time.Minute || got.Tokens != 1 || len(got.Logins) != 3 {
			t.Errorf("%+v", got)
		}
	})
}

func TestDefender(t *testing.T) {
	for _, tt := range []struct{ ban, want string }{
		{BanDrop, "error"}, {BanRefuse, "error"}, {BanHTTP, "403 <nil>"}, {BanCode, "200 403"},
	} {
		with(t, Switches{Ban: tt.ban, FailLimit: 3}, func(t *testing.T, s *Sim, c *caller) {
			c.in("b@x")
			for range 2 {
				c.want(c.auth("a@x", "wrong"), "200 401")
			}
			time.Sleep(11 * time.Minute) // they do not count any more
			for _, login := range []string{"a@x", "b@x", "a@x"} {
				c.want(c.auth(login, "wrong"), "200 401")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			got := "error"
			if a, err := c.try(ctx, "get", "User", `{"id":1001}`); err == nil {
				got = a.told()
			}
			if got != tt.want || s.Defender()["127.0.0.1"].Triggers != 1 || s.Defender()["127.0.0.1"].Knocks == 0 {
				t.Errorf("%s: %s %+v", tt.ban, got, s.Defender())
			}
			if state := s.Agent("a@x"); state.Refusals != 4 || state.Repeated != 3 {
				t.Errorf("%+v", state)
			}
			time.Sleep(30 * time.Minute)
			c.want(c.get(1001), "200 200")
			s.Ban("127.0.0.1", 0)
			w := s.Switches()
			w.WhiteList = true
			if err := s.Switch(w); err != nil {
				t.Fatal(err)
			}
			c.want(c.get(1001), "200 200")
		})
	}
}

// An attempt counts before its answer is slow, or lost.
func TestCountedBeforeAnswered(t *testing.T) {
	with(t, Switches{OperateTime: sim.Duration(time.Minute)}, func(t *testing.T, s *Sim, c *caller) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a, err := c.try(ctx, "auth", "User", `{"login":"a@x","password":"wrong"}`); err == nil {
			t.Errorf("answered %s", a.told())
		}
		if got := s.Agent("a@x").Refusals; got != 1 {
			t.Errorf("%d refusals", got)
		}
	})
}

func TestOverlapIsAViolation(t *testing.T) {
	with(t, Switches{OperateTime: sim.Duration(time.Minute)}, func(t *testing.T, s *Sim, c *caller) {
		done := make(chan answer)
		go func() {
			a, _ := c.anew().try(t.Context(), "auth", "User", `{"login":"a@x","password":"secret"}`)
			done <- a
		}()
		time.Sleep(time.Second)
		c.want(c.auth("a@x", "secret"), "200 200")
		if a := <-done; a.told() != "200 200" || len(s.Ops.Violations()) != 1 {
			t.Errorf("%s, violations %v", a.told(), s.Ops.Violations())
		}
	})
}

// The shapes of answers.
func TestShapes(t *testing.T) {
	with(t, Switches{Notifies: true, Extra: true, Wander: true, Crossed: true, NoUserID: true}, func(t *testing.T, _ *Sim, c *caller) {
		a := c.auth("a@x", "secret")
		if a.Code != "200" || a.ActionID != "of-another-request" || len(a.Notifies) != 5 || a.Body["domain_id"] != "3" || a.Body["user_id"] != nil ||
			!strings.Contains(a.raw, `"trace"`) {
			t.Errorf("%s", a.raw)
		}
	})
	with(t, Switches{TokenLength: 4096}, func(t *testing.T, _ *Sim, c *caller) {
		if n := len(c.in("a@x").token); n != 4096 {
			t.Errorf("a token of %d characters", n)
		}
		c.want(c.get(1000), "200 200")
	})
}

func TestFaults(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, c *caller) {
		s.Faults.Add(sim.Fault{Op: sim.OpSignIn, Agent: "a@x", Mode: sim.ModeCode, Code: "423", Text: "locked", Count: 1})
		c.want(c.auth("a@x", "secret"), "200 423")
		s.Faults.Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		if a, err := c.try(t.Context(), "auth", "User", `{"login":"a@x","password":"secret"}`); err == nil {
			t.Errorf("answered %s", a.told())
		}
		if got := s.Agent("a@x"); got.Tokens != 1 {
			t.Errorf("the lost log-in was not carried out: %+v", got)
		}
	})
}

// What the web server in front of the API refuses.
func TestWebServer(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, _ *Sim, c *caller) {
		for _, tt := range []struct {
			method, path, kind, body string
			want                     int
		}{
			{"POST", "/api/", "text/plain", "{}", 415},
			{"POST", "/api/", "application/json", "[", 400},
			{"POST", "/api/", "application/json", strings.Repeat("x", 70000), 413},
			{"POST", "/api/User", "application/json", "{}", 404},
			{"GET", "/api/", "", "", 405},
			{"OPTIONS", "/api/", "", "", 204},
		} {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, c.url+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", tt.kind)
			res, err := c.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != tt.want {
				t.Errorf("%s %s: %d, want %d", tt.method, tt.path, res.StatusCode, tt.want)
			}
		}
		time.Sleep(time.Second) // the server lingers after a body that is too large
	})
}

// Everything that people can do over HTTP.
func TestControl(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, c *caller) {
		c.in("a@x")
		s.Ban("127.0.0.1", time.Hour) // control is never blocked
		for _, tt := range []struct {
			method, path, body string
			status             int
			want               string
		}{
			{"GET", "state", "", 200, `"tokens":1`},
			{"GET", "defender", "", 200, `"triggers":1`},
			{"DELETE", "defender", "", 200, `{}`},
			{"POST", "defender", `{"for":"1m"}`, 200, `"127.0.0.1"`},
			{"POST", "agents/a@x/expire", "", 200, `"tokens":0`},
			{"POST", "agents/a@x/password", `{"password":"new"}`, 200, `"logins"`},
			{"POST", "agents/a@x/dance", "", 404, "use expire or password"},
			{"POST", "agents/nobody/expire", "", 404, "no such agent"},
			{"POST", "agents/a@x/expire", "{", 400, "request body"},
			{"POST", "restart", "", 200, `{}`},
			{"PATCH", "switches", `{"life":"1h","zone":"moscow"}`, 200, `"life":"1h0m0s"`},
			{"PATCH", "switches", `{"zone":"mars"}`, 400, "use one of utc,tz,moscow"},
			{"PATCH", "switches", `{"tz":"mars"}`, 400, "no time zone"},
			{"POST", "reset", "", 200, `{}`},
			{"GET", "state", "", 200, `"logins":null`},
		} {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, c.url+"/_sim/"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || res.StatusCode != tt.status || !strings.Contains(string(text), tt.want) {
				t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, res.StatusCode, text, tt.status, tt.want)
			}
		}
		if s.Switches().Zone != ZoneMoscow || len(Endpoints()) == 0 {
			t.Error(s.Switches())
		}
	})
}

func TestCheck(t *testing.T) {
	one := []Agent{{Login: "a@x"}}
	for want, c := range map[string]Config{
		"twice":              {Agents: append(one, one...)},
		"1 to 50 characters": {Agents: []Agent{{Login: strings.Repeat("x", 51)}}},
		"no code":            {Agents: one, Switches: Switches{BadLogin: 200}},
		"too long":           {Agents: one, Switches: Switches{TokenLength: 1 << 20}},
		"use one of":         {Agents: one, Switches: Switches{Ban: "jail"}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestWrongPasswordWithoutToken(t *testing.T) {
	with(t, Switches{NoToken: true}, func(t *testing.T, s *Sim, a *caller) {
		got := a.auth("a@x", "guess")
		a.want(got, "200 200")
		if len(got.Body) > 0 || s.Agents()["a@x"].Refusals != 1 {
			t.Errorf("%s, %+v", got.raw, s.Agents()["a@x"])
		}
		a.in("a@x")
	})
}
