package wire_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// pieces answers every request with the pieces, each after its pause.
type piece struct {
	after time.Duration
	text  string
}

func inPieces(t *testing.T, pieces ...piece) *wire.Client {
	t.Helper()
	l := sim.Pipe()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 4096)); err != nil {
					return
				}
				for _, p := range pieces {
					time.Sleep(p.after)
					_, _ = io.WriteString(conn, p.text)
				}
				_, _ = conn.Read(make([]byte, 1)) // until the client hangs up
			}()
		}
	}()
	return (&server{PipeListener: l}).client(t)
}

const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

// Status and headers may come long before the body: the request's own time-out
// rules, and beyond it only an answer that moves.
func TestBodyLongAfterHeaders(t *testing.T) {
	const timeout = 20 * time.Second
	for name, tt := range map[string]struct {
		pieces []piece
		cancel time.Duration // of the context; 0: never
		took   time.Duration
		reason wire.Reason // where it fails
		fails  bool
	}{
		"headers at once":            {pieces: []piece{{0, head}, {19 * time.Second, "event"}}, took: 19 * time.Second},
		"in two pieces":              {pieces: []piece{{0, head}, {12 * time.Second, "ev"}, {7 * time.Second, "ent"}}, took: 19 * time.Second},
		"begun late":                 {pieces: []piece{{15 * time.Second, head}, {14 * time.Second, "event"}}, took: 29 * time.Second},
		"begun, then silence":        {pieces: []piece{{0, head}}, took: timeout, fails: true, reason: wire.Timeout},
		"begun late, then silence":   {pieces: []piece{{15 * time.Second, head}}, took: 30 * time.Second, fails: true, reason: wire.Timeout},
		"drop by drop":               {pieces: []piece{{10 * time.Second, head}, {10 * time.Second, "e"}, {10 * time.Second, "v"}, {10 * time.Second, "e"}}, took: timeout + 15*time.Second, fails: true, reason: wire.Timeout},
		"given up before the body":   {pieces: []piece{{0, head}, {19 * time.Second, "event"}}, cancel: 16 * time.Second, took: 16 * time.Second, fails: true, reason: wire.Canceled},
		"given up, but it moves":     {pieces: []piece{{0, head}, {9 * time.Second, "event"}}, cancel: 3 * time.Second, took: 9 * time.Second},
		"given up, and it is silent": {pieces: []piece{{2 * time.Second, head}}, cancel: 3 * time.Second, took: 17 * time.Second, fails: true, reason: wire.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := inPieces(t, tt.pieces...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				begin := time.Now()
				a, err := c.Do(ctx, get())
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if !tt.fails && (err != nil || string(a.Body) != "event") {
					t.Errorf("%q, %v", a.Body, err)
				}
				if tt.fails {
					if e := failure(t, err); e.Reason != tt.reason || !e.Began || !e.Sent || a.Status != 200 {
						t.Errorf("%v: reason %v, began %v, sent %v, status %d", e, e.Reason, e.Began, e.Sent, a.Status)
					}
				}
				c.Close()
				time.Sleep(time.Minute)
			})
		})
	}
}

// Whether an answer had begun decides whether something of it is lost.
func TestBegan(t *testing.T) {
	for raw, want := range map[string]bool{"": false, "H": true, "HTTP/1.1 200 OK\r\n": true, head + "ev": true} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, func(int, int, *http.Request) (string, bool) { return raw, true })
			_, err := s.client(t).Do(t.Context(), put())
			if e := failure(t, err); e.Began != want {
				t.Errorf("%q: began %v", raw, e.Began)
			}
		})
	}
}

// A connection behind which something is ill is not used again.
func TestConnectionsThatAreLeft(t *testing.T) {
	for name, tt := range map[string]struct {
		raw   string
		fault *session.Fault // the adapter's verdict
		left  bool
	}{
		"well":                  {raw: ok},
		"500":                   {raw: "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", left: true},
		"503":                   {raw: "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", left: true},
		"404":                   {raw: "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"},
		"a code of trouble":     {raw: ok, fault: &session.Fault{Kind: session.Outage}, left: true},
		"a doubt":               {raw: ok, fault: &session.Fault{Kind: session.Doubt}, left: true},
		"a refusal":             {raw: ok, fault: &session.Fault{Kind: session.Refused}},
		"an empty line behind":  {raw: ok + "\r\n", left: true},
		"an answer behind":      {raw: ok + "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", left: true},
		"a chunk's end behind":  {raw: ok + "0\r\n\r\n", left: true},
		"an end, and no answer": {raw: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", left: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(connection, _ int, _ *http.Request) (string, bool) {
					if connection > 1 {
						return ok, false
					}
					return tt.raw, false
				})
				c := s.client(t)
				if _, err := c.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				c.Heed(tt.fault)
				if a, err := c.Do(t.Context(), put()); err != nil || (tt.left && a.Status != 200) {
					t.Errorf("status %d, %v", a.Status, err)
				}
				if left := s.connections.Load() == 2; left != tt.left {
					t.Errorf("left %v, want %v", left, tt.left)
				}
			})
		})
	}
}

