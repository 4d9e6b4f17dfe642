package store

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// bounded opens a store whose listener takes most connections.
func bounded(t *testing.T, most int) (*Store, *atomic.Int64, chan string) {
	t.Helper()
	limit, refused := new(atomic.Int64), make(chan string, 10000)
	limit.Store(int64(most))
	o := options(t, t.TempDir())
	o.Consumers = &Consumers{Address: freeAddress(t), Permit: permit, Limit: func(string) int { return 20 },
		Connections: func() int { return int(limit.Load()) }, Refused: func(reason string) { refused <- reason }}
	s, err := Open(t.Context(), o)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, limit, refused
}

func silent(t *testing.T, s *Store) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.consumers.Address, patience)
	check(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not happen", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A crowd that says nothing costs the bound and no more, a program that logs in
// comes through, and our own connections are refused by nothing.
func TestDoorHoldsASilentCrowd(t *testing.T) {
	t.Parallel()
	const most = 40
	s, _, refused := bounded(t, most)
	for range 10 * most {
		silent(t, s)
	}
	until(t, "the crowd's arrival", func() bool { return len(refused) >= 9*most })
	if now, limit := s.Connected(); now > most/4 || limit != most {
		t.Errorf("%d of %d connections, none of them logged in", now, limit)
	}
	crm := dial(t, s, nats.UserInfo("crm", "crm's"), nats.NoReconnect())
	_, err := crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("crm"))
	check(t, err)
	e, _ := s.current()
	nc, err := e.dial()
	check(t, err)
	nc.Close()
	check(t, s.Publish(t.Context(), []Message{event(1, 1)}))
	until(t, "the end of the silent ones", func() bool { now, _ := s.Connected(); return now == 1 })
}

// A user cannot take every place, and is told so.
func TestDoorBoundsAUser(t *testing.T) {
	s, limit, refused := bounded(t, 12)
	for range 6 {
		dial(t, s, nats.UserInfo("crm", "crm's"), nats.NoReconnect())
	}
	if c, err := nats.Connect("nats://"+s.consumers.Address, nats.UserInfo("crm", "crm's")); err == nil || !strings.Contains(err.Error(), "maximum account active connections exceeded") {
		t.Errorf("the seventh of 12: %v", err)
		if err == nil {
			c.Close()
		}
	}
	if reason := <-refused; reason != RefusedUser {
		t.Errorf("counted as %s", reason)
	}
	for range 6 {
		dial(t, s, nats.UserInfo("bi", "bi's"), nats.NoReconnect())
	}
	if _, err := nats.Connect("nats://"+s.consumers.Address, nats.Token("tok")); err == nil || !strings.Contains(err.Error(), "maximum connections exceeded") {
		t.Errorf("the thirteenth: %v", err)
	}
	if reason := <-refused; reason != RefusedConnections {
		t.Errorf("counted as %s", reason)
	}
	limit.Store(5) // the agents need the files
	s.CrowdOut()
	until(t, "room for agents", func() bool { now, most := s.Connected(); return now == 5 && most == 5 })
}

func TestDoorRefusesWhatIsTooLarge(t *testing.T) {
	s, _, _ := bounded(t, 40)
	login := "CONNECT {\"user\":\"crm\",\"pass\":\"crm's\",\"verbose\":false,\"headers\":true}\r\n"
	ack := "PUB $JS.ACK.EVENTS.x.1 "
	for name, c := range map[string]struct{ send, answer string }{
		"a message at the bound":   {login + fmt.Sprintf("%s%d\r\n%s\r\nPING\r\n", ack, userPayload, strings.Repeat("x", userPayload)), "PONG"},
		"a message above it":       {login + fmt.Sprintf("%s%d\r\n", ack, userPayload+1), "-ERR 'Maximum Payload Violation'"},
		"one with headers":         {login + fmt.Sprintf("HPUB $JS.ACK.EVENTS.x.1 10 %d\r\n", 8<<20), "-ERR 'Maximum Payload Violation'"},
		"a line without an end":    {"CONNECT {" + strings.Repeat(" ", maxControlLine), "-ERR 'maximum control line exceeded'"},
		"another protocol":         {"GET / HTTP/1.1\r\n", "-ERR 'Unknown Protocol Operation'"},
		"a PROXY header":           {"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + login, "-ERR 'Unknown Protocol Operation'"},
		"a size that is no number": {login + ack + "-1\r\n", "-ERR 'Unknown Protocol Operation'"},
		"anything without a login": {"PING\r\nPING\r\n", "-ERR 'Authorization Violation'"},
	} {
		conn := silent(t, s)
		check(t, conn.SetDeadline(time.Now().Add(patience)))
		r := bufio.NewReader(conn)
		info, err := r.ReadString('\n')
		check(t, err)
		if !strings.Contains(info, fmt.Sprintf(`"max_payload":%d`, userPayload)) || strings.Contains(info, "pipe") {
			t.Errorf("introduced as %s", info)
		}
		_, err = io.WriteString(conn, c.send)
		check(t, err)
		var got string
		for !strings.HasPrefix(got, c.answer) && err == nil {
			got, err = r.ReadString('\n')
		}
		if err != nil {
			t.Errorf("%s: %v instead of %s", name, err, c.answer)
		}
	}
}

// Whatever is sent, what comes through is a beginning of it, and no message in
// it is above the bound.
func FuzzCopyOperations(f *testing.F) {
	for _, seed := range []string{"PUB a 2\r\nhi\r\nPING\r\n", "HPUB a b 2 4\r\nabcd\r\n", "pub a 70000\r\n", "SUB a 1\r\nUNSUB 1\r\n", "\r\n", "PUB a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if err := copyOperations(&out, bytes.NewReader(data)); err == nil {
			t.Error("ended without an error")
		}
		if !bytes.HasPrefix(data, out.Bytes()) {
			t.Errorf("%q became %q", data, out.Bytes())
		}
	})
}
