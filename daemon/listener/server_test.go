package listener_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/listener"
	"agentkeeper/test/sim"
)

type counter map[string]int

func (c counter) Refused(_, reason string) { c[reason]++ }

// serve serves h in memory, over TLS where a certificate is given.
func serve(t *testing.T, h http.Handler, certificate *tls.Certificate) *sim.PipeListener {
	t.Helper()
	s := listener.NewServer(h, listener.NewPlaces(listener.Limits{Total: func() int { return 512 }}, nil))
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	l, done := sim.Pipe(), make(chan struct{})
	go func() {
		defer close(done)
		if certificate == nil {
			_ = s.Serve(l)
			return
		}
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		_ = s.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() { _ = s.Close(); _ = l.Close(); <-done; time.Sleep(time.Second) })
	return l
}

func connect(t *testing.T, l *sim.PipeListener) net.Conn {
	t.Helper()
	c, err := l.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func ask(t *testing.T, c net.Conn, text string) int {
	t.Helper()
	go func() { _, _ = io.WriteString(c, text) }()
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func good(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") }

// The path and query are read up to the bound; one byte above is 414.
func TestTargetLimit(t *testing.T) {
	counted := counter{}
	h := listener.Handler(http.HandlerFunc(good), listener.NewRefusals("listen", counted, slog.New(slog.DiscardHandler)))
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, h, nil)
		for _, tt := range []struct{ length, status int }{{listener.TargetLimit, 200}, {listener.TargetLimit + 1, 414}, {60_000, 414}} {
			if got := ask(t, connect(t, l), "GET /"+strings.Repeat("x", tt.length-1)+" HTTP/1.1\r\nHost: a\r\n\r\n"); got != tt.status {
				t.Errorf("%d bytes: %d, want %d", tt.length, got, tt.status)
			}
		}
	})
	if counted["length"] != 2 {
		t.Errorf("counted %v", counted)
	}
}

// The header is read up to its bound, give or take what net/http allows beside.
func TestHeaderLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, http.HandlerFunc(good), nil)
		for _, tt := range []struct{ length, status int }{{listener.HeaderLimit - 100, 200}, {listener.HeaderLimit + 8<<10, 431}} {
			if got := ask(t, connect(t, l), "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", tt.length)+"\r\n\r\n"); got != tt.status {
				t.Errorf("%d bytes: %d, want %d", tt.length, got, tt.status)
			}
		}
	})
}

// What shows things takes no body, and does not read one at the client's pace;
// it answers to its own names.
func TestReadOnly(t *testing.T) {
	counted := counter{}
	hosts := listener.Hosts{Open: true}
	h := listener.ReadOnly(http.HandlerFunc(good), func() listener.Hosts { return hosts }, "listen_hosts", listener.NewRefusals("listen", counted, slog.New(slog.DiscardHandler)))
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, h, nil)
		for text, status := range map[string]int{
			"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                                                  200,
			"GET / HTTP/1.0\r\n\r\n":                                                                     200,
			"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n":                                               403,
			"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n":                            200,
			"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx":                           413,
			"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\nx":                      413,
			"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx":            413,
			"GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 30_000) + "\r\n\r\n":                        403,
			"GET / HTTP/1.1\r\nHost: keeper.example\r\nSec-Fetch-Site: same-origin\r\nAccept: x\r\n\r\n": 403,
		} {
			began := time.Now()
			c := connect(t, l)
			if got := ask(t, c, text); got != status {
				t.Errorf("%.80q: %d, want %d", text, got, status)
			}
			if _, err := io.Copy(io.Discard, c); status == 413 && (err != nil || time.Since(began) > 2*time.Second) {
				t.Errorf("%.80q: the connection ended after %v: %v", text, time.Since(began), err)
			}
		}
		hosts.Names = []string{"keeper.example"} // as a reload does
		if got := ask(t, connect(t, l), "GET / HTTP/1.1\r\nHost: keeper.example\r\n\r\n"); got != 200 {
			t.Errorf("a listed name: %d", got)
		}
	})
	if counted["host"] != 3 || counted["body"] != 3 {
		t.Errorf("counted %v", counted)
	}
}

// A client of TLS that says nothing, or nothing more after the handshake, and
// one of HTTP/2 that begins a header and stops, are cut off in bounded time.
func TestSilentOverTLS(t *testing.T) {
	certs, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := certs.Server(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		proto string // of a handshake; "": none
		begin string
		drip  string
		limit time.Duration
	}{
		{"no handshake", "", "", "", 6 * time.Second},
		{"half a handshake", "", "\x16\x03\x01", "", 6 * time.Second},
		{"HTTP/1 and nothing", "http/1.1", "", "", 6 * time.Second},
		{"HTTP/1 drips its header", "http/1.1", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 6 * time.Second},
		{"HTTP/2 without a preface", "h2", "", "", 11 * time.Second},
		{"HTTP/2 without settings", "h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", 11 * time.Second},
		// An empty SETTINGS frame, then HEADERS of 100 bytes of which one comes now and then.
		{"HTTP/2 drips its header", "h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x64\x01\x00\x00\x00\x00\x01", "\x82", 40 * time.Second},
		{"HTTP/2 and nothing", "h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", "", 40 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw := connect(t, serve(t, http.HandlerFunc(good), &certificate))
				c := raw
				if tt.proto != "" {
					secure := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{tt.proto}})
					if err := secure.Handshake(); err != nil {
						t.Fatal(err)
					}
					c = secure
				}
				began, gone := time.Now(), make(chan struct{})
				go func() { defer close(gone); _, _ = io.Copy(io.Discard, c) }()
				_, _ = io.WriteString(c, tt.begin)
				for open := true; open && time.Since(began) < 10*time.Minute; {
					select {
					case <-gone:
						open = false
					case <-time.After(2 * time.Second):
						_, _ = io.WriteString(c, tt.drip)
					}
				}
				if took := time.Since(began); took > tt.limit {
					t.Errorf("cut off after %v, want %v at most", took, tt.limit)
				}
			})
		})
	}
}

// What an answer refuses with is bounded, and stays JSON.
func TestFailLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			listener.Fail(w, 400, strings.Repeat("ж", 100_000))
		}), nil)
		c := connect(t, l)
		_, _ = fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || len(body) > listener.ErrorLimit+20 || !strings.HasSuffix(string(body), "…\"}\n") {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	})
}
