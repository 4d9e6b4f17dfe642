package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
)

// asServer makes the test binary the server of [BenchmarkParked], so that the
// benchmark's heap is that of the clients alone.
const asServer = "WIRE_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		if err := holdPolls(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// holdPolls answers requests, and holds those for /held, until standard input ends.
func holdPolls() error {
	ca, err := sim.NewCA()
	if err != nil {
		return err
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go answerAll(l)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

// What a client takes of the heap while its poll is held, its connection included:
// with buffers lent for each read, and with those that crypto/tls keeps. It is the
// figure B/client; the time is that of making the connections.
func BenchmarkParked(b *testing.B) {
	place := Place{URL: &url.URL{Scheme: "https", Host: startServer(b)}, TLS: &tls.Config{InsecureSkipVerify: true, ClientSessionCache: newSessionCache()}}
	expected := known
	for _, way := range []struct {
		name   string
		layout *layout
	}{{"lent", expected}, {"kept", nil}} {
		b.Run(way.name, func(b *testing.B) {
			known = way.layout
			defer func() { known = expected }()
			const clients = 500
			var taken float64
			for b.Loop() {
				taken += park(b, NewTransport(place), clients)
			}
			b.ReportMetric(taken/float64(b.N)/clients, "B/client")
		})
	}
}

func startServer(b *testing.B) (address string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self)
	server.Env = append(os.Environ(), asServer+"=1")
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = in.Close(), server.Wait() })
	address, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// park returns what n clients that wait take of the heap, in bytes.
func park(b *testing.B, t *Transport, n int) float64 {
	b.Helper()
	before := live()
	short, cancel := context.WithTimeout(b.Context(), time.Minute) // as operations have it
	defer cancel()
	clients := make([]*Client, n)
	for i := range clients {
		c := t.Client(session.Account{})
		if _, err := c.Do(short, Request{Method: http.MethodGet, Path: "/"}); err != nil {
			b.Fatal(err)
		}
		if !c.Begin(b.Context(), Request{Method: http.MethodGet, Path: "/held"}) {
			b.Fatal("not sent")
		}
		if _, over, err := c.End(b.Context()); over {
			b.Fatal("answered: ", err)
		}
		clients[i] = c
	}
	after := live()
	for _, c := range clients {
		c.Close()
	}
	return float64(after) - float64(before)
}

// live returns the size of the heap in bytes.
func live() uint64 {
	runtime.GC()
	runtime.GC() // what pools held on to is garbage now
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
