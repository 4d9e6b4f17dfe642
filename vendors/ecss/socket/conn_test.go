package socket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
	"agentkeeper/vendors/ecss/socket"
)

const limit = 1 << 16

// connect serves one websocket with an implementation that is not ours and
// dials it.
func connect(t *testing.T, serve func(*websocket.Conn)) *socket.Conn {
	t.Helper()
	line := sim.Pipe()
	server := sim.Serve(line, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		c.SetReadLimit(4 * limit)
		serve(c)
		_ = c.CloseNow()
	}), nil)
	conn, err := socket.Dial(t.Context(), socket.Target{
		URL: &url.URL{Scheme: "ws", Host: "proxy:8091", Path: "/"}, DialContext: line.DialContext, Limit: limit,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.CloseNow(), server.Close() })
	return conn
}

func echo(c *websocket.Conn) {
	for {
		kind, data, err := c.Read(context.Background())
		if err != nil || c.Write(context.Background(), kind, data) != nil {
			return
		}
	}
}

func soon() time.Time { return time.Now().Add(time.Minute) }

func TestEveryLengthSurvivesTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connect(t, echo)
		for _, n := range []int{0, 1, 125, 126, 127, 1023, 1024, 65534, 65535, limit} {
			want := bytes.Repeat([]byte{'a' + byte(n%26)}, n)
			if err := conn.Write(want, soon()); err != nil {
				t.Fatal(err)
			}
			got, err := conn.Read(t.Context(), soon())
			if err != nil || got.Kind != socket.Text || !bytes.Equal(got.Data, want) {
				t.Fatalf("%d bytes came back as %d of kind %d, error %v", n, len(got.Data), got.Kind, err)
			}
		}
	})
}

func TestFragmentsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connect(t, func(c *websocket.Conn) {
			w, _ := c.Writer(context.Background(), websocket.MessageBinary)
			for range 3 {
				_, _ = w.Write([]byte("part "))
			}
			_ = w.Close()
			echo(c)
		})
		got, err := conn.Read(t.Context(), soon())
		if err != nil || got.Kind != socket.Binary || string(got.Data) != "part part part " {
			t.Fatalf("got %q (%d), %v", got.Data, got.Kind, err)
		}
	})
}

func TestPingsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ponged := make(chan error, 1)
		conn := connect(t, func(c *websocket.Conn) {
			c.CloseRead(context.Background())
			ponged <- c.Ping(context.Background())
			<-time.After(time.Hour)
		})
		if err := conn.Ping(soon()); err != nil {
			t.Fatal(err)
		}
		got, err := conn.Read(t.Context(), soon())
		if err != nil || got.Kind != socket.Pong {
			t.Fatalf("got %+v, %v, want a pong", got, err)
		}
		if _, err := conn.Read(t.Context(), time.Now().Add(time.Second)); !errors.Is(err, socket.ErrIdle) {
			t.Fatalf("got %v, want ErrIdle", err)
		}
		if err := <-ponged; err != nil {
			t.Errorf("the server's ping was not answered: %v", err)
		}
	})
}

func TestAnInterruptedReadLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connect(t, func(c *websocket.Conn) {
			time.Sleep(time.Minute)
			_ = c.Write(context.Background(), websocket.MessageText, []byte("late"))
			echo(c)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := conn.Read(ctx, time.Time{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the context's error", err)
		}
		if _, err := conn.Read(t.Context(), time.Now().Add(time.Second)); !errors.Is(err, socket.ErrIdle) {
			t.Fatalf("got %v, want ErrIdle", err)
		}
		begin := time.Now()
		got, err := conn.Read(t.Context(), time.Time{})
		if err != nil || string(got.Data) != "late" || time.Since(begin) != 58*time.Second {
			t.Fatalf("got %q, %v after %s", got.Data, err, time.Since(begin))
		}
	})
}

func TestWhatEndsAConnection(t *testing.T) {
	frames := map[string]struct {
		send []byte
		want func(error) bool
	}{
		"too big":            {[]byte("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x01"), func(err error) bool { return errors.Is(err, socket.ErrTooBig) }},
		"huge":               {[]byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), func(err error) bool { return errors.Is(err, socket.ErrTooBig) }},
		"compressed":         {[]byte("\xc1\x01a"), socket.Malformed},
		"masked":             {[]byte("\x81\x81abcda"), socket.Malformed},
		"opcode":             {[]byte("\x83\x00"), socket.Malformed},
		"long ping":          {[]byte("\x89\x7e\x00\x80"), socket.Malformed},
		"ping in fragments":  {[]byte("\x09\x00"), socket.Malformed},
		"lone continuation":  {[]byte("\x80\x00"), socket.Malformed},
		"text in fragments":  {[]byte("\x01\x01a\x81\x01b"), socket.Malformed},
		"fragments too big":  {append([]byte("\x01\x7e\xff\xff"+strings.Repeat("a", 65535)), "\x80\x02bb"...), func(err error) bool { return errors.Is(err, socket.ErrTooBig) }},
		"cut off":            {[]byte("\x81\x05ab"), func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"closed":             {[]byte("\x88\x05\x0f\xa1bye"), closedWith(4001, "bye")},
		"closed, no code":    {[]byte("\x88\x00"), closedWith(1005, "")},
		"gone without close": {nil, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	}
	for name, f := range frames {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := raw(t, f.send)
				_, err := conn.Read(t.Context(), soon())
				if !f.want(err) {
					t.Errorf("got %v", err)
				}
				if _, again := conn.Read(t.Context(), soon()); again == nil || again.Error() != err.Error() {
					t.Errorf("afterwards %v, want still %v", again, err)
				}
				if conn.Write([]byte("x"), soon()) == nil || conn.Ping(soon()) == nil {
					t.Error("a dead connection could be written to")
				}
			})
		})
	}
}

