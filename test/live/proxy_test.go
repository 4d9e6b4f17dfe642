package live

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness stands between the service and a platform. It remembers the requests
// and puts a new credential on every answer to a path, as platforms do.
type witness struct {
	url   string
	taint string // the path; what is set there is not the platform's

	mu   sync.Mutex
	seen []heard
}

// heard is one request.
type heard struct {
	path   string
	header http.Header
}

const leaked = "leaked-0123456789abcdef"

// newWitness stands before the platform.
func newWitness(t *testing.T, pl *platform, taint string) *witness {
	t.Helper()
	target, err := url.Parse(pl.url)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{taint: taint}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { w.hear(r.In); r.SetURL(target) },
		ModifyResponse: w.stain, Transport: insecure(), ErrorLog: log.New(io.Discard, "", 0),
	})
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *witness) hear(r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, heard{r.URL.Path, r.Header.Clone()})
}

func (w *witness) stain(answer *http.Response) error {
	if answer.Request.URL.Path == w.taint && answer.Request.Header.Get(marker) != "" {
		for _, name := range []string{"Set-GUID", "Guid", "Authorization", "Set-Cookie"} {
			answer.Header.Set(name, leaked)
		}
	}
	return nil
}

// marker is a header that only the tests' client sends.
const marker = "X-Program"

// marked returns the requests that began as the tests' client's.
func (w *witness) marked() (list []heard) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.seen {
		if h.header.Get(marker) != "" {
			list = append(list, h)
		}
	}
	return list
}

// proxied is what a program asks one vendor through the proxy.
type proxied struct {
	consumed
	method, path, body string
	contains           string   // in the answer
	kill               string   // the simulator's order that ends the session
	refused            []string // METHOD PATH [BODY] that must not reach the platform
}

const resource = "/agentgateway/resource"

// proxies returns the table; the logins are 101 and on.
func proxies() []proxied {
	return []proxied{
		{consumed: consumers[0], method: "POST", path: "/api/", body: `{"obj":"User","action":"get","action_id":"1","params":{"id":1000}}`,
			contains: `"login":"101"`, kill: "expire", refused: []string{
				`POST /api/ {"obj":"User","action":"auth","action_id":"1","params":{"login":"101","password":"x"}}`,
				`POST /api/ {"obj":"User","action":"logout","action_id":"1","params":{}}`}},
		{consumed: consumers[1], method: "GET", path: "/api/v1/threads/1", contains: `"currentAgentLogin":"101"`, kill: "revoke",
			refused: []string{"POST /api/auth/login {}", "POST /api/auth/logout {}"}},
		{consumed: consumers[2], method: "GET", path: resource + "/config/agents", contains: `"retcode":"0"`, kill: "expire",
			refused: []string{"POST " + resource + "/config/login {}", "DELETE " + resource + "/config/logout"}},
		{consumed: consumers[3], method: "GET", path: resource + "/onlineagent/101/agentstatus", contains: `"agentState"`, kill: "kick",
			refused: []string{"PUT " + resource + "/onlineagent/101 {}", "DELETE " + resource + "/onlineagent/101/logout",
				"GET " + resource + "/agentevent/101", "PUT " + resource + "/onlineagent/101/forcelogin {}"}},
	}
}

// program is a client of the proxy.
type program struct {
	t      *testing.T
	base   string
	client *http.Client
}

// do asks the proxy, with credentials of the client's own.
func (p *program) do(method, path, body string) (status int, header http.Header, text string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "Guid", "Cookie"} {
		req.Header.Set(name, "foreign")
	}
	req.Header.Set(marker, "test")
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s through the proxy: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(answer)
}

// overProxy sets the site up behind a witness, with the proxy at an address.
func overProxy(t *testing.T, c proxied, listen string) (*site, *witness) {
	t.Helper()
	s := c.site(t, 2)
	w := newWitness(t, s.platform, c.path)
	s.url, s.top = w.url, []string{fmt.Sprintf("proxy: {listen: %q}", listen)}
	s.write()
	return s, w
}

