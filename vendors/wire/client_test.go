package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

// secret stands in every part of a request that no error may show.
const secret = "s3cr3t-Guid"

// script answers the n-th request of the m-th connection, both from 1. What it
// returns is written as it is; "" and true from hangUp end the connection.
type script func(connection, request int, r *http.Request) (raw string, hangUp bool)

// server speaks raw bytes, so that it can answer what no HTTP server would.
type server struct {
	*sim.PipeListener
	connections atomic.Int32
	requests    atomic.Int32
	done        chan struct{}
}

func serve(t *testing.T, answer script) *server {
	t.Helper()
	s := &server{PipeListener: sim.Pipe(), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			n := int(s.connections.Add(1))
			go s.talk(conn, n, answer)
		}
	}()
	t.Cleanup(func() { _ = s.Close(); <-s.done })
	return s
}

func (s *server) talk(conn net.Conn, n int, answer script) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for i := 1; ; i++ {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(readAll(r.Body)))
		s.requests.Add(1)
		raw, hangUp := answer(n, i, r)
		if _, err := io.WriteString(conn, raw); err != nil || hangUp {
			return
		}
	}
}

func readAll(r io.Reader) string {
	b, err := io.ReadAll(r)
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return string(b)
}

func (s *server) client(t *testing.T) *wire.Client {
	t.Helper()
	u := &url.URL{Scheme: "http", Host: "gw.example:8043"}
	c := wire.NewTransport(wire.Place{URL: u, DialContext: s.DialContext}).Client(session.Account{})
	t.Cleanup(c.Close)
	return c
}

func get() wire.Request {
	return wire.Request{Method: http.MethodGet, Path: "/poll?token=" + secret, Header: http.Header{"Guid": {secret}}, Timeout: 20 * time.Second}
}

func put() wire.Request {
	r := get()
	r.Method, r.Body = http.MethodPut, []byte(`{"password":"`+secret+`"}`)
	return r
}

// failure returns err as an *wire.Error and checks that it shows no secret.
func failure(t *testing.T, err error) *wire.Error {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T) is no *wire.Error", err, err)
	}
	for _, text := range []string{e.Error(), e.Text, e.Action, e.Fault(true).Error(), e.Fault(false).Error()} {
		if strings.Contains(text, secret) {
			t.Errorf("the error shows the secret: %s", text)
		}
	}
	return e
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// headed returns an answer whose status line and headers have that many bytes.
func headed(length int) string {
	const before, after = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: ", "\r\n\r\n"
	return before + strings.Repeat("a", length-len(before)-len(after)) + after + "ok"
}

