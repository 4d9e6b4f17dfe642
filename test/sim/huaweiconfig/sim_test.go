package huaweiconfig

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
)

// caller is a plain client.
type caller struct {
	t      *testing.T
	client *http.Client
	url    string
	guid   string
	cookie string
}

// answer is what one call brought.
type answer struct {
	status int
	code   string // retcode as text
	header http.Header
	raw    string
}

// with runs f in a bubble against a gateway with the accounts 101 and 102.
func with(t *testing.T, w Switches, f func(t *testing.T, s *Sim, c *caller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := sim.Pipe()
		s := New(Config{Accounts: Range(101, 2, "secret"), Switches: w, Line: l})
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

func (c *caller) call(method, path, body string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.guid != "" {
		r.Header.Set("Guid", c.guid)
	}
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header, raw: string(text)}
	var e struct{ Retcode json.RawMessage }
	if json.Unmarshal(text, &e) == nil {
		a.code = strings.Trim(string(e.Retcode), `"`)
	}
	return a
}

func (c *caller) login(body string) answer { return c.call("POST", base+"/config/login", body) }
func (c *caller) query() answer            { return c.call("GET", base+"/config/agents", "") }

// in logs 101 in and keeps what the answer's headers told.
func (c *caller) in() *caller {
	c.t.Helper()
	a := c.login(`{"agentId":101,"password":"secret"}`)
	c.want(a, "0")
	c.guid = a.header.Get("Guid")
	if v := a.header.Get("Set-Cookie"); v != "" {
		c.cookie, _, _ = strings.Cut(v, ";")
	}
	return c
}

func (c *caller) want(a answer, code string) {
	c.t.Helper()
	if a.code != code {
		c.t.Errorf("retcode %q (HTTP %d %.200s), want %q", a.code, a.status, a.raw, code)
	}
}

func TestLogin(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, _ *Sim, c *caller) {
		for body, want := range map[string]string{
			`{"agentId":101,"password":"secret"}`:         "0",
			`{"agentId":102,"password":"secret","new":1}`: "0",
			`{"agentId":101,"password":"wrong"}`:          "107-003",
			`{"agentId":999,"password":"secret"}`:         "107-003",
			`{"agentId":"101","password":"secret"}`:       "107-002",
			`{"agentId":1.5,"password":"secret"}`:         "107-002",
			`{"agentId":101}`:                             "107-002",
			`{}`:                                          "107-002",
			`[`:                                           "107-002",
		} {
			c.want(c.login(body), want)
		}
		if a := c.call("GET", base+"/config/login", ""); a.status != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", a.status)
		}
	})
}

func TestWhereTheGuidStands(t *testing.T) {
	for where, want := range map[string][3]bool{ // Guid, Set-GUID, body
		GuidBoth: {true, false, true}, GuidHeader: {true, false, false}, GuidSet: {false, true, false},
		GuidBody: {false, false, true}, GuidNone: {},
	} {
		with(t, Switches{GuidIn: where}, func(t *testing.T, _ *Sim, c *caller) {
			a := c.login(`{"agentId":101,"password":"secret"}`)
			got := [3]bool{a.header.Get("Guid") != "", a.header.Get("Set-Guid") != "", strings.Contains(a.raw, ".AgentGateway1")}
			if got != want {
				t.Errorf("%s: %v, want %v", where, got, want)
			}
		})
	}
}

// A gap of more than the window kills, each request before makes it longer.
func TestGap(t *testing.T) {
	for expired, want := range map[string]answer{
		Expired107: {status: 200, code: "107-000"}, ExpiredPre: {status: 200, code: "107-007"}, Expired401: {status: 401},
	} {
		with(t, Switches{Expired: expired}, func(t *testing.T, s *Sim, c *caller) {
			c.in()
			for range 5 {
				time.Sleep(2 * time.Minute)
				c.want(c.query(), "0")
			}
			time.Sleep(2*time.Minute + 1)
			if s.Account("101").SignedIn {
				t.Error("signed in after the gap")
			}
			if a := c.query(); a.code != want.code || a.status != want.status {
				t.Errorf("%s: %d %s", expired, a.status, a.raw)
			}
			if got := s.Account("101"); got.Lapsed != 1 || got.Denied != 1 || len(got.SignIns) != 1 {
				t.Errorf("%+v", got)
			}
			if a := (&caller{t: t, client: c.client, url: c.url}).query(); a.code != want.code {
				t.Errorf("without a Guid: %s", a.raw)
			}
		})
	}
}

