package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
)

// The saving is off without a word where crypto/tls has changed: this says so.
func TestLayoutOfTLS(t *testing.T) {
	if errLayout != nil {
		t.Fatalf("This Go's crypto/tls has other fields than slim.go expects: %v. Everything works, but each waiting connection takes 3 KiB more memory. Read how crypto/tls uses its buffers now, then bring layoutOf up to date.", errLayout)
	}
}

// Where the fields are others, connections are what they are without us.
func TestOtherLayout(t *testing.T) {
	buffer := func(name string) reflect.StructField {
		return reflect.StructField{Name: name, PkgPath: "crypto/tls", Type: reflect.TypeFor[bytes.Buffer]()}
	}
	for _, other := range []reflect.Type{
		reflect.StructOf([]reflect.StructField{buffer("rawInput"), buffer("hand")}),
		reflect.StructOf([]reflect.StructField{buffer("rawInput"), buffer("hand"), buffer("input")}),
	} {
		l, err := layoutOf(other)
		if err == nil || l != nil {
			t.Errorf("%v is taken for a tls.Conn", other)
		}
		conn := tls.Client(nil, &tls.Config{})
		if l.slim(conn) != net.Conn(conn) {
			t.Errorf("%v: not the connection itself", other)
		}
	}
}

// ends are the two ends of a TLS connection, and what is below the server's.
type ends struct {
	client slim
	server *tls.Conn
	below  *dripping
}

// dripping is a connection that can hold back what is written to it.
type dripping struct {
	net.Conn
	mu   sync.Mutex
	hold bool
	kept []byte
}

func (d *dripping) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hold {
		d.kept = append(d.kept, p...)
		return len(p), nil
	}
	return d.Conn.Write(p)
}

// holdBack keeps what f writes from the client, and returns it.
func (d *dripping) holdBack(f func()) []byte {
	d.mu.Lock()
	d.hold = true
	d.mu.Unlock()
	f()
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.kept
	d.hold, d.kept = false, nil
	return kept
}

var networks = map[string]func(t *testing.T) (client, server net.Conn){
	"pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
	"loopback": func(t *testing.T) (net.Conn, net.Conn) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return client, server
	},
}

// everywhere runs f on every kind of connection, its handshake done.
func everywhere(t *testing.T, f func(t *testing.T, c ends)) {
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", ClientSessionCache: newSessionCache()}
	for network := range networks {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(network+" "+tls.VersionName(version), func(t *testing.T) {
				f(t, meet(t, network, version, client, server))
			})
		}
	}
}

