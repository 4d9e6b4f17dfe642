package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/edna"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/test/sim/huaweiconfig"
	"agentkeeper/test/sim/runtel"
)

const (
	hqAgent  = "/hq/291/agentgateway/resource/onlineagent/291/"
	c5Config = "/c5/101/agentgateway/resource/config/"
)

// Log-outs and log-ins in spellings that one server or another would obey.
func TestOddSpellingsReachNobody(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response { return ok("{}") }}
	h := newSite(t, "https://hq.example:8043", p).handler()
	for _, one := range []struct{ method, path, body string }{
		{"DELETE", hqAgent + "logout%3Fx", ""}, {"DELETE", hqAgent + "logout%23", ""}, {"DELETE", hqAgent + "logout%E2%80%8B", ""},
		{"DELETE", hqAgent + "%FFlogout", ""}, {"DELETE", hqAgent + "logout%20", ""}, {"DELETE", hqAgent + "log%C2%ADout", ""},
		{"DELETE", hqAgent + "x%5C..%5Clogout", ""}, {"DELETE", hqAgent + "logout;v=1", ""}, {"DELETE", hqAgent + "logout%26x", ""},
		{"DELETE", hqAgent + "logout%2500", ""}, {"DELETE", hqAgent + "%EF%BD%8Cogout", ""}, {"DELETE", hqAgent + "logout+", ""},
		{"POST", hqAgent + "saybusy?_method=DELETE", ""}, {"POST", c5Config + "login%3Fx", "{}"}, {"POST", c5Config + "login%00", "{}"},
		{"POST", "/cc/integrator/api/auth%3B/login", "{}"}, {"POST", "/cc/integrator/api/auth%E2%80%8B/x", "{}"},
		{"POST", api + "?action=auth", `{"action":"list","obj":"User"}`}, {"GET", api + "?action=auth&obj=User", ""},
		{"POST", api, `{"action":"auth\u0000","obj":"User"}`}, {"POST", api, `{"action":"list","params":{"action":"auth","obj":"User"}}`},
		{"POST", api, `{"action":"list","batch":[{"action":"logout","obj":"User"}]}`}, {"POST", api, `{"action":"list","ACTION":"auth","obj":"User"}`},
		{"POST", "/rt/robot@example.org/", `{"action":"auth","obj":"User"}`}, {"PUT", api, `{"action":"list"}`},
	} {
		if w := ask(h, local(t, one.method, one.path, one.body)); w.Code != http.StatusBadRequest && w.Code != http.StatusForbidden {
			t.Errorf("%s %s %s: %d", one.method, one.path, one.body, w.Code)
		}
	}
	if n := p.count(); n != 0 {
		t.Errorf("%d requests reached the platform: %+v", n, p.seen)
	}
}

