package callback_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/callback"
	"agentkeeper/session"
	"agentkeeper/test/sim"
)

// adapter answers as it is told, one receipt after the other, the last for ever.
type adapter struct {
	mu       sync.Mutex
	receipts []session.Receipt
	wait     time.Duration
	bodies   []string
}

func (a *adapter) Receive(ctx context.Context, _ http.Header, body []byte) session.Receipt {
	a.mu.Lock()
	a.bodies = append(a.bodies, string(body))
	r := a.receipts[0]
	if len(a.receipts) > 1 {
		a.receipts = a.receipts[1:]
	}
	wait := a.wait
	a.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return r
	case <-ctx.Done():
		return session.Receipt{Status: 503, Body: []byte(`{"retcode":"100-007"}`), Refusal: session.NotFetched, Login: "291", Events: 2}
	}
}

var (
	accepted  = session.Receipt{Status: 200, Body: []byte(`{"message":"success","retcode":"0"}`), Login: "291", Events: 2}
	forbidden = session.Receipt{Status: 401, Body: []byte(`{"retcode":"100-001"}`), Refusal: session.Forbidden, Login: "291", Events: 2}
	noSession = session.Receipt{Status: 503, Body: []byte(`{"retcode":"100-006"}`), Refusal: session.NoSession, Login: "291", Events: 2}
)

type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) EventsDropped(reason string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[reason] += n
}

// of returns how many were counted for the reason; "" is all.
func (c *counter) of(reason string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, count := range c.n {
		if reason == "" || reason == name {
			n += count
		}
	}
	return n
}

// desk is a receiver for the platform hq, and a client before it.
type desk struct {
	t       *testing.T
	adapter *adapter
	counter *counter
	log     *bytes.Buffer
	client  *http.Client
}

func open(t *testing.T, receipts ...session.Receipt) *desk {
	t.Helper()
	d := &desk{t: t, adapter: &adapter{receipts: receipts}, counter: &counter{n: map[string]int{}}, log: new(bytes.Buffer)}
	l := sim.Pipe()
	server := sim.Serve(l, callback.New(callback.Options{
		Find:    func(name string) (session.Receiver, bool) { return d.adapter, name == "hq" },
		Counter: d.counter, Log: slog.New(slog.NewTextHandler(d.log, nil)),
	}), nil)
	transport := &http.Transport{DialContext: l.DialContext}
	d.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return d
}

func (d *desk) post(path string, body io.Reader) (status int, text string) {
	d.t.Helper()
	r, err := d.client.Post("http://keeper"+path, "application/json", body)
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return r.StatusCode, string(answer)
}

func TestCallbackReachesItsPlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, accepted)
		status, text := d.post("/callback/hq", strings.NewReader("{}"))
		if status != 200 || text != string(accepted.Body) || d.adapter.bodies[0] != "{}" {
			t.Errorf("%d %s", status, text)
		}
		for path, want := range map[string]int{"/callback/other": 404, "/callback/": 404, "/": 404, "/callback/hq/x": 404} {
			if status, _ := d.post(path, strings.NewReader("{}")); status != want {
				t.Errorf("%s: %d, want %d", path, status, want)
			}
		}
		r, err := d.client.Get("http://keeper/callback/hq")
		if err != nil || r.StatusCode != http.StatusMethodNotAllowed {
			t.Error(r.StatusCode, err)
		}
		_ = r.Body.Close()
		if n := len(d.adapter.bodies); n != 1 {
			t.Errorf("the adapter was handed %d requests", n)
		}
	})
}

func TestTooLargeAndTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, accepted)
		if status, _ := d.post("/callback/hq", strings.NewReader(strings.Repeat("x", 9<<20))); status != 413 {
			t.Errorf("9 MiB: %d", status)
		}
		if status, _ := d.post("/callback/hq", strings.NewReader(strings.Repeat("x", 7<<20))); status != 200 {
			t.Errorf("7 MiB: %d", status)
		}
		d.adapter.wait = time.Hour
		begin := time.Now()
		status, text := d.post("/callback/hq", strings.NewReader("{}"))
		if took := time.Since(begin); status != 503 || took != 20*time.Second {
			t.Errorf("%d %s after %v", status, text, took)
		}
		if d.counter.of("not_fetched") != 2 {
			t.Errorf("counted %d", d.counter.of(""))
		}
	})
}

// Whoever has no session yet may have one in a moment.
func TestNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, noSession, noSession, accepted, noSession)
		if status, _ := d.post("/callback/hq", strings.NewReader("{}")); status != 200 {
			t.Errorf("a session came, but %d", status)
		}
		time.Sleep(time.Minute)
		begin := time.Now()
		if status, text := d.post("/callback/hq", strings.NewReader("{}")); status != 503 || text != string(noSession.Body) {
			t.Errorf("%d %s", status, text)
		}
		if took := time.Since(begin); took < time.Second || took > 2*time.Second {
			t.Errorf("refused after %v", took)
		}
		if d.counter.of("no_session") != 2 || !strings.Contains(d.log.String(), "cause=no_session") || !strings.Contains(d.log.String(), "agent=hq/291") {
			t.Errorf("counted %d, logged %s", d.counter.of(""), d.log)
		}
	})
}

func TestRefusalsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, forbidden)
		for range 5 {
			d.post("/callback/hq", strings.NewReader("{}"))
		}
		if n := strings.Count(d.log.String(), "cause=forbidden"); n != 1 {
			t.Errorf("%d lines:\n%s", n, d.log)
		}
		time.Sleep(time.Minute)
		d.post("/callback/hq", strings.NewReader("{}"))
		if !strings.Contains(d.log.String(), "repeats=4") {
			t.Errorf("no repeats:\n%s", d.log)
		}
		if d.counter.of("") > 0 {
			t.Errorf("a stranger's events were counted as dropped: %d", d.counter.of(""))
		}
		for i := range 300 { // names that anybody can invent
			d.post(fmt.Sprintf("/callback/x%d", i), nil)
		}
		if n := strings.Count(d.log.String(), "unknown platform"); n > 200 {
			t.Errorf("%d lines", n)
		}
	})
}

// A sender that goes away takes its events along.
func TestSenderThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, accepted)
		d.adapter.wait = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://keeper/callback/hq", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.client.Do(q); err == nil {
			t.Error("answered")
		}
		time.Sleep(time.Second)
		if d.counter.of("not_fetched") != 2 {
			t.Errorf("counted %d", d.counter.of(""))
		}
	})
}