func meet(t *testing.T, network string, version uint16, client, server *tls.Config) ends {
	t.Helper()
	here, there := networks[network](t)
	d := &dripping{Conn: there}
	client = client.Clone()
	client.MaxVersion = version
	ours, theirs := tls.Client(here, client), tls.Server(d, server)
	t.Cleanup(func() { _, _ = here.Close(), there.Close() })
	shaken := make(chan error, 1)
	go func() { shaken <- theirs.Handshake() }()
	if err := ours.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := ends{Slim(ours).(slim), theirs, d}
	if version == tls.VersionTLS13 && !server.SessionTicketsDisabled {
		c.waits(t) // takes the session ticket, part of the handshake in TLS 1.2
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return c
}

// waits reads until there is nothing, and expects no data.
func (c ends) waits(t *testing.T) {
	t.Helper()
	_ = c.client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	_ = c.client.SetReadDeadline(time.Time{})
}

// has returns the sizes of the buffers that a connection holds, looked at without
// the help of what is tested.
func has(conn *tls.Conn) (raw, input, hand int) {
	v := reflect.ValueOf(conn).Elem()
	return v.FieldByName("rawInput").FieldByName("buf").Cap(), v.FieldByName("input").FieldByName("s").Cap(), v.FieldByName("hand").FieldByName("buf").Cap()
}

// light fails the test where the connection holds a buffer.
func light(t *testing.T, conn *tls.Conn) {
	t.Helper()
	if raw, input, hand := has(conn); raw+input+hand > 0 {
		t.Errorf("rawInput has %d bytes, input %d, hand %d; want none", raw, input, hand)
	}
}

// says has the server write text, and expects the client to read it.
func (c ends) says(t *testing.T, text []byte) {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		_, err := c.server.Write(text)
		wrote <- err
	}()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c.client, got); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("%d bytes came back changed, %v", len(text), err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

func TestNoBufferBetweenReads(t *testing.T) {
	everywhere(t, func(t *testing.T, c ends) {
		light(t, c.client.Conn)
		c.waits(t)
		light(t, c.client.Conn)
		for _, n := range []int{1, 100, 1 << 10, 2 << 10, 16 << 10, 300 << 10} {
			text := make([]byte, n)
			_, _ = rand.Read(text)
			c.says(t, text)
			light(t, c.client.Conn)
		}
		c.waits(t)
		light(t, c.client.Conn)
	})
}

// What has been decrypted stays until it is taken, byte by byte.
func TestBufferOfARecordHalfRead(t *testing.T) {
	everywhere(t, func(t *testing.T, c ends) {
		other := make([]byte, 1500)
		go func() { _, _ = io.WriteString(c.server, "answer") }()
		for i := range "answer" {
			var one [1]byte
			if _, err := c.client.Read(one[:]); err != nil || one[0] != "answer"[i] {
				t.Fatalf("%q, %v", one[:], err)
			}
			if raw, _, _ := has(c.client.Conn); (raw == 0) != (i == len("answer")-1) {
				t.Errorf("byte %d: %d bytes held", i, raw)
			}
			lend(other) // nobody else is given the same one
		}
		light(t, c.client.Conn)
	})
}

// lend writes over a spare buffer, as another connection would.
func lend(with []byte) {
	b := spare.Get().(*[spareSize]byte)
	copy(b[:], with)
	spare.Put(b)
}

// A record that comes byte by byte, with reads in between that find no whole one.
func TestBufferOfAPartialRecord(t *testing.T) {
	everywhere(t, func(t *testing.T, c ends) {
		record := c.below.holdBack(func() { _, _ = io.WriteString(c.server, "answer") })
		noise := bytes.Repeat([]byte{0xff}, spareSize)
		got := make([]byte, 100)
		for i := range record {
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				_, _ = c.below.Conn.Write(record[i : i+1])
			}()
			if i == len(record)-1 {
				break
			}
			for known.of(c.client.Conn).raw.Len() <= i {
				_ = c.client.SetReadDeadline(time.Now().Add(time.Millisecond))
				if n, err := c.client.Read(got); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("byte %d: read %d, %v", i, n, err)
				}
				lend(noise)
			}
			<-wrote
		}
		_ = c.client.SetReadDeadline(time.Time{})
		if n, err := c.client.Read(got); err != nil || string(got[:n]) != "answer" {
			t.Errorf("%q, %v", got[:n], err)
		}
		light(t, c.client.Conn)
	})
}

// Two records in one piece: the second waits in the buffer.
func TestBufferOfTwoRecords(t *testing.T) {
	everywhere(t, func(t *testing.T, c ends) {
		both := c.below.holdBack(func() {
			_, _ = io.WriteString(c.server, "one")
			_, _ = io.WriteString(c.server, "another")
		})
		go func() { _, _ = c.below.Conn.Write(both) }()
		got := make([]byte, 100)
		for _, want := range []string{"one", "another"} {
			if n, err := c.client.Read(got); err != nil || string(got[:n]) != want {
				t.Errorf("%q, %v", got[:n], err)
			}
			lend(bytes.Repeat([]byte{0xff}, spareSize))
		}
		light(t, c.client.Conn)
	})
}

// The farewell of the server, and a read behind it.
func TestBufferAtTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, c ends) {
		go func() {
			_, _ = io.WriteString(c.server, "last")
			_ = c.server.Close()
		}()
		if got, err := io.ReadAll(c.client); err != nil || string(got) != "last" {
			t.Errorf("%q, %v", got, err)
		}
		if n, err := c.client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d, %v", n, err)
		}
		light(t, c.client.Conn)
	})
}