// What the rules saw is what is sent.
func TestTheNormalFormIsSent(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response { return ok("{}") }}
	h := newSite(t, "https://rt.example", p).handler()
	for path, body := range map[string]string{"/rt/robot@example.org/%61pi/": " {\"\\u0061ction\" : \"l\\u0069st\"}\n", "/hq/291/%61/b%7E?%78=%79": ""} {
		if w := ask(h, local(t, http.MethodPost, path, body)); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	var got []string
	for _, s := range p.seen {
		got = append(got, s.URI+" "+s.Body)
	}
	slices.Sort(got)
	if want := []string{"/a/b~?x=y ", `/api/ {"action":"list"}`}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// Two requests in one, for servers that differ in where the first ends.
func TestSmuggledRequests(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	_, front := wired(t, func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s %s CL=%d TE=%v T=%v %q", req.Method, req.URL.Path, req.ContentLength, req.TransferEncoding, req.Trailer, body))
	})
	const hidden = "DELETE /onlineagent/291/logout HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, test := range map[string]struct{ raw, want string }{
		"both lengths":             {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `POST /a CL=0 TE=[] T=map[] ""`},
		"two lengths":              {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\nContent-Length: 60\r\n\r\nabcd" + hidden, ""},
		"odd chunking":             {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", ""},
		"listed chunking":          {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", ""},
		"chunk extension":          {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"\r\nab\r\n0\r\n\r\n", `POST /a CL=2 TE=[] T=map[] "ab"`},
		"trailer":                  {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: Guid\r\n\r\n0\r\nGuid: x\r\n\r\n", ""},
		"unannounced trailer":      {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nGuid: x\r\n\r\n", `POST /a CL=1 TE=[] T=map[] "x"`},
		"body of a GET":            {fmt.Sprintf("GET /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden), ""},
		"expectation":              {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\nExpect: magic\r\n\r\nx", ""},
		"continue":                 {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx", `POST /a CL=1 TE=[] T=map[] "x"`},
		"tunnel":                   {"CONNECT /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" + hidden, ""},
		"header break":             {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: a\rContent-Length: 5\r\n\r\nabcde", ""},
		"folded":                   {"POST /hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX : a\r\n\r\n", ""},
		"bare line feed in a path": {"POST /hq/291/a\n HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", ""},
		"tab in a path":            {"POST /hq/291/a\t/logout HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", ""},
		"other host":               {"POST http://attacker.example/hq/291/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			seen = nil
			mu.Unlock()
			speak(t, front, test.raw)
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(seen, "; "); got != test.want {
				t.Errorf("the platform got %s, want %s", got, test.want)
			}
		})
	}
}

// speak sends bytes and reads until the server ends the connection or has said
// all that it says.
func speak(t *testing.T, front, raw string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(front, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn) // a reset is an end as well
}

// judge is a platform's simulator that counts what it would do.
type judge struct {
	handler http.Handler
	ops     *sim.Ops
}

// judges are the simulators by the names of newSite's platforms.
func judges() map[string]judge {
	hq := huawei.New(huawei.Config{Agents: []huawei.Agent{{Login: "291", Password: "x"}}})
	c5 := huaweiconfig.New(huaweiconfig.Config{Accounts: []huaweiconfig.Account{{Login: "101", Password: "x"}}})
	rt := runtel.New(runtel.Config{Agents: []runtel.Agent{{Login: "robot@example.org", Password: "x"}}})
	cc := edna.New(edna.Config{Accounts: []edna.Account{{Login: "integrator", Password: "x"}}})
	return map[string]judge{"hq": {hq, &hq.Ops}, "c5": {c5, &c5.Ops}, "rt": {rt, &rt.Ops}, "cc": {cc, &cc.Ops}}
}

// operations counts what a program's request must never be taken for.
func (j judge) operations() int {
	n := j.ops.Total()
	return n.SignIns + n.SignOuts + n.Polls
}

// asRead are the paths and queries that servers of various habits read in an
// address.
func asRead(u *url.URL) []string {
	all := []string{u.RequestURI()}
	add := func(p string) { all = append(all, (&url.URL{Path: p, RawQuery: u.RawQuery}).RequestURI()) }
	twice := u.Path
	for range 3 {
		if plain, err := url.QueryUnescape(twice); err == nil {
			twice = plain
		}
	}
	for _, p := range []string{u.Path, twice, strings.ReplaceAll(u.Path, `\`, "/"), strings.TrimRight(u.Path, " .+*/")} {
		for _, cut := range []string{";", "?", "#", "\x00", "%", ":", ",", "."} {
			before, _, _ := strings.Cut(p, cut)
			add(before)
			add(path.Clean("/" + before))
		}
		segments := strings.Split(p, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		seen := path.Clean("/" + strings.Join(segments, "/"))
		add(seen)
		add(strings.Map(ascii, seen))
	}
	return all
}

// ascii drops what is no printable ASCII.
func ascii(c rune) rune {
	if c < ' ' || c > '~' {
		return -1
	}
	return c
}

// differential sends a request through the proxy to a simulator, once as it is
// and once in each reading of a server of other habits, and reports what the
// simulator took it for.
type differential struct {
	t  *testing.T
	on judge
}

// RoundTrip implements http.RoundTripper.
func (d differential) RoundTrip(req *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, err
	}
	var last *httptest.ResponseRecorder
	for _, address := range asRead(req.URL) {
		for _, method := range []string{req.Method, http.MethodDelete, http.MethodPut, http.MethodGet, http.MethodPost} {
			got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire.Bytes())))
			if err != nil {
				d.t.Fatalf("what was sent cannot be read: %v\n%s", err, wire.Bytes())
			}
			u, err := url.ParseRequestURI(address)
			if err != nil {
				continue
			}
			ctx, cancel := context.WithCancel(d.t.Context())
			cancel() // a poll is not held
			got.URL, got.RequestURI = u, address
			got.Method, got.RemoteAddr = method, "127.0.0.1:1"
			last = httptest.NewRecorder()
			serve(d.on.handler, last, got.WithContext(ctx))
		}
	}
	return last.Result(), nil
}

// serve answers; a simulator ends a handler where it would break a connection.
func serve(h http.Handler, w http.ResponseWriter, req *http.Request) {
	defer func() {
		r := recover()
		if err, _ := r.(error); r != nil && !errors.Is(err, http.ErrAbortHandler) {
			panic(r)
		}
	}()
	h.ServeHTTP(w, req)
}

// No request that passes is one that a simulator takes for a log-in, a log-out
// or a poll, whatever method the platform makes of it and however it reads the
// address.
func FuzzNothingPassesThatASimulatorObeys(f *testing.F) {
	for _, seed := range []struct{ platform, method, path, media, body string }{
		{"hq", "DELETE", "agentgateway/resource/onlineagent/291/logout%3Fx", "application/json", ""},
		{"hq", "POST", "agentgateway/resource/onlineagent/291/%6cogout", "application/json", ""},
		{"hq", "GET", "agentgateway/resource/agentevent/291;x", "application/json", ""},
		{"hq", "POST", "agentgateway/resource/onlineagent/291/saybusy?reason=200&_method=PUT", "application/json", ""},
		{"hq", "PUT", "agentgateway/resource/onlineagent/291+", "application/json", "{}"},
		{"c5", "POST", "agentgateway/resource/config/login%00", "application/json", `{"agentId":101,"password":"x"}`},
		{"c5", "POST", "agentgateway/resource/config/agents", "application/json", `{}`},
		{"cc", "POST", "api/auth/login%23", "application/json", `{"login":"integrator","password":"x"}`},
		{"cc", "PUT", "api/v1/agents/integrator/status", "application/json", `{"status":"READY"}`},
		{"rt", "POST", "api/", "application/json", `{"action":"auth","obj":"User","params":{"login":"robot@example.org","password":"x"}}`},
		{"rt", "POST", "api/", "application/json", `{"action":"get","Action":"logout","obj":"User"}`},
		{"rt", "POST", "api/", "application/json", `{"\u0061ction":"get","obj":"User","params":{"id":1000}}`},
		{"rt", "POST", "x/../api/", "application/json", `{"action":"logout","obj":"User"}`},
		{"rt", "POST", "api/?action=auth", "text/plain", `{"action":"auth","obj":"User"}`},
	} {
		f.Add(seed.platform, seed.method, seed.path, seed.media, seed.body)
	}
	logins := map[string]string{"hq": "291", "c5": "101", "rt": "robot@example.org", "cc": "integrator"}
	f.Fuzz(func(t *testing.T, name, method, rest, media, body string) {
		on, known := judges()[name]
		raw := fmt.Sprintf("%s /%s/%s/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			method, name, logins[name], rest, media, len(body), body)
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil || !known {
			return
		}
		s := newSite(t, "http://platform.example", differential{t, on})
		for id := range s.handed {
			s.sign(session.ID{Platform: id.Platform, Login: id.Login}, 5, http.Header{})
		}
		w := ask(s.handler(), req.WithContext(t.Context()))
		if n := on.operations(); n > 0 {
			t.Errorf("%q was taken for %d operations of the keeper's: %+v, answer %d", raw, n, on.ops.Total(), w.Code)
		}
	})
}