// TestProxy asks every vendor's platform through the proxy, before and after
// the platform ended the session.
func TestProxy(t *testing.T) {
	t.Parallel()
	for _, c := range proxies() {
		t.Run(c.vendor, func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			s, w := overProxy(t, c, address)
			k := s.runOnline()
			p := &program{t, "http://" + address, &http.Client{Timeout: 30 * time.Second, Transport: insecure()}}
			p.wantGood(c)
			if sent := w.marked(); len(sent) != 1 || c.foreign(sent[0]) || !c.carries(sent[0], k.credential("101")) {
				t.Errorf("%d requests reached the platform, want one with the agent's own credential alone", len(sent))
			}
			for _, forbidden := range c.refused {
				parts := append(strings.SplitN(forbidden, " ", 3), "")
				if status, _, text := p.do(parts[0], "/hq/101"+parts[1], parts[2]); status != http.StatusForbidden {
					t.Errorf("%s: %d %s, want 403", forbidden, status, text)
				}
			}
			for _, path := range []string{"/hq/999" + c.path, "/nowhere/101" + c.path} {
				if status, _, text := p.do(c.method, path, c.body); status != http.StatusNotFound {
					t.Errorf("%s: %d %s, want 404", path, status, text)
				}
			}
			if n := len(w.marked()); n != 1 {
				t.Errorf("%d requests reached the platform, want the first alone", n)
			}
			before := s.counts()
			s.platform.order("agents/101/"+c.kill, "{}")
			p.wantGoodSoon(c)
			if sent := w.marked(); len(sent) > 3 || !c.carries(sent[len(sent)-1], k.credential("101")) {
				t.Errorf("%d requests reached the platform, want at most one retry, with the new credential", len(sent))
			}
			s.awaitOnline(k)
			if got := s.counts()["101"].SignIns - before["101"].SignIns; got != 1 {
				t.Errorf("an ended session cost %d log-ins, want one", got)
			}
			k.want(http.StatusOK, "POST", "101/pause?wait=60s", `{"reason":"test"}`)
			status, header, text := p.do(c.method, "/hq/101"+c.path, c.body)
			if n, err := strconv.Atoi(header.Get("Retry-After")); status != http.StatusServiceUnavailable || err != nil || n < 1 {
				t.Errorf("without a session: %d, Retry-After %q: %s", status, header.Get("Retry-After"), text)
			}
			k.stop()
		})
	}
}

// answer is what the proxy said.
type answer struct {
	status int
	header http.Header
	text   string
}

func (p *program) ask(c proxied) (a answer) {
	p.t.Helper()
	a.status, a.header, a.text = p.do(c.method, "/hq/101"+c.path, c.body)
	return a
}

// wantGood asks about agent 101 and wants the platform's answer, with nothing
// secret on it.
func (p *program) wantGood(c proxied) {
	p.t.Helper()
	p.judge(c, p.ask(c))
}

// wantGoodSoon is wantGood for a client that obeys Retry-After: where the
// service has noticed the end of the session by itself, there is none for a
// moment.
func (p *program) wantGoodSoon(c proxied) {
	p.t.Helper()
	var a answer
	within(p.t, patience, "an answer through the proxy", func() error {
		if a = p.ask(c); a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" {
			return fmt.Errorf("%d %s", a.status, a.text)
		}
		return nil
	})
	p.judge(c, a)
}

func (p *program) judge(c proxied, a answer) {
	p.t.Helper()
	if a.status != http.StatusOK || !strings.Contains(a.text, c.contains) {
		p.t.Errorf("%s %s through the proxy: %d %.300s", c.method, c.path, a.status, a.text)
	}
	for name, values := range a.header {
		if strings.Contains(strings.Join(values, " "), leaked) {
			p.t.Errorf("the client gets the platform's header %s", name)
		}
	}
}