// What a server says unasked a moment too late to be seen before the next request.
func TestStrayBytesBeforeAnAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		stray string
		fails bool
	}{
		"an empty line":            {stray: "\r\n"},
		"the end of a chunked one": {stray: "0\r\n\r\n"},
		"a balancer's farewell":    {stray: "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		"a page":                   {stray: strings.Repeat("<p>", 40), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(connection, n int, _ *http.Request) (string, bool) {
					if connection == 1 && n == 2 {
						return tt.stray + ok, false
					}
					return ok, false
				})
				c := s.client(t)
				for range 2 {
					if a, err := c.Do(t.Context(), get()); (err == nil && a.Status != 200) || (err != nil && !tt.fails) {
						t.Errorf("status %d, %v", a.Status, err)
					}
				}
			})
		})
	}
}

// On a socket, under TLS too: bytes behind an answer, the end of the connection,
// and silence, which a session ticket does not break.
func TestEarOnSockets(t *testing.T) {
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	secure, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		version uint16 // 0: no TLS
		behind  string
		hangUp  bool
		want    int32 // connections for three requests
	}{
		"silence":               {want: 1},
		"bytes":                 {behind: "\r\n", want: 3},
		"end":                   {hangUp: true, want: 3},
		"silence under TLS 1.3": {version: tls.VersionTLS13, want: 1},
		"silence under TLS 1.2": {version: tls.VersionTLS12, want: 1},
		"bytes under TLS":       {version: tls.VersionTLS13, behind: "\r\n", want: 3},
		"end under TLS":         {version: tls.VersionTLS12, hangUp: true, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			place := wire.Place{URL: &url.URL{Scheme: "http", Host: l.Addr().String()}}
			if tt.version != 0 {
				conf := secure.Clone()
				conf.MinVersion, conf.MaxVersion = tt.version, tt.version
				l = tls.NewListener(l, conf)
				place.URL.Scheme, place.TLS = "https", &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}
			}
			connections, said := make(chan struct{}, 10), make(chan struct{}, 10)
			go speak(l, tt.behind, tt.hangUp, connections, said)
			c := wire.NewTransport(place).Client(session.Account{})
			defer c.Close()
			for range 3 {
				if a, err := c.Do(t.Context(), put()); err != nil || string(a.Body) != "ok" {
					t.Fatalf("%q, %v", a.Body, err)
				}
				<-said
			}
			if n := len(connections); n != int(tt.want) {
				t.Errorf("%d connections, want %d", n, tt.want)
			}
		})
	}
}

// speak answers requests, each of less than a buffer, and tells when it has said
// all that belongs to one.
func speak(l net.Listener, behind string, hangUp bool, connections, said chan<- struct{}) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		connections <- struct{}{}
		go func() {
			defer conn.Close()
			buffer := make([]byte, 4096)
			for {
				if _, err := conn.Read(buffer); err != nil {
					return
				}
				_, _ = io.WriteString(conn, ok)
				if behind != "" {
					_, _ = io.WriteString(conn, behind)
				}
				if hangUp {
					_ = conn.Close()
				}
				said <- struct{}{}
				if hangUp {
					return
				}
			}
		}()
	}
}

func TestRedirect(t *testing.T) {
	for location, want := range map[string]string{
		"https://user:" + secret + "@sso.example:8443/x?t=" + secret: "the address redirects to https://sso.example:8443",
		"//other.example/x":  "the address redirects to the host other.example",
		"/login?" + secret:   "the address redirects to another path of the same host",
		"":                   "the address redirects elsewhere",
		"https://[" + secret: "the address redirects elsewhere",
	} {
		a := wire.Answer{Status: 302, Header: http.Header{"Location": {location}}}
		if got := a.Redirect(); got != want {
			t.Errorf("%q: %q, want %q", location, got, want)
		}
		if a.Status = 200; a.Redirect() != "" {
			t.Errorf("200 redirects")
		}
	}
}

// A request that finds no place to connect waits for one as a session.Wait, and is
// sent once it has one; its own time begins then. Given up, it leaves the places as
// they were.
func TestBegunWithoutAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHesitant(t, 1, 0)
		leave, err := h.place.Dials.Enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		transport := wire.NewTransport(h.place)
		first, second := transport.Client(session.Account{}), transport.Client(session.Account{})
		defer second.Close()
		for _, c := range []*wire.Client{first, second} {
			if !c.Begin(t.Context(), get()) {
				t.Fatal("not begun")
			}
			if w := c.Wait(); w.Signal == nil || w.Source != nil {
				t.Fatalf("waits for %+v", w)
			}
		}
		time.Sleep(time.Hour) // for longer than a request may take
		if _, over, err := second.End(t.Context()); over {
			t.Fatalf("over without a place: %v", err)
		}
		first.Close() // it was the first of those that wait
		leave()
		for {
			a, over, err := second.End(t.Context())
			if over {
				if err != nil || a.Status != http.StatusOK {
					t.Errorf("answered %d, %v", a.Status, err)
				}
				break
			}
			second.Wait().Block(t.Context())
		}
		if leave, err = h.place.Dials.Enter(t.Context(), false); err != nil {
			t.Fatal("the place is lost")
		}
		leave()
	})
}

// The end of the context ends the wait for a place; nothing was sent.
func TestBegunWithoutAPlaceIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHesitant(t, 1, 0)
		leave, err := h.place.Dials.Enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		c := wire.NewTransport(h.place).Client(session.Account{})
		ctx, cancel := context.WithCancel(t.Context())
		if !c.Begin(ctx, get()) {
			t.Fatal("not begun")
		}
		cancel()
		_, over, err := c.End(ctx)
		if e := failure(t, err); !over || e.Reason != wire.Canceled || e.Sent {
			t.Errorf("over %v, %v", over, err)
		}
		leave()
		if _, err := c.Do(t.Context(), get()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		c.Close()
	})
}