func closedWith(code int, reason string) func(error) bool {
	return func(err error) bool {
		var closed *socket.CloseError
		return errors.As(err, &closed) && closed.Code == code && closed.Reason == reason
	}
}

// raw connects to a server that shakes hands, sends bytes and hangs up.
func raw(t *testing.T, send []byte) *socket.Conn {
	t.Helper()
	line := sim.Pipe()
	server := sim.Serve(line, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n" +
			"Sec-WebSocket-Accept: " + socket.AcceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n")
		_, _ = buffered.Write(send) // with the answer, so that it arrives early
		_ = buffered.Flush()
		_ = nc.Close()
	}), nil)
	conn, err := socket.Dial(t.Context(), socket.Target{URL: &url.URL{Host: "proxy", Path: "/"}, DialContext: line.DialContext, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.CloseNow(), server.Close() })
	return conn
}

func TestCloseIsAGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan error, 1)
		conn := connect(t, func(c *websocket.Conn) {
			_ = c.Write(context.Background(), websocket.MessageText, []byte("unread"))
			_, _, err := c.Read(context.Background())
			heard <- err
		})
		if err := conn.Close(socket.CodeNormal, soon()); err != nil {
			t.Fatal(err)
		}
		if code := websocket.CloseStatus(<-heard); code != websocket.StatusNormalClosure {
			t.Errorf("the server saw code %d", code)
		}
		if err := conn.Close(socket.CodeNormal, soon()); err != nil {
			t.Errorf("closing again: %v", err)
		}
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connect(t, func(*websocket.Conn) { time.Sleep(time.Hour) })
		begin := time.Now()
		if err := conn.Close(socket.CodeNormal, begin.Add(2*time.Second)); err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestHandshakesThatFail(t *testing.T) {
	answers := map[string]struct {
		answer string
		status int
	}{
		"not found":  {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404},
		"gateway":    {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\n<html", 502},
		"plain 200":  {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200},
		"wrong key":  {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n", 0},
		"no upgrade": {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0},
		"not HTTP":   {"SSH-2.0-secret-banner\r\n\r\n", 0},
		"nothing":    {"", 0},
		"endless":    {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<17), 0},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := dialRaw(t, a.answer)
				var status *socket.StatusError
				if got := errors.As(err, &status); got != (a.status != 0) || (got && status.Status != a.status) {
					t.Errorf("got %v, want status %d", err, a.status)
				}
				if err == nil || strings.Contains(err.Error(), "secret") {
					t.Errorf("error %v quotes what came", err)
				}
			})
		})
	}
}

func dialRaw(t *testing.T, answer string) error {
	t.Helper()
	line := sim.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := line.Accept()
		if err != nil {
			return
		}
		_, _ = nc.Read(make([]byte, 4096))
		_, _ = nc.Write([]byte(answer))
		_ = nc.Close()
	}()
	conn, err := socket.Dial(t.Context(), socket.Target{
		URL: &url.URL{Host: "proxy", Path: "/", RawQuery: "token=secret"}, DialContext: line.DialContext, Limit: limit,
	})
	if err == nil {
		_ = conn.CloseNow()
	}
	<-done
	return err
}

func TestDialObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := sim.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		for _, config := range []*tls.Config{nil, {ServerName: "proxy"}} {
			_, err := socket.Dial(ctx, socket.Target{URL: &url.URL{Host: "proxy", Path: "/"}, TLS: config, DialContext: line.DialContext, Limit: limit})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestTLS(t *testing.T) {
	for _, kind := range sim.CertKinds() {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, err := sim.NewCA()
				if err != nil {
					t.Fatal(err)
				}
				config, err := ca.TLS(kind)
				if err != nil {
					t.Fatal(err)
				}
				line := sim.Pipe()
				server := sim.Serve(line, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if c, err := websocket.Accept(w, r, nil); err == nil {
						echo(c)
					}
				}), config)
				defer server.Close()
				conn, err := socket.Dial(t.Context(), socket.Target{
					URL: &url.URL{Host: "localhost:8091", Path: "/"}, DialContext: line.DialContext, Limit: limit,
					TLS: &tls.Config{ServerName: "localhost", RootCAs: ca.Pool(), Time: time.Now},
				})
				if !kind.Good() {
					var handshake *socket.HandshakeError
					if !errors.As(err, &handshake) {
						t.Errorf("got %v, want a HandshakeError", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer conn.CloseNow()
				interrupted(t, conn)
			})
		})
	}
}

// interrupted sees that a cut read leaves a TLS connection usable.
func interrupted(t *testing.T, conn *socket.Conn) {
	t.Helper()
	if _, err := conn.Read(t.Context(), time.Now().Add(time.Second)); !errors.Is(err, socket.ErrIdle) {
		t.Fatalf("got %v", err)
	}
	if err := conn.Write([]byte("hello"), soon()); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.Read(t.Context(), soon()); err != nil || string(got.Data) != "hello" {
		t.Errorf("got %q, %v", got.Data, err)
	}
}
