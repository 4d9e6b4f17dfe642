package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(_, _ int, r *http.Request) (string, bool) {
			time.Sleep(10 * time.Second)
			return ok, false
		})
		c := s.client(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begin := time.Now()
		_, err := c.Do(ctx, get())
		if e := failure(t, err); e.Reason != wire.Canceled || !e.Sent || !errors.Is(err, context.Canceled) {
			t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		_, err = c.Do(ctx, get())
		if e := failure(t, err); e.Reason != wire.Canceled || e.Sent {
			t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
		}
		if a, err := c.Do(t.Context(), get()); err != nil || a.Status != 200 {
			t.Errorf("the client is not usable afterwards: %v", err)
		}
		time.Sleep(time.Minute) // the server's end of the first poll
	})
}

// An answer that has begun is read to its end, so that its event is not lost.
func TestCancelDoesNotCutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sim.Pipe()
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				return
			}
			for _, part := range []string{"HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n\r\n", "event"} {
				time.Sleep(2 * time.Second)
				_, _ = io.WriteString(conn, part)
			}
		}()
		c := (&server{PipeListener: l}).client(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		a, err := c.Do(ctx, get())
		if err != nil || string(a.Body) != "event" {
			t.Errorf("got %q, %v", a.Body, err)
		}
	})
}

func TestTimeLimits(t *testing.T) {
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	tests := map[string]struct {
		dial    bool // hangs
		timeout time.Duration
		ctx     time.Duration
		want    time.Duration
	}{
		"request's":        {timeout: 7 * time.Second, want: 7 * time.Second},
		"default":          {want: 30 * time.Second},
		"context's":        {timeout: 7 * time.Second, ctx: 5 * time.Second, want: 5 * time.Second},
		"dial":             {dial: true, timeout: 20 * time.Second, want: 10 * time.Second},
		"dial, request's":  {dial: true, timeout: 7 * time.Second, want: 7 * time.Second},
		"dial, context's":  {dial: true, ctx: 2 * time.Second, want: 2 * time.Second},
		"begun, then slow": {timeout: 7 * time.Second, want: 7 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(int, int, *http.Request) (string, bool) { return "", false })
				c := s.client(t)
				if tt.dial {
					c = wire.NewTransport(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: hang}).Client(session.Account{})
				}
				ctx := t.Context()
				if tt.ctx > 0 {
					limited, cancel := context.WithTimeout(ctx, tt.ctx)
					defer cancel()
					ctx = limited
				}
				r := get()
				r.Timeout = tt.timeout
				begin := time.Now()
				_, err := c.Do(ctx, r)
				if e := failure(t, err); e.Reason != wire.Timeout || e.Sent == tt.dial {
					t.Errorf("%v: reason %v, sent %v", e, e.Reason, e.Sent)
				}
				if took := time.Since(begin); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// one is a connection whose peer says something and hangs up.
type one struct {
	net.Conn
	r io.Reader
}

func (c one) Read(p []byte) (int, error)      { return c.r.Read(p) }
func (c one) Write(p []byte) (int, error)     { return len(p), nil }
func (c one) Close() error                    { return nil }
func (c one) SetDeadline(time.Time) error     { return nil }
func (c one) SetReadDeadline(time.Time) error { return nil }

func FuzzAnswer(f *testing.F) {
	for _, raw := range []string{
		"", ok, "HTTP/1.0 200 OK\r\n\r\nx", "HTTP/1.1 100 Continue\r\n\r\n" + ok,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 999 \r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46",
	} {
		f.Add([]byte(raw))
	}
	const limit = 1000
	f.Fuzz(func(t *testing.T, raw []byte) {
		dial := func(context.Context, string, string) (net.Conn, error) { return one{r: bytes.NewReader(raw)}, nil }
		c := wire.NewTransport(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: dial}).Client(session.Account{})
		r := get()
		r.Limit = limit
		a, err := c.Do(context.Background(), r)
		if len(a.Body) > limit {
			t.Errorf("a body of %d bytes", len(a.Body))
		}
		if err == nil && a.Status < 200 {
			t.Errorf("status %d passes for an answer", a.Status)
		}
		if err != nil {
			failure(t, err)
		}
	})
}