// foreign tells whether the client's own credential was passed on.
func (c consumed) foreign(h heard) bool {
	return strings.Contains(fmt.Sprint(h.header["Authorization"], h.header["Guid"], h.header["Cookie"]), "foreign")
}

// carries tells whether a request has the credential.
func (c consumed) carries(h heard, want credential) bool {
	for _, name := range c.headers {
		if h.header.Get(name) != want.Headers[name] {
			return false
		}
	}
	return true
}

// TestProxySocket serves the proxy on a unix socket.
func TestProxySocket(t *testing.T) {
	t.Parallel()
	c := proxies()[1]
	path := filepath.Join(t.TempDir(), "proxy.sock")
	s, _ := overProxy(t, c, "unix:"+path)
	k := s.runOnline()
	p := &program{t, "http://agentkeeper", &http.Client{Timeout: 30 * time.Second, Transport: overUnix(path)}}
	p.wantGood(c)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the proxy's socket: %v %v, want nothing for other users", info, err)
	}
	k.stop()
	if err := absent(path); err != nil {
		t.Errorf("after the stop: %v", err)
	}
}

// TestProxyWebsocket asks through the proxy for a session that is not spoken
// over HTTP.
func TestProxyWebsocket(t *testing.T) {
	t.Parallel()
	s := consumers[4].site(t, 1)
	address := freeAddress(t)
	s.top = []string{"proxy: {listen: " + address + "}"}
	s.write()
	s.runOnline()
	p := &program{t, "http://" + address, &http.Client{Timeout: 30 * time.Second, Transport: insecure()}}
	if status, _, text := p.do("GET", "/hq/101/", ""); status != http.StatusNotImplemented {
		t.Errorf("%d %s, want 501", status, text)
	}
}

// TestProxyOff counts the addresses that the service listens on: the proxy's
// comes with its configuration alone.
func TestProxyOff(t *testing.T) {
	t.Parallel()
	for want, top := range map[int][]string{1: nil, 2: {"proxy: {listen: 127.0.0.1:0}"}} {
		s := consumers[1].site(t, 1)
		s.top = top
		s.write()
		k := s.runOnline()
		if got := listening(t, k.cmd.Process.Pid); got != want {
			t.Errorf("with %v the service listens on %d ports, want %d", top, got, want)
		}
		k.stop()
	}
}

// listening counts a process's TCP ports by the kernel's tables.
func listening(t *testing.T, pid int) (n int) {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("the process's files: %v", err)
	}
	own := map[string]bool{}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil {
			own[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] = true
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // a host without IPv6
		}
		for line := range strings.Lines(string(text)) {
			const (
				stateColumn = 3
				inodeColumn = 9
				listen      = "0A"
			)
			if f := strings.Fields(line); len(f) > inodeColumn && f[stateColumn] == listen && own[f[inodeColumn]] {
				n++
			}
		}
	}
	return n
}

// TestProxyExposed configures proxies that other hosts could reach.
func TestProxyExposed(t *testing.T) {
	t.Parallel()
	s := consumers[1].site(t, 1)
	for _, listen := range []string{"0.0.0.0:0", ":9465", "[::]:9465", "192.0.2.1:9465", "example.com:9465", "unix:proxy.sock", "9465"} {
		s.top = []string{fmt.Sprintf("proxy: {listen: %q}", listen)}
		s.write()
		for _, verb := range []string{"run", "check"} {
			p := finished(t, "agentkeeper", verb, "-c", s.path())
			p.wantCode(patience, 78)
			if text := p.err.String(); !strings.Contains(text, s.path()+":5:17: proxy.listen") {
				t.Errorf("%s with %s says %q", verb, listen, text)
			}
		}
	}
	if n := len(s.counts()); n != 0 {
		t.Errorf("%d agents were signed in", n)
	}
}