// Writes and Close from other goroutines, while one reads.
func TestReadBesideWritesAndClose(t *testing.T) {
	everywhere(t, func(t *testing.T, c ends) {
		const rounds = 200
		go func() { // an echo, in pieces of its own
			_, _ = io.Copy(c.server, struct{ io.Reader }{c.server})
		}()
		var all sync.WaitGroup
		all.Go(func() {
			for i := range rounds {
				if _, err := fmt.Fprintf(c.client, "%08d", i); err != nil {
					t.Error(err)
				}
			}
		})
		for i := range rounds {
			var got [8]byte
			if _, err := io.ReadFull(c.client, got[:]); err != nil || string(got[:]) != fmt.Sprintf("%08d", i) {
				t.Fatalf("%q, %v", got, err)
			}
		}
		all.Wait()
		ended := make(chan error)
		go func() {
			_, err := c.client.Read(make([]byte, 1))
			ended <- err
		}()
		_ = c.client.NetConn().Close()
		_ = c.client.Close()
		if err := <-ended; err == nil {
			t.Error("a read on a closed connection went well")
		}
		light(t, c.client.Conn)
	})
}

// Many connections share the spare buffers, and none sees another's bytes.
func TestSpareBuffersAreNobodyElses(t *testing.T) {
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}
	var all sync.WaitGroup
	for i := range 20 {
		c := meet(t, "loopback", tls.VersionTLS13, client, conf)
		all.Go(func() {
			text := bytes.Repeat([]byte{byte(i)}, 1000+i)
			for range 50 {
				go func() { _, _ = c.server.Write(text) }()
				got := make([]byte, len(text))
				if _, err := io.ReadFull(c.client, got); err != nil || !bytes.Equal(got, text) {
					t.Errorf("connection %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// A handshake's session tickets are kept, their buffer is not.
func TestTicketsBehindTheHandshake(t *testing.T) {
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", ClientSessionCache: newSessionCache()}
		for i := range 3 {
			c := meet(t, "loopback", version, client, conf)
			c.says(t, []byte("x"))
			light(t, c.client.Conn)
			if resumed := c.client.ConnectionState().DidResume; resumed != (i > 0) {
				t.Errorf("%s, connection %d: resumed %v", tls.VersionName(version), i, resumed)
			}
		}
	}
}

// An agent that waits for its poll holds no buffer, and its answers come whole.
func TestWaitingClientHoldsNoBuffer(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			l, place := overTLS(t, version)
			c := NewTransport(place).Client(session.Account{})
			t.Cleanup(c.Close)
			var server net.Conn
			for round := range 5 {
				if !c.Begin(t.Context(), Request{Method: http.MethodGet, Path: "/"}) {
					t.Fatal(c.End(t.Context()))
				}
				if round == 0 {
					server = <-l
					t.Cleanup(func() { _ = server.Close() })
				}
				if _, err := server.Read(make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
				parked(t, c)
				body := bytes.Repeat([]byte{'a' + byte(round)}, 1<<(3*round))
				_, _ = fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
				_, _ = server.Write(body)
				for over := false; !over; time.Sleep(time.Millisecond) {
					var a Answer
					var err error
					if a, over, err = c.End(t.Context()); over && (err != nil || !bytes.Equal(a.Body, body)) {
						t.Fatalf("round %d: %d bytes, %v", round, len(a.Body), err)
					}
				}
				light(t, c.conn.(slim).Conn)
			}
		})
	}
}

// parked fails the test unless the client waits and holds no buffer. A session
// ticket may still be under way.
func parked(t *testing.T, c *Client) {
	t.Helper()
	for range 2 {
		if a, over, err := c.End(t.Context()); over {
			t.Fatalf("over before the answer: %d, %v", a.Status, err)
		}
		light(t, c.conn.(slim).Conn)
		time.Sleep(10 * time.Millisecond)
	}
}

// overTLS serves on a socket, and returns the connections whose handshake is over.
func overTLS(t *testing.T, version uint16) (<-chan net.Conn, Place) {
	t.Helper()
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	conf.MaxVersion = version
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conns := make(chan net.Conn, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if secure := tls.Server(conn, conf); secure.Handshake() == nil {
				conns <- secure
			}
		}
	}()
	u := &url.URL{Scheme: "https", Host: l.Addr().String()}
	return conns, Place{URL: u, TLS: &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", ClientSessionCache: newSessionCache()}}
}