func TestEndsOfGuids(t *testing.T) {
	for name, tt := range map[string]struct {
		switches Switches
		end      func(*Sim, *caller)
		want     string
	}{
		"life":         {Switches{Life: sim.Duration(time.Minute)}, func(*Sim, *caller) { time.Sleep(time.Minute) }, "107-000"},
		"cut":          {Switches{CutEvery: sim.Duration(time.Minute)}, func(*Sim, *caller) { time.Sleep(time.Minute) }, "107-000"},
		"second kills": {Switches{SecondLogin: SecondKills}, func(_ *Sim, c *caller) { c.login(`{"agentId":101,"password":"secret"}`) }, "107-000"},
		"second keeps": {Switches{}, func(_ *Sim, c *caller) { c.login(`{"agentId":101,"password":"secret"}`) }, "0"},
		"by hand":      {Switches{}, func(s *Sim, _ *caller) { _ = s.Expire("101") }, "107-000"},
		"another's":    {Switches{}, func(s *Sim, _ *caller) { _ = s.Expire("102") }, "0"},
		"restart":      {Switches{}, func(s *Sim, _ *caller) { s.Restart() }, "107-000"},
		"no cookie":    {Switches{Cookie: true}, func(_ *Sim, c *caller) { c.cookie = "" }, "107-000"},
		"cookie":       {Switches{Cookie: true}, func(*Sim, *caller) {}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, tt.switches, func(_ *testing.T, s *Sim, c *caller) {
				c.in()
				time.Sleep(time.Second)
				c.want(c.query(), "0")
				tt.end(s, c)
				c.want(c.query(), tt.want)
			})
		})
	}
}

func TestRotation(t *testing.T) {
	for old, want := range map[string]string{OldGuidTimeout: "0", OldGuidDead: "107-000"} {
		with(t, Switches{Rotate: sim.Duration(time.Minute), OldGuid: old}, func(t *testing.T, _ *Sim, c *caller) {
			c.in()
			if a := c.query(); a.header.Get("Set-Guid") != "" {
				t.Error("rotated too early")
			}
			time.Sleep(time.Minute)
			a := c.query()
			next := strings.TrimPrefix(a.header.Get("Set-Guid"), "JSESSIONID=")
			c.want(a, "0")
			c.want(c.query(), want)
			c.guid = next
			c.want(c.query(), "0")
		})
	}
}

func TestQueries(t *testing.T) {
	for query, want := range map[string]answer{
		QueryGood: {status: 200, code: "0"}, QueryObject: {status: 200, code: "107-010"}, QueryDenied: {status: 200, code: "107-000"},
		QueryForbidden: {status: 403}, QueryMissing: {status: 404}, QueryHTML: {status: 200}, QueryInput: {status: 200, code: "107-002"},
		QueryBig: {status: 200, code: "0"},
	} {
		with(t, Switches{Query: query}, func(t *testing.T, _ *Sim, c *caller) {
			if a := c.in().call("POST", base+"/config/vdn/query", "{}"); a.status != want.status || a.code != want.code {
				t.Errorf("%s: %d %.100s", query, a.status, a.raw)
			}
		})
	}
}

func TestLockOut(t *testing.T) {
	with(t, Switches{LockAfter: 3}, func(_ *testing.T, s *Sim, c *caller) {
		const wrong, right = `{"agentId":101,"password":"x"}`, `{"agentId":101,"password":"secret"}`
		for _, code := range []string{"107-003", "107-003", "110-021", "110-016"} {
			c.want(c.login(wrong), code)
		}
		c.want(c.login(right), "110-016")
		time.Sleep(5 * time.Minute)
		c.want(c.login(right), "0")
		_ = s.Lock("101", time.Hour)
		c.want(c.login(right), "110-016")
		_ = s.Unlock("101")
		_ = s.SetPassword("101", "new")
		c.want(c.login(right), "107-003")
	})
}

