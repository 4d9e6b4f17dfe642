package wire

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"agentkeeper/session"
	"agentkeeper/test/sim"
)

const idleBody = `{"message":"","retcode":"0"}`

// What it costs to look for bytes on a kept connection, beside a whole request on
// the same one: the server answers at once, so the request is nothing but CPU.
func BenchmarkLookBeforeRequest(b *testing.B) {
	ca, err := sim.NewCA()
	if err != nil {
		b.Fatal(err)
	}
	for _, scheme := range []string{"http", "https"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		place := Place{URL: &url.URL{Scheme: scheme, Host: l.Addr().String()}}
		if scheme == "https" {
			conf, err := ca.TLS(sim.CertGood)
			if err != nil {
				b.Fatal(err)
			}
			l = tls.NewListener(l, conf)
			place.TLS = &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}
		}
		go answerAll(l)
		c := NewTransport(place).Client(session.Account{})
		header := http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Guid": {"0a1b.AgentGateway0"}}
		known := Request{Method: http.MethodGet, Path: "/", Fields: Encode(header), Reads: &Reads{Headers: []string{"Set-Guid", "Guid"}, Known: []byte(idleBody)}}
		ask := func(b *testing.B, r Request) {
			if _, err := c.Do(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(scheme+" request", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b, Request{Method: http.MethodGet, Path: "/", Header: header})
			}
		})
		b.Run(scheme+" request whose answer is known", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b, known)
			}
		})
		b.Run(scheme+" look", func(b *testing.B) {
			ask(b, known)
			b.ReportAllocs()
			for b.Loop() {
				if !silent(c.conn, c.line) {
					b.Fatal("not silent")
				}
			}
		})
		c.Close()
		_ = l.Close()
	}
}

// answerAll answers every request but those for /held.
func answerAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for {
				r, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				if r.URL.Path == "/held" {
					continue
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 28\r\n\r\n"+idleBody)
			}
		}()
	}
}
