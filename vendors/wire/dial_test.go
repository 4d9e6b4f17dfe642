package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// hesitant answers every request with 200, and takes its time for each TLS
// handshake.
type hesitant struct {
	place wire.Place
	now   atomic.Int32 // connections being made
	most  atomic.Int32
}

func newHesitant(t *testing.T, concurrent int, takes time.Duration) *hesitant {
	t.Helper()
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	client, err := wire.TLSSettings{Insecure: true}.Config("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	l := sim.Pipe()
	server := sim.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }), conf)
	t.Cleanup(func() { _ = server.Close() })
	h := &hesitant{}
	h.place = wire.Place{
		URL: &url.URL{Scheme: "https", Host: "gw"}, TLS: client, Dials: wire.NewDials(concurrent, nil),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			h.most.Store(max(h.most.Load(), h.now.Add(1)))
			conn, err := l.DialContext(ctx, network, address)
			if err != nil {
				h.now.Add(-1)
				return nil, err
			}
			return &slowHandshake{Conn: conn, takes: takes, over: func() { h.now.Add(-1) }}, nil
		},
	}
	return h
}

// slowHandshake takes its time to write what completes the handshake.
type slowHandshake struct {
	net.Conn
	takes  time.Duration
	writes int
	over   func()
}

func (c *slowHandshake) Write(p []byte) (int, error) {
	if c.writes++; c.writes == 2 { // the client's last word in the handshake
		time.Sleep(c.takes)
		c.over()
	}
	return c.Conn.Write(p)
}

// However many agents connect at once, few connections are being made, handshake
// included, and the wait for a place is no part of a request's time.
func TestDialsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHesitant(t, 4, 3*time.Second)
		transport := wire.NewTransport(h.place)
		var done sync.WaitGroup
		for range 40 {
			done.Go(func() {
				c := transport.Client(session.Account{})
				defer c.Close()
				r := get()
				r.Timeout = 5 * time.Second // the last ones wait for 27 s
				if a, err := c.Do(t.Context(), r); err != nil || a.Status != 200 {
					t.Errorf("%v", err)
				}
			})
		}
		begin := time.Now()
		done.Wait()
		if most, took := h.most.Load(), time.Since(begin); most != 4 || took != 30*time.Second {
			t.Errorf("%d at once, 40 connections took %v; want 4 and 30s", most, took)
		}
	})
}

// A sign-in goes before the polls that wait, and the end of a context ends the
// wait without losing the place.
func TestWaitForDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wire.NewDials(1, nil)
		leave, err := d.Enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		note := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, text)
		}
		var done sync.WaitGroup
		wait := func(ctx context.Context, name string, operation bool) {
			done.Go(func() {
				leave, err := d.Enter(ctx, operation)
				if err != nil {
					note(name + " " + err.Error())
					return
				}
				note(name)
				time.Sleep(time.Second)
				leave()
			})
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		wait(t.Context(), "poll 1", false)
		wait(short, "poll 2", false)
		wait(t.Context(), "poll 3", false)
		wait(t.Context(), "sign-in", true)
		time.Sleep(5 * time.Second)
		leave()
		done.Wait()
		want := []string{"poll 2 context deadline exceeded", "sign-in", "poll 1", "poll 3"}
		if !slices.Equal(order, want) {
			t.Errorf("%q, want %q", order, want)
		}
		if leave, err = d.Enter(t.Context(), false); err != nil {
			t.Fatal("the place is lost")
		}
		leave()
	})
}

// Another bound acts at once: on those who wait where it is higher, and as places
// come free where it is lower.
func TestUpdateDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wire.NewDials(1, nil)
		var inside, most atomic.Int32
		var done sync.WaitGroup
		for range 12 {
			done.Go(func() {
				leave, err := d.Enter(t.Context(), false)
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(time.Second)
				inside.Add(-1)
				leave()
			})
		}
		for _, bound := range []int{4, 2} {
			time.Sleep(500 * time.Millisecond)
			d.Update(bound, nil)
			time.Sleep(1100 * time.Millisecond)
			if n := inside.Load(); int(n) > bound {
				t.Errorf("%d inside, at most %d may be", n, bound)
			}
			most.Store(0)
		}
		done.Wait()
		if n := most.Load(); n != 2 {
			t.Errorf("%d at once in the end, want 2", n)
		}
	})
}

// A request whose context ends while it waits for a place was not sent.
func TestCutWhileWaitingForDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHesitant(t, 1, 0)
		leave, err := h.place.Dials.Enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		c := wire.NewTransport(h.place).Client(session.Account{})
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begin := time.Now()
		_, err = c.Do(ctx, get())
		if e := failure(t, err); e.Reason != wire.Canceled || e.Sent || time.Since(begin) != 3*time.Second {
			t.Errorf("%v after %v", e, time.Since(begin))
		}
		leave()
		if _, err := c.Do(t.Context(), get()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// Connections come from the source addresses in turn, and a dial that fails names
// the one it was to come from.
func TestSourceAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		seen = append(seen, host)
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	ask := func(sources ...string) error {
		t.Helper()
		var from []netip.Addr
		for _, s := range sources {
			from = append(from, netip.MustParseAddr(s))
		}
		place := wire.Place{URL: &url.URL{Scheme: "http", Host: l.Addr().String()}, Dials: wire.NewDials(8, from)}
		transport := wire.NewTransport(place)
		for range 4 {
			c := transport.Client(session.Account{})
			_, err := c.Do(t.Context(), get())
			c.Close()
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := ask("127.0.0.2", "127.0.0.3"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(seen); got != "[127.0.0.3 127.0.0.2 127.0.0.3 127.0.0.2]" {
		t.Errorf("connections came from %s", got)
	}
	e := failure(t, ask("203.0.113.7"))
	if e.Reason != wire.NoAddress || !strings.Contains(e.Text, "203.0.113.7") || !strings.Contains(e.Action, "source_addresses") {
		t.Errorf("%v: %v, %s, %s", e, e.Reason, e.Text, e.Action)
	}
	if from, ok := wire.Source(e); !ok || from != netip.MustParseAddr("203.0.113.7") {
		t.Errorf("source %v, %v", from, ok)
	}
	if err := ask("2001:db8::1"); err == nil || !strings.Contains(err.Error(), "2001:db8::1") {
		t.Errorf("an address of the other family: %v", err)
	}
	if _, ok := wire.Source(errors.New("another")); ok {
		t.Error("any error has a source")
	}
}