// Two logins of one account in flight are a violation, those of two are none.
func TestOverlap(t *testing.T) {
	for second, want := range map[string]int{"101": 1, "102": 0, "999": 0} {
		with(t, Switches{LoginTime: sim.Duration(time.Second)}, func(t *testing.T, s *Sim, c *caller) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.login(`{"agentId":101,"password":"secret"}`)
			}()
			synctest.Wait()
			c.login(`{"agentId":` + second + `,"password":"secret"}`)
			<-done
			if got := s.Ops.Violations(); len(got) != want {
				t.Errorf("%s: %v", second, got)
			}
		})
	}
}

func TestShapes(t *testing.T) {
	with(t, Switches{NumericRetcode: true, Msg: true, ExtraFields: true}, func(t *testing.T, _ *Sim, c *caller) {
		if a := c.in().query(); !strings.Contains(a.raw, `"retcode":0`) || !strings.Contains(a.raw, `"msg":"success"`) || !strings.Contains(a.raw, "traceId") {
			t.Error(a.raw)
		}
	})
}

func TestControl(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, c *caller) {
		c.in()
		for _, tt := range []struct {
			method, path, body string
			status             int
			want               string
		}{
			{"GET", "/_sim/agents/101", "", 200, `"signed_in":true`},
			{"POST", "/_sim/agents/101/expire", "", 200, `"signed_in":false`},
			{"POST", "/_sim/agents/101/lock", `{"for":"1h"}`, 200, "locked_until"},
			{"POST", "/_sim/agents/101/unlock", "", 200, `"wrong_passwords":0`},
			{"POST", "/_sim/agents/101/password", `{"password":"new"}`, 200, "signed_in"},
			{"POST", "/_sim/agents/101/password", `{"pass":"new"}`, 400, "pass"},
			{"POST", "/_sim/agents/7/expire", "", 404, "no such account"},
			{"GET", "/_sim/agents/7", "", 404, "no such account"},
			{"POST", "/_sim/agents/101/kick", "", 404, "expire lock password unlock"},
			{"POST", "/_sim/restart", "", 200, "{}"},
			{"PATCH", "/_sim/switches", `{"expired":"401"}`, 200, `"expired":"401"`},
			{"PATCH", "/_sim/switches", `{"expired":"402"}`, 400, "107-000,107-007,401"},
			{"GET", "/_sim/state", "", 200, `"sign_ins":1`},
			{"POST", "/_sim/reset", "", 200, "{}"},
		} {
			if a := c.call(tt.method, tt.path, tt.body); a.status != tt.status || !strings.Contains(a.raw, tt.want) {
				t.Errorf("%s %s: %d %s, want %d %q", tt.method, tt.path, a.status, a.raw, tt.status, tt.want)
			}
		}
		if got := s.Account("101"); len(got.SignIns) != 0 || s.Ops.Total().SignIns != 0 {
			t.Errorf("after the reset: %+v", got)
		}
		c.want(c.login(`{"agentId":101,"password":"new"}`), "0")
	})
}

func TestMistakes(t *testing.T) {
	for want, c := range map[string]Config{
		"numbers":  {Accounts: []Account{{Login: "admin"}}},
		"twice":    {Accounts: append(Range(1, 1, "x"), Range(1, 1, "y")...)},
		"guid_in":  {Switches: Switches{GuidIn: "trailer"}},
		"negative": {Switches: Switches{LockAfter: -1}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// What is remembered about Guids is bounded, however many there were.
func TestMemory(t *testing.T) {
	with(t, Switches{Rotate: 1}, func(t *testing.T, s *Sim, c *caller) {
		c.in()
		for range 3000 {
			time.Sleep(10 * time.Second)
			c.guid = strings.TrimPrefix(c.query().header.Get("Set-Guid"), "JSESSIONID=")
		}
		c.want(c.query(), "0")
		if n := len(s.guids); n > 1100 {
			t.Errorf("%d Guids", n)
		}
	})
}

func FuzzParseLogin(f *testing.F) {
	f.Add([]byte(`{"agentId":101,"password":"secret"}`))
	f.Add([]byte(`{"agentId":"101","password":null}`))
	f.Add([]byte(`{"agentId":1e3,"password":""}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q := parseLogin(body); !q.bad && !agentID.MatchString(q.login) {
			t.Errorf("%q gave the login %q", body, q.login)
		}
	})
}
