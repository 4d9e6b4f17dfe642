package wire_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// socket is a server on a real socket that is told what to say when.
type socket struct {
	*testing.T
	client *wire.Client
	conns  chan net.Conn // as they are accepted, TLS done
}

// onSocket serves over TCP; with TLS of that version where it is not 0.
func onSocket(t *testing.T, version uint16) *socket {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	place := wire.Place{URL: &url.URL{Scheme: "http", Host: l.Addr().String()}}
	l = halving{l}
	if version != 0 {
		ca, err := sim.NewCA()
		if err != nil {
			t.Fatal(err)
		}
		conf, err := ca.TLS(sim.CertGood)
		if err != nil {
			t.Fatal(err)
		}
		conf.MaxVersion = version
		l = tls.NewListener(l, conf)
		place.URL.Scheme = "https"
		place.TLS = &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}
	}
	s := &socket{T: t, conns: make(chan net.Conn, 10)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if secure, ok := conn.(*tls.Conn); ok && secure.Handshake() != nil {
				_ = conn.Close()
				continue
			}
			s.conns <- conn
		}
	}()
	s.client = wire.NewTransport(place).Client(session.Account{})
	t.Cleanup(s.client.Close)
	return s
}

// begin sends the request and returns the server's side of the connection, the
// request read.
func (s *socket) begin(ctx context.Context) net.Conn {
	s.Helper()
	if !s.client.Begin(ctx, get()) {
		_, _, err := s.client.End(ctx)
		s.Fatal("not sent: ", err)
	}
	conn := <-s.conns
	s.Cleanup(func() { _ = conn.Close() })
	s.asked(conn)
	return conn
}

func (s *socket) asked(conn net.Conn) {
	s.Helper()
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		s.Fatal(err)
	}
}

// notYet fails the test unless the answer has not begun.
func (s *socket) notYet(ctx context.Context) {
	s.Helper()
	if a, over, err := s.client.End(ctx); over {
		s.Fatalf("over before the answer: %d %v", a.Status, err)
	}
}

// answer waits for the end as a waiting room does, asking now and then.
func (s *socket) answer(ctx context.Context) (wire.Answer, error) {
	for range 1000 {
		if a, over, err := s.client.End(ctx); over {
			return a, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("no end")
	return wire.Answer{}, nil
}

// halving accepts connections that can hold the second half of what is written
// back.
type halving struct{ net.Listener }

func (l halving) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &halved{Conn: conn}, err
}

type halved struct {
	net.Conn
	next chan struct{} // not nil: each write waits for it after its first half
}

func (c *halved) Write(p []byte) (int, error) {
	if c.next == nil {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:len(p)/2])
	if err == nil {
		<-c.next
		var m int
		m, err = c.Conn.Write(p[len(p)/2:])
		n += m
	}
	return n, err
}

// below returns what is below TLS, or conn itself.
func below(conn net.Conn) *halved {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*halved)
}

var versions = map[string]uint16{"plain": 0, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// A request in two parts is the same as one that blocks.
func TestBeginAndEnd(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			s := onSocket(t, version)
			conn := s.begin(t.Context())
			s.notYet(t.Context())
			s.notYet(t.Context())
			_, _ = io.WriteString(conn, ok)
			if a, err := s.answer(t.Context()); err != nil || string(a.Body) != "ok" {
				t.Errorf("%q, %v", a.Body, err)
			}
			for range 3 { // on the kept connection, and by Do
				if !s.client.Begin(t.Context(), get()) {
					t.Fatal("not sent")
				}
				s.asked(conn)
				s.notYet(t.Context())
				_, _ = io.WriteString(conn, ok)
				if a, err := s.answer(t.Context()); err != nil || string(a.Body) != "ok" {
					t.Errorf("%q, %v", a.Body, err)
				}
			}
		})
	}
}

// A record that came in part is waited for like one that did not come.
func TestEndWithPartOfARecord(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s := onSocket(t, version)
			conn := s.begin(t.Context())
			half := below(conn)
			half.next = make(chan struct{})
			go func() { _, _ = io.WriteString(conn, ok) }()
			for range 5 {
				time.Sleep(5 * time.Millisecond)
				s.notYet(t.Context())
			}
			close(half.next)
			if a, err := s.answer(t.Context()); err != nil || string(a.Body) != "ok" {
				t.Errorf("%q, %v", a.Body, err)
			}
		})
	}
}