func TestAnswers(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	tests := map[string]struct {
		raw    string
		hangUp bool
		want   string // body
		status int
		reason wire.Reason // where want is "" and status 0, or beside them
		fails  bool
		kept   bool // the connection serves the next request
	}{
		"length":             {raw: ok, want: "ok", status: 200, kept: true},
		"chunked":            {raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nT: 1\r\n\r\n", want: "ok", status: 200, kept: true},
		"no content":         {raw: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, kept: true},
		"empty":              {raw: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200, kept: true},
		"redirect":           {raw: "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", status: 302, kept: true},
		"interim":            {raw: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + ok, want: "ok", status: 200, kept: true},
		"interim for ever":   {raw: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50) + ok, fails: true, reason: wire.Malformed},
		"switching":          {raw: "HTTP/1.1 101 Switching Protocols\r\n\r\n", fails: true, reason: wire.Malformed},
		"close":              {raw: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", want: "ok", status: 200},
		"until the end":      {raw: "HTTP/1.1 200 OK\r\n\r\nok", hangUp: true, want: "ok", status: 200},
		"HTTP/1.0":           {raw: "HTTP/1.0 200 OK\r\n\r\nok", hangUp: true, want: "ok", status: 200},
		"HTTP/1.0 kept":      {raw: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", want: "ok", status: 200, kept: true},
		"more than asked":    {raw: ok + ok, want: "ok", status: 200},
		"cut in the body":    {raw: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", hangUp: true, status: 200, fails: true, reason: wire.Closed},
		"cut in a chunk":     {raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", hangUp: true, status: 200, fails: true, reason: wire.Closed},
		"cut in the headers": {raw: "HTTP/1.1 200 OK\r\nContent-Le", hangUp: true, fails: true, reason: wire.Closed},
		"nothing":            {hangUp: true, fails: true, reason: wire.Closed},
		"silence":            {fails: true, reason: wire.Timeout},
		"silence in between": {raw: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", status: 200, fails: true, reason: wire.Timeout},
		"bad chunk":          {raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n", status: 200, fails: true, reason: wire.Malformed},
		"not HTTP":           {raw: "SSH-2.0-" + secret + "\r\n", fails: true, reason: wire.Malformed},
		"bad header":         {raw: "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n", fails: true, reason: wire.Malformed},
		"largest headers":    {raw: headed(wire.HeaderLimit), want: "ok", status: 200, kept: true},
		"headers too large":  {raw: headed(wire.HeaderLimit + 1), fails: true, reason: wire.TooLarge},
		"endless headers":    {raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 100), fails: true, reason: wire.TooLarge},
		"largest body":       {raw: "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + big, want: big, status: 200, kept: true},
		"body too large":     {raw: "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", status: 200, fails: true, reason: wire.TooLarge},
		"endless body":       {raw: "HTTP/1.1 200 OK\r\n\r\n" + big + "x", hangUp: true, status: 200, fails: true, reason: wire.TooLarge},
		"endless chunks":     {raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" + big + "x\r\n", status: 200, fails: true, reason: wire.TooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(_, n int, _ *http.Request) (string, bool) {
					if n > 1 {
						return ok, false
					}
					return tt.raw, tt.hangUp
				})
				c := s.client(t)
				a, err := c.Do(t.Context(), put())
				if a.Status != tt.status || (err == nil && string(a.Body) != tt.want) {
					t.Errorf("got status %d and %d bytes, want %d and %d", a.Status, len(a.Body), tt.status, len(tt.want))
				}
				if (err != nil) != tt.fails {
					t.Fatalf("error %v", err)
				}
				if err != nil {
					e := failure(t, err)
					if e.Reason != tt.reason || !e.Sent || e.Fault(true).Kind != session.Doubt || e.Fault(false).Kind != session.Outage {
						t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
					}
					return
				}
				if _, err := c.Do(t.Context(), put()); err != nil && tt.kept {
					t.Fatal(err)
				}
				if kept := s.connections.Load() == 1; kept != tt.kept {
					t.Errorf("connection kept: %v, want %v", kept, tt.kept)
				}
			})
		})
	}
}

func TestRequestOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type seen struct {
			Method, URI, Host, Body string
			Header                  http.Header
		}
		var got []seen
		s := serve(t, func(_, _ int, r *http.Request) (string, bool) {
			got = append(got, seen{r.Method, r.RequestURI, r.Host, readAll(r.Body), r.Header})
			return ok, false
		})
		c := s.client(t)
		for _, r := range []wire.Request{
			{Method: "GET", Path: "/a?b=c", Header: http.Header{"X": {"evil\r\nInjected: yes"}}},
			{Method: "PUT", Path: "/a", Body: []byte("hello")},
			{Method: "POST", Path: "/a"},
			{Method: "DELETE", Path: "/a"},
		} {
			if _, err := c.Do(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		agent := http.Header{"User-Agent": {"agentkeeper"}, "Accept-Encoding": {"identity"}}
		with := func(name, value string) http.Header {
			h := agent.Clone()
			h.Set(name, value)
			return h
		}
		want := []seen{
			{"GET", "/a?b=c", "gw.example:8043", "", with("X", "evil  Injected: yes")},
			{"PUT", "/a", "gw.example:8043", "hello", with("Content-Length", "5")},
			{"POST", "/a", "gw.example:8043", "", with("Content-Length", "0")},
			{"DELETE", "/a", "gw.example:8043", "", agent},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestInvalidRequestIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(int, int, *http.Request) (string, bool) { return ok, false })
		c := s.client(t)
		for _, r := range []wire.Request{
			{Method: "GET", Path: "/a HTTP/1.1\r\nHost: other"},
			{Method: "GET /x", Path: "/a"},
			{Method: "GET", Path: "a"},
			{Method: "GET"},
			{Path: "/a"},
		} {
			_, err := c.Do(t.Context(), r)
			if e := failure(t, err); e.Reason != wire.Invalid || e.Sent {
				t.Errorf("%q: %v, sent %v", r.Path, e, e.Sent)
			}
		}
		if n := s.connections.Load(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

// A connection that died between two requests costs a GET nothing, and is never
// an excuse to send anything else, or an old poll, twice.
func TestReusedConnection(t *testing.T) {
	tests := map[string]struct {
		request wire.Request
		after   time.Duration // from the second request to the end of its connection
		fresh   bool
		fails   bool
		sent    int32
	}{
		"dead before a poll":       {request: get(), sent: 3},
		"dead before an operation": {request: put(), fails: true, sent: 2},
		"dies during a poll":       {request: get(), after: 5 * time.Second, fails: true, sent: 2},
		"fresh":                    {request: put(), fresh: true, sent: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(connection, n int, _ *http.Request) (string, bool) {
					if connection == 1 && n == 2 {
						time.Sleep(tt.after)
						return "", true
					}
					return ok, false
				})
				c := s.client(t)
				if _, err := c.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				tt.request.Fresh = tt.fresh
				_, err := c.Do(t.Context(), tt.request)
				if (err != nil) != tt.fails {
					t.Errorf("error %v", err)
				}
				if err != nil {
					if e := failure(t, err); e.Reason != wire.Closed || !e.Sent {
						t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
					}
				}
				if n := s.requests.Load(); n != tt.sent {
					t.Errorf("%d requests reached the server, want %d", n, tt.sent)
				}
				if _, err := c.Do(t.Context(), get()); err != nil {
					t.Errorf("the client is not usable afterwards: %v", err)
				}
			})
		})
	}
}

