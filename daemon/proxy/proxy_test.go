package proxy_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

func TestAnswersOfItsOwn(t *testing.T) {
	long := `{"action":"list","obj":"DomainUser","params":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, test := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		status             int
		says               string
	}{
		"no login":             {path: "/hq/291", status: 400, says: "/{platform}/{login}/"},
		"nothing":              {path: "/", status: 400, says: "/{platform}/{login}/"},
		"dot segments":         {path: "/hq/291/a/../onlineagent/291", status: 400, says: "segment 2"},
		"escaped dot segments": {path: "/hq/291/a/%2e%2E/onlineagent/291", status: 400, says: "segment 2"},
		"unknown platform":     {path: "/xx/291/a", status: 404, says: "no such platform: xx"},
		"unknown agent":        {path: "/hq/999/a", status: 404, says: "no such agent: hq/999"},
		"no HTTP":              {path: "/ec/op%2F1/a", status: 501, says: "not spoken over HTTP"},
		"trace":                {method: "TRACE", path: "/hq/291/a", status: 405, says: "method"},
		"log-in":               {method: "PUT", path: "/hq/291/agentgateway/resource/onlineagent/291", body: "{}", status: 403, says: "control API"},
		"poll":                 {path: "/hq/291/agentgateway/resource/agentevent/291", status: 403, says: "/api/v1/events"},
		"log-in in a body":     {method: "POST", path: "/rt/robot@example.org/api/", body: `{"obj":"User","action":"auth"}`, status: 403, says: "log-ins"},
		"too long to look at":  {method: "POST", path: "/rt/robot@example.org/api/", body: long, status: 403, says: "1 MiB"},
		"offline":              {path: "/hq/292/a", status: 503, says: "hq/292 is not signed in"},
		"announced too long": {method: "POST", path: "/hq/291/a", body: "x", status: 413, says: "32 MiB",
			change: func(r *http.Request) { r.ContentLength = 33 << 20 }},
		"rebound name":     {path: "/hq/291/a", change: host("attacker.example:9465"), status: 403, says: "Host"},
		"no host":          {path: "/hq/291/a", change: host(""), status: 403, says: "Host"},
		"name with suffix": {path: "/hq/291/a", change: host("127.0.0.1.attacker.example"), status: 403, says: "Host"},
		"other origin":     {path: "/hq/291/a", change: header("Origin", "https://attacker.example"), status: 403, says: "web page"},
		"opaque origin":    {path: "/hq/291/a", change: header("Origin", "null"), status: 403, says: "web page"},
		"other port":       {path: "/hq/291/a", change: header("Origin", "http://127.0.0.1:3000"), status: 403, says: "web page"},
		"no-cors script":   {path: "/hq/291/a", change: header("Sec-Fetch-Site", "cross-site"), status: 403, says: "web page"},
		"another path":     {path: "/hq/291/a", change: header("X-Original-Url", "/onlineagent/291"), status: 400, says: "X-Original-Url"},
		"another method":   {path: "/hq/291/a", change: header("X-Http-Method-Override", "PUT"), status: 400, says: "X-Http-Method-Override"},
		"hidden header":    {path: "/hq/291/a", change: header("Connection", "close, Content-Type"), status: 400, says: "Connection"},
		"announced trailer": {method: "POST", path: "/hq/291/a", body: "x", status: 400, says: "trailer",
			change: func(r *http.Request) { r.Trailer = http.Header{"Guid": nil} }},
		"body of a GET": {path: "/hq/291/a", body: "GET /x HTTP/1.1", status: 400, says: "no body"},
		"tunnel":        {path: "/hq/291/a", change: header("Upgrade", "h2c, TLS/1.0"), status: 501, says: "protocol"},
		"websocket":     {path: "/hq/291/a", change: header("Upgrade", "WebSocket"), status: 501, says: "protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &platform{answer: func(int, seen) *http.Response { return ok("{}") }}
			s := newSite(t, "https://hq.example:8043", p)
			s.sign(session.ID{Platform: "hq", Login: "292"}, 3, nil)
			if test.method == "" {
				test.method = http.MethodGet
			}
			req := local(t, test.method, test.path, test.body)
			if test.change != nil {
				test.change(req)
			}
			w := ask(s.handler(), req)
			var said struct {
				Error string `json:"error"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
				t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
			}
			if w.Code != test.status || !strings.Contains(said.Error, test.says) {
				t.Errorf("got %d %q, want %d and %q", w.Code, said.Error, test.status, test.says)
			}
			if n := p.count(); n != 0 {
				t.Errorf("%d requests reached the platform", n)
			}
			if retry := w.Header().Get("Retry-After"); (retry != "") != (w.Code == http.StatusServiceUnavailable) {
				t.Errorf("status %d came with Retry-After %q", w.Code, retry)
			}
		})
	}
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestThePlatformGetsTheAgentsCredentialAndNothingOfTheClients(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response { return ok(`{"retcode":"0"}`) }}
	s := newSite(t, "https://hq.example:8043/base", p)
	req := local(t, http.MethodPost, "/hq/291/resource/agent%2Dx/resetskill/true?skillid=1;2;3&a=%20b", `{"x":1}`)
	req.Host = "localhost:9465"
	for name, value := range map[string]string{
		"Authorization": "Basic x", "Guid": "theirs", "Cookie": "theirs=1", "Origin": "http://localhost:9465", "Referer": "x",
		"Proxy-Authorization": "Basic x", "Forwarded": "for=10.0.0.9", "X-Forwarded-For": "10.0.0.9", "X-Forwarded-Port": "1",
		"Accept-Encoding": "br", "Expect": "100-continue", "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "Http2-Settings": "AAA",
		"X_Forwarded_For": "10.0.0.9", "Te": "trailers", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", "X-Mine": "kept",
	} {
		req.Header.Set(name, value)
	}
	if w := ask(s.handler(), req); w.Code != http.StatusOK || w.Body.String() != `{"retcode":"0"}` {
		t.Fatalf("got %d %q", w.Code, w.Body)
	}
	want := []seen{{
		Method: http.MethodPost, URI: "/base/resource/agent-x/resetskill/true?skillid=1;2;3&a=%20b", Body: `{"x":1}`,
		Header: http.Header{
			"Guid": {"guid-5"}, "Cookie": {"lb=node-5"}, "Content-Type": {"application/json"}, "X-Mine": {"kept"},
			"Sec-Fetch-Site": {"same-origin"}, "Te": {"trailers"}, "User-Agent": {""},
		},
	}}
	if d := cmp.Diff(want, p.seen); d != "" {
		t.Error(d)
	}
}