// An answer that has begun is read to its end, by a call that blocks.
func TestEndReadsOn(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			s := onSocket(t, version)
			ctx, cancel := context.WithCancel(t.Context())
			conn := s.begin(ctx)
			_, _ = io.WriteString(conn, ok[:20])
			time.AfterFunc(30*time.Millisecond, cancel) // it has begun: that cuts nothing
			time.AfterFunc(60*time.Millisecond, func() { _, _ = io.WriteString(conn, ok[20:]) })
			for {
				a, over, err := s.client.End(ctx)
				if !over {
					continue
				}
				if err != nil || string(a.Body) != "ok" {
					t.Errorf("%q, %v", a.Body, err)
				}
				return
			}
		})
	}
}

// What ends a wait ends it as it ends Do.
func TestEndOfTheWait(t *testing.T) {
	for name, version := range versions {
		t.Run(name+", canceled", func(t *testing.T) {
			s := onSocket(t, version)
			ctx, cancel := context.WithCancel(t.Context())
			s.begin(ctx)
			s.notYet(ctx)
			cancel()
			if _, err := s.answer(ctx); failure(t, err).Reason != wire.Canceled || !failure(t, err).Sent {
				t.Error(err)
			}
		})
		t.Run(name+", in time", func(t *testing.T) {
			s := onSocket(t, version)
			r := get()
			r.Timeout = 50 * time.Millisecond
			if s.client.Begin(t.Context(), r); s.client.Wait().Until.IsZero() {
				t.Error("the wait has no end")
			}
			if _, err := s.answer(t.Context()); failure(t, err).Reason != wire.Timeout {
				t.Error(err)
			}
		})
		t.Run(name+", closed", func(t *testing.T) {
			s := onSocket(t, version)
			_ = below(s.begin(t.Context())).Close()
			if _, err := s.answer(t.Context()); failure(t, err).Reason != wire.Closed || !failure(t, err).Sent {
				t.Error(err)
			}
		})
		t.Run(name+", closed by us", func(t *testing.T) {
			s := onSocket(t, version)
			s.begin(t.Context())
			s.client.Close()
			if a, err := s.client.Do(t.Context(), wire.Request{Method: http.MethodGet, Path: "/", Timeout: 10 * time.Millisecond}); failure(t, err).Reason != wire.Timeout {
				t.Errorf("%d, %v", a.Status, err)
			}
		})
	}
}

// A kept connection that dies with the request begun on it is replaced once.
func TestBeginOnAStaleConnection(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			s := onSocket(t, version)
			conn := s.begin(t.Context())
			_, _ = io.WriteString(conn, ok)
			if _, err := s.answer(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.client.Begin(t.Context(), get())
			_ = below(conn).Close()
			done := make(chan error, 1)
			go func() {
				again := <-s.conns
				s.asked(again)
				_, err := io.WriteString(again, ok)
				done <- err
			}()
			if a, err := s.answer(t.Context()); err != nil || string(a.Body) != "ok" {
				t.Errorf("%q, %v", a.Body, err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// A request larger than what the socket takes waits for the server, until the end
// of its context.
func TestRequestThatWouldBlock(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			s := onSocket(t, version)
			r := put()
			r.Body, r.Fresh = []byte(strings.Repeat("x", 32<<20)), true
			go func() {
				conn := <-s.conns
				s.Cleanup(func() { _ = conn.Close() })
				_, _ = io.CopyN(io.Discard, conn, int64(len(r.Body)))
				_, _ = io.WriteString(conn, ok)
			}()
			if a, err := s.client.Do(t.Context(), r); err != nil || string(a.Body) != "ok" {
				t.Errorf("%q, %v", a.Body, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if _, err := s.client.Do(ctx, r); !errors.Is(err, context.Canceled) || failure(t, err).Sent {
				t.Errorf("nobody reads it: %v", err)
			}
		})
	}
}
