package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/config"
)

// output is a writer that a test reads while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await blocks until the output contains text, or the program ended.
func (o *output) await(text string, ended <-chan int) {
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.more:
		case code := <-ended:
			panic("ended with " + string(rune('0'+code)) + ": " + o.String())
		}
	}
}

// program is a running vendorsim.
type program struct {
	out, err *output
	url      string
	ended    chan int
	stop     context.CancelFunc
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &program{
		out: &output{more: make(chan struct{}, 1)}, err: &output{more: make(chan struct{}, 1)},
		ended: make(chan int, 1), stop: stop,
	}
	go func() { p.ended <- run(ctx, args, p.out, p.err) }()
	p.out.await("Interrupt for", p.ended)
	p.url = regexp.MustCompile(`https?://[0-9.:]+`).FindString(p.out.String())
	return p
}

// end interrupts the program and returns its exit code.
func (p *program) end() int {
	p.stop()
	return <-p.ended
}

func do(t *testing.T, client *http.Client, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, string(text)
}

func newClient(t *testing.T, c *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: c}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestHuawei(t *testing.T) {
	p := start(t, "huawei", "--listen", "127.0.0.1:0", "--agents", "291-292", "-v", "--wait-flag-off")
	client := newClient(t, nil)
	const body = `{"password":"secret","phonenum":"40291"}`
	if _, text := do(t, client, "PUT", p.url+"/agentgateway/resource/onlineagent/291", body); !strings.Contains(text, `"retcode":"0"`) {
		t.Errorf("sign-in: %s", text)
	}
	if status, text := do(t, client, "GET", p.url+"/_sim/state", ""); status != 200 || !strings.Contains(text, `"sign_ins":1`) {
		t.Errorf("state: %d %s", status, text)
	}
	if code := p.end(); code != exitGood {
		t.Errorf("exit code %d: %s", code, p.err)
	}
	for _, want := range []string{"/_sim/outage", "/_sim/agents/{login}/kick", "sign-ins            1\n", "violations          0\n"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, p.out)
		}
	}
	if log := p.err.String(); !strings.Contains(log, "signed in") || strings.Contains(log, "secret") {
		t.Errorf("log: %s", log)
	}
}

func TestViolationsEndInFailure(t *testing.T) {
	p := start(t, "huawei", "--listen", "127.0.0.1:0", "--operation-time", "10m")
	client := newClient(t, nil)
	url := p.url + "/agentgateway/resource/onlineagent/291"
	first := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(first)
		r, _ := http.NewRequestWithContext(ctx, "PUT", url, strings.NewReader(`{}`))
		r.Header.Set("Content-Type", "application/json")
		if res, err := client.Do(r); err == nil {
			_ = res.Body.Close()
		}
	}()
	for state := ""; !strings.Contains(state, `"sign_ins":1`); {
		_, state = do(t, client, "GET", p.url+"/_sim/state", "")
	}
	if _, text := do(t, client, "PUT", url, `{}`); !strings.Contains(text, "000-007") {
		t.Errorf("the second sign-in: %s", text)
	}
	cancel()
	<-first
	if code := p.end(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if !strings.Contains(p.err.String(), "VIOLATION") || !strings.Contains(p.out.String(), "violations          1\n") {
		t.Errorf("not loud enough:\n%s\n%s", p.out, p.err)
	}
}

func TestTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	p := start(t, "huawei", "--listen", "127.0.0.1:0", "--tls", "--http2", "--cert-dir", dir)
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := newClient(t, &tls.Config{RootCAs: pool})
	if status, text := do(t, client, "GET", p.url+"/_sim/violations", ""); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if code := p.end(); code != exitGood {
		t.Errorf("exit code %d: %s", code, p.err)
	}
}

func TestWrittenConfigurationIsGood(t *testing.T) {
	for _, args := range [][]string{
		{"huawei", "--hold", "20s", "--tls"},
		{"huawei", "--agents", `291-299,300:p"a\:40777`},
		{"ecss"},
		{"ecss", "--login-over", "http", "--token-in", "query", "--tls"},
	} {
		file := filepath.Join(t.TempDir(), "try.yaml")
		certs := filepath.Join(t.TempDir(), "certs")
		p := start(t, append(args, "--listen", "127.0.0.1:0", "--write-config", file, "--cert-dir", certs)...)
		c, _, err := config.Load(file)
		if err != nil {
			t.Errorf("%v: %v", args, err)
		} else if c == nil {
			t.Errorf("%v: nothing was loaded", args)
		}
		if code := p.end(); code != exitGood {
			t.Errorf("%v: exit code %d: %s", args, code, p.err)
		}
	}
}

func TestMistakesOfUse(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{}, exitUsage, "expected one of"},
		{[]string{"avaya"}, exitUsage, "unexpected argument avaya"},
		{[]string{"huawei", "--hold", "soon"}, exitUsage, "is no duration"},
		{[]string{"huawei", "--kicked", "hard"}, exitUsage, "--kicked must be one of"},
		{[]string{"huawei", "--agents", "310-291"}, exitUsage, "the first must not be above the last"},
		{[]string{"huawei", "--agents", "bob"}, exitUsage, "1 to 999999"},
		{[]string{"huawei", "--guid-interval", "3m", "--guid-timeout", "2m"}, exitUsage, "must be below guid_timeout"},
		{[]string{"ecss", "--close-code", "5"}, exitUsage, "close_code"},
		{[]string{"huawei", "--listen", "256.0.0.1:1"}, exitFailed, "--listen"},
		{[]string{"huawei", "--help"}, exitGood, ""},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), c.args, &out, &errOut)
		if code != c.code || !strings.Contains(errOut.String(), c.want) {
			t.Errorf("%v: exit code %d, %s; want %d, %q", c.args, code, &errOut, c.code, c.want)
		}
	}
}

func TestParseAgents(t *testing.T) {
	got, err := parseAgents("291-292, 401,bob:secret2:500,carl::501,dan:x", "secret")
	want := []account{
		{"291", "secret", "40291"}, {"292", "secret", "40292"}, {"401", "secret", "40401"},
		{"bob", "secret2", "500"}, {"carl", "secret", "501"}, {"dan", "x", "40dan"},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(account{})); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	for _, list := range []string{"", "291,", ":x", "5-1", "1-200000", "1-60000,1-60000"} {
		if got, err := parseAgents(list, "x"); err == nil {
			t.Errorf("%q was read as %d agents", list, len(got))
		}
	}
}

func FuzzParseAgents(f *testing.F) {
	f.Add("291-310,401,bob:secret:40500")
	f.Add("-")
	f.Add("1-99999999999999999999")
	f.Fuzz(func(t *testing.T, list string) {
		accounts, err := parseAgents(list, "x")
		if err != nil {
			return
		}
		for _, a := range accounts {
			if a.login == "" || a.password == "" || a.number == "" {
				t.Fatalf("%q gave %+v", list, a)
			}
		}
	})
}
