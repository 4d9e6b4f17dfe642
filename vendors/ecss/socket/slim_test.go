package socket_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/wire"
)

// A websocket that waits at its socket holds no buffer of TLS, and is heard whole.
func TestWaitingWebsocketHoldsNoBuffer(t *testing.T) {
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := sim.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			c.SetReadLimit(limit)
			echo(c)
		}
	}), conf)
	t.Cleanup(func() { _ = server.Close() })
	var secure *tls.Conn
	conn, err := socket.Dial(t.Context(), socket.Target{
		URL: &url.URL{Host: l.Addr().String(), Path: "/"}, Limit: limit,
		TLS: &tls.Config{ServerName: "127.0.0.1", RootCAs: ca.Pool()},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return wire.Lined(conn), err
		},
		Wrap: func(c *tls.Conn) net.Conn {
			secure = c
			return wire.Slim(c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	for _, text := range []string{"", strings.Repeat("a", 100), strings.Repeat("b", 5000), strings.Repeat("c", limit)} {
		bufferless(t, conn, secure)
		if err := say(conn, text); err != nil {
			t.Fatal(err)
		}
		m, err := conn.Try()
		for ; errors.Is(err, socket.ErrIdle); m, err = conn.Try() {
			time.Sleep(time.Millisecond)
		}
		if err != nil || string(m.Data) != text {
			t.Fatalf("%d bytes of %d, %v", len(m.Data), len(text), err)
		}
	}
	bufferless(t, conn, secure)
}

// say asks for text to come back; "" by a ping.
func say(conn *socket.Conn, text string) error {
	if text == "" {
		return conn.Ping(soon())
	}
	return conn.Write([]byte(text), soon())
}

func bufferless(t *testing.T, conn *socket.Conn, secure *tls.Conn) {
	t.Helper()
	if m, err := conn.Try(); !errors.Is(err, socket.ErrIdle) {
		t.Fatalf("%q, %v", m.Data, err)
	}
	for _, name := range []string{"rawInput", "hand"} {
		if n := reflect.ValueOf(secure).Elem().FieldByName(name).FieldByName("buf").Cap(); n > 0 {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}

// The time for a write runs from when it has to wait, and never in between.
func TestWritesOnASocketAreLimited(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	deaf := make(chan struct{})
	server := sim.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_, _, _ = c.Read(context.Background())
		<-deaf
		_ = c.CloseNow()
	}), nil)
	t.Cleanup(func() { _ = server.Close() })
	conn, err := socket.Dial(t.Context(), socket.Target{
		URL: &url.URL{Host: l.Addr().String(), Path: "/"}, Limit: limit,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return wire.Lined(conn), err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	defer close(deaf)
	for range 3 {
		if err := conn.Ping(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal("a limit that is over: ", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	begin := time.Now()
	if err := conn.Write(make([]byte, 64<<20), begin.Add(50*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(begin); took < 40*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
}