func TestNoCredentialReachesTheClient(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response {
		a := ok(`{"retcode":"0"}`)
		for name, value := range map[string]string{
			"Set-Guid": "JSESSIONID=secret", "Guid": "secret", "Set-Cookie": "lb=secret", "Authorization": "Bearer secret",
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true", "Alt-Svc": "h3", "X-Kept": "yes",
		} {
			a.Header.Set(name, value)
		}
		return a
	}}
	w := ask(newSite(t, "https://hq.example:8043", p).handler(), local(t, http.MethodGet, "/hq/291/a", ""))
	want := http.Header{"Content-Type": {"application/json"}, "X-Kept": {"yes"}}
	if d := cmp.Diff(want, w.Result().Header); d != "" {
		t.Error(d)
	}
}

func TestARedirectStaysInTheProxy(t *testing.T) {
	for given, want := range map[string]string{
		"/base/b?x=1;2":                      "/rt/robot@example.org/b?x=1;2",
		"https://rt.example/base/b":          "/rt/robot@example.org/b",
		"//RT.example/base/b":                "/rt/robot@example.org/b",
		"https://other.example/base/b":       "https://other.example/base/b",
		"b":                                  "b",
		"http://[broken":                     "http://[broken",
		"https://rt.example/base/login?e=%2": "/rt/robot@example.org/login?e=%2",
	} {
		p := &platform{answer: func(int, seen) *http.Response {
			a := answer(http.StatusFound, "text/html", "")
			a.Header.Set("Location", given)
			return a
		}}
		w := ask(newSite(t, "https://rt.example/base/", p).handler(), local(t, http.MethodGet, "/rt/robot%40example.org/a", ""))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}
