package sim

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask sends one control request straight to h.
func ask(h http.Handler, method, path, body string) (status int, answer string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func newControl() Control {
	return Control{Faults: &Faults{}, Ops: &Ops{}, Line: Pipe(), State: func() any { return map[string]string{"291": "in"} }}
}

func TestControlFaults(t *testing.T) {
	c := newControl()
	h := ControlMux(c)
	if status, answer := ask(h, "POST", "/_sim/faults", `{"op":"poll","mode":"status","status":502,"for":"1m"}`); status != 200 || answer != `{"id":1}` {
		t.Fatalf("%d %s", status, answer)
	}
	_, list := ask(h, "GET", "/_sim/faults", "")
	var got []Fault
	if err := json.Unmarshal([]byte(list), &got); err != nil || len(got) != 1 || got[0].Status != 502 {
		t.Errorf("list %s, %v", list, err)
	}
	for body, want := range map[string]string{
		`{"mode":"boom"}`:             "mode \\\"boom\\\" is unknown",
		`{"mode":"hang","ops":"x"}`:   "unknown field",
		`{"mode":"hang","for":"1"}`:   "is no duration",
		`{"mode":"hang","for":"-1s"}`: "is no duration",
		`nonsense`:                    "invalid character",
		``:                            "mode",
	} {
		if status, answer := ask(h, "POST", "/_sim/faults", body); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want 400 with %q", body, status, answer, want)
		}
	}
	if status, _ := ask(h, "DELETE", "/_sim/faults/first", ""); status != 400 {
		t.Errorf("delete of no id: %d", status)
	}
	ask(h, "DELETE", "/_sim/faults/1", "")
	if n := len(c.Faults.List()); n != 0 {
		t.Errorf("%d faults after DELETE", n)
	}
}

func TestControlStateAndReset(t *testing.T) {
	c := newControl()
	reset := false
	c.Reset = func() { reset = true }
	h := ControlMux(c)
	c.Ops.Begin("291", OpSignIn)()
	c.Ops.Violation("291", "twice")
	_, answer := ask(h, "GET", "/_sim/state", "")
	var s State
	if err := json.Unmarshal([]byte(answer), &s); err != nil {
		t.Fatal(err)
	}
	if s.Counts["291"].SignIns != 1 || len(s.Violations) != 1 || s.Total.Violations != 1 || s.Agents == nil {
		t.Errorf("state %s", answer)
	}
	if _, v := ask(h, "GET", "/_sim/violations", ""); !strings.Contains(v, "twice") {
		t.Errorf("violations %s", v)
	}
	ask(h, "POST", "/_sim/reset", "")
	if !reset || c.Ops.Total() != (Count{}) {
		t.Errorf("after reset: %v %+v", reset, c.Ops.Total())
	}
}

func TestControlOutageRefusesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Pipe()
		c := Control{Faults: &Faults{}, Ops: &Ops{}, Line: l}
		s := Serve(l, ControlMux(c), nil)
		defer func() { _ = s.Close() }()
		idle, err := l.DialContext(t.Context(), "tcp", "x")
		if err != nil {
			t.Fatal(err)
		}
		client := bubbleClient(t, l, nil)
		r, err := client.Post(s.URL()+"/_sim/outage", "application/json", strings.NewReader(`{"for":"30s"}`))
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("the order itself got no answer: %v", err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("an open connection: %v, want a reset", err)
		}
		if _, err := client.Get(s.URL() + "/_sim/state"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a new connection: %v, want refused", err)
		}
		time.Sleep(30 * time.Second)
		r, err = client.Get(s.URL() + "/_sim/state")
		if err != nil {
			t.Fatalf("after the outage: %v", err)
		}
		_ = r.Body.Close()
	})
}

func TestControlOutageModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl()
		h := ControlMux(c)
		keep := c.Faults.Add(Fault{Mode: ModeHTML, Agent: "9"})
		for _, mode := range []string{ModeHang, ModeReset, ModeStatus} {
			if status, answer := ask(h, "POST", "/_sim/outage", `{"mode":"`+mode+`","for":"1h"}`); status != 200 {
				t.Errorf("%s: %d %s", mode, status, answer)
			}
			if f, ok := c.Faults.Take(t.Context(), OpSignIn, "291"); !ok || f.Mode != mode {
				t.Errorf("%s: requests meet %q", mode, f.Mode)
			}
			ask(h, "DELETE", "/_sim/outage", "")
		}
		if status, _ := ask(h, "POST", "/_sim/outage", `{"mode":"html"}`); status != 400 {
			t.Errorf("html as outage: %d", status)
		}
		if l := c.Faults.List(); len(l) != 1 || l[0].ID != keep {
			t.Errorf("the end of the outage left %+v", l)
		}
		c.Line = nil
		if err := c.Outage(ModeRefuse, time.Second); err == nil {
			t.Error("refuse without a listener was accepted")
		}
	})
}

func TestListenRefusesAtTheSameAddress(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Answer(w, "hello") }), nil)
	transport := &http.Transport{}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	get := func() error {
		r, err := client.Get(s.URL())
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r.Body)
		return errors.Join(err, r.Body.Close())
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	l.Refuse(true)
	l.DropAll()
	if err := get(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while refusing: %v", err)
	}
	l.Refuse(false)
	back := make(chan error, 1)
	go func() { // the listener comes back as soon as its goroutine runs
		err := get()
		for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
			err = get()
		}
		back <- err
	}()
	if err := <-back; err != nil {
		t.Errorf("afterwards: %v", err)
	}
	transport.CloseIdleConnections()
	l.Refuse(true)
	if err := s.Close(); err != nil {
		t.Errorf("Close while refusing: %v", err)
	}
}

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	ca, err := OpenCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ca.PEM(), again.PEM()); d != "" {
		t.Error("a second start got another authority")
	}
	if err := again.Write(dir); err != nil {
		t.Fatal(err)
	}
	for kind, verifies := range map[CertKind]bool{CertGood: true, CertExpired: false, CertWrongName: false, CertSelfSigned: false} {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, string(kind)+".pem"), filepath.Join(dir, string(kind)+"-key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"127.0.0.1", "localhost"} {
			_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: host})
			if (err == nil) != verifies {
				t.Errorf("%s for %s: %v, want good: %v", kind, host, err, verifies)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v, %v", info.Mode(), err)
	}
	if _, err := ca.Server("rusty"); err == nil {
		t.Error("an unknown kind of certificate was made")
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(dir); err == nil || !strings.Contains(err.Error(), "remove") {
		t.Errorf("a broken authority: %v", err)
	}
}
