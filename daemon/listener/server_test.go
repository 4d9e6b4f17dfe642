package listener_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
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

// A connection waits for its next request up to the bound.
func TestIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, serve(t, http.HandlerFunc(good), nil))
		if got := ask(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got != 200 {
			t.Fatal(got)
		}
		time.Sleep(listener.IdleTimeout - time.Second)
		if got := ask(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got != 200 {
			t.Errorf("just before the bound: %d", got)
		}
		began := time.Now()
		if _, err := io.Copy(io.Discard, c); err != nil || time.Since(began) != listener.IdleTimeout {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
	})
}

// A request's body has the bound's time from the beginning of the request.
func TestSlowRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				w.WriteHeader(http.StatusRequestTimeout)
			}
		}), nil)
		for late, want := range map[time.Duration]int{-time.Second: 200, time.Second: 408} {
			c := connect(t, l)
			go func() {
				time.Sleep(listener.RequestTimeout + late)
				_, _ = io.WriteString(c, "x")
			}()
			if got := ask(t, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"); got != want {
				t.Errorf("a body that is there %v from the bound: %d, want %d", late, got, want)
			}
		}
	})
}

// A client that takes nothing of its answer is cut off.
func TestClientThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error)
		l := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w, piece := listener.Paced(w, time.Time{}), make([]byte, 1<<20)
			for {
				if _, err := w.Write(piece); err != nil {
					ended <- err
					return
				}
			}
		}), nil)
		began, c := time.Now(), connect(t, l)
		go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }()
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != listener.WriteTimeout {
			t.Errorf("ended after %v: %v", time.Since(began), err)
		}
	})
}

// One request more than a connection of HTTP/2 has at once is reset.
func TestStreams(t *testing.T) {
	certificate := serverCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		hold, begun := make(chan struct{}), 0
		l := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun++; <-hold }), &certificate)
		c := tls.Client(connect(t, l), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		const emptySettings, settingsSeen = "\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x00\x04\x01\x00\x00\x00\x00"
		reset := make(chan uint32, 1)
		go func() { reset <- firstReset(c) }()
		_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+emptySettings)
		synctest.Wait()
		_, _ = io.WriteString(c, settingsSeen)
		stream := func(n int) uint32 { return uint32(2*n + 1) } // a client's are odd
		for n := range listener.Streams {
			_, _ = c.Write(get(stream(n)))
			synctest.Wait()
		}
		if begun != listener.Streams {
			t.Errorf("%d requests are answered at once, want %d", begun, listener.Streams)
		}
		_, _ = c.Write(get(stream(listener.Streams)))
		if got := <-reset; got != stream(listener.Streams) || begun != listener.Streams {
			t.Errorf("stream %d was reset, %d requests are answered", got, begun)
		}
		close(hold)
	})
}

// get is a HEADERS frame that asks https://a/ on that stream.
func get(stream uint32) []byte {
	const fields = "\x82\x87\x84\x41\x01a" // GET, https, /, authority a: RFC 7541, appendix A
	frame := []byte{0, 0, byte(len(fields)), 1, 5}
	return append(binary.BigEndian.AppendUint32(frame, stream), fields...)
}

// firstReset reads frames and returns the stream of the first RST_STREAM, or 0
// where the connection ended before.
func firstReset(r io.Reader) uint32 {
	for {
		var head [9]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, r, length); err != nil {
			return 0
		}
		if head[3] == 3 {
			return binary.BigEndian.Uint32(head[5:])
		}
	}
}

func serverCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	certs, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := certs.Server(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// A client of TLS that says nothing, or nothing more after the handshake, and
// one of HTTP/2 that begins a header and stops, are cut off in bounded time.
func TestSilentOverTLS(t *testing.T) {
	certificate := serverCertificate(t)
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