func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(int, int, *http.Request) (string, bool) { return ok, false })
		s.Refuse(true)
		_, err := s.client(t).Do(t.Context(), put())
		if e := failure(t, err); e.Reason != wire.Refused || e.Sent || e.Fault(true).Kind != session.Outage {
			t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
		}
	})
	dns := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "gw", IsTimeout: true}}
	}
	c := wire.NewTransport(wire.Place{URL: &url.URL{Scheme: "https", Host: "gw"}, DialContext: dns}).Client(session.Account{})
	_, err := c.Do(t.Context(), put())
	if e := failure(t, err); e.Reason != wire.Unresolved || e.Sent {
		t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
	}
}

func TestDialAddress(t *testing.T) {
	for text, want := range map[string]string{
		"http://gw": "gw:80", "https://gw": "gw:443", "https://gw:8043": "gw:8043",
		"https://[::1]:8043": "[::1]:8043", "wss://10.0.0.1": "10.0.0.1:443",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		dial := func(_ context.Context, network, address string) (net.Conn, error) {
			got = network + " " + address
			return nil, io.EOF
		}
		_, err = wire.NewTransport(wire.Place{URL: u, DialContext: dial}).Client(session.Account{}).Do(t.Context(), get())
		if err == nil || got != "tcp "+want {
			t.Errorf("%s: dialled %q, want %q", text, got, want)
		}
	}
}

func TestExplainKnowsEveryReason(t *testing.T) {
	for r := wire.Failed; r <= wire.NoAddress; r++ {
		if text, action, ok := wire.Explain(r.String()); !ok || text == "" || (action == "" && r != wire.Canceled) {
			t.Errorf("%v: %q, %q, %v", r, text, action, ok)
		}
	}
	if _, _, ok := wire.Explain("nonsense"); ok {
		t.Error("explained nonsense")
	}
}

func TestDate(t *testing.T) {
	a := wire.Answer{Header: http.Header{"Date": {"Sat, 01 Jan 2000 00:01:00 GMT"}}}
	if got := a.Date(); !got.Equal(time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC)) {
		t.Error(got)
	}
	if got := (wire.Answer{}).Date(); !got.IsZero() {
		t.Error(got)
	}
}

func TestFault(t *testing.T) {
	for _, tt := range []struct {
		err       error
		operation bool
		want      session.Kind
	}{
		{&wire.Error{Sent: true}, true, session.Doubt},
		{&wire.Error{Sent: true}, false, session.Outage},
		{&wire.Error{}, true, session.Outage},
		{fmt.Errorf("wrapped: %w", &wire.Error{Sent: true}), true, session.Doubt},
		{errors.New("strange"), true, session.Outage},
	} {
		if f := wire.Fault(tt.err, tt.operation); f.Kind != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, f.Kind, tt.want)
		}
	}
}
