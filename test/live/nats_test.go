package live

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestNATSConsumer reads the stream as a site's program does, over a kill -9;
// a changed password and a removed user act without a restart.
func TestNATSConsumer(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	address := freeAddress(t)
	password := filepath.Join(s.dir, "crm")
	writeFile(t, password, "first secret\n")
	s.place = []string{"options: {hold: 1s}"}
	s.top = []string{fmt.Sprintf("events: {listen: %q, users: [{name: crm, password_file: crm}]}", address)}
	s.write()
	k := s.runOnline()

	closed := make(chan struct{})
	nc, err := nats.Connect("nats://"+address, nats.UserInfo("crm", "first secret"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{
		Durable: "crm", AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: []string{"ev.*.hq/291.huawei=2ETest"},
	})
	if err != nil {
		t.Fatal(err)
	}
	next := func(n int) {
		t.Helper()
		s.platform.order("agents/292/event", `{"type":"Test","content":null}`) // not chosen
		s.platform.order("agents/291/event", fmt.Sprintf(`{"type":"Test","content":{"n":%d}}`, n))
		within(t, patience, fmt.Sprint("event ", n), func() error {
			m, err := consumer.Next(jetstream.FetchMaxWait(time.Second))
			if err != nil {
				return err
			}
			if strings.Contains(string(m.Data()), fmt.Sprintf(`"n":%d`, n)) {
				return m.DoubleAck(t.Context())
			}
			if !strings.Contains(string(m.Data()), fmt.Sprintf(`"n":%d`, n-1)) || m.Ack() != nil {
				t.Fatalf("instead of event %d comes %s", n, m.Data())
			}
			return errors.New("a repeat: its acknowledgement was not on disk at the kill")
		})
	}
	next(0)
	k.kill9()
	k = s.launch()
	s.await(k)
	next(1)

	writeFile(t, password, "second secret\n")
	if c, err := nats.Connect("nats://"+address, nats.UserInfo("crm", "first secret")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("with the old password: %v", err)
		if err == nil {
			c.Close()
		}
	}
	c, err := nats.Connect("nats://"+address, nats.UserInfo("crm", "second secret"))
	if err != nil {
		t.Fatalf("with the new password: %v", err)
	}
	c.Close()

	next(2) // the connection that was there goes on
	writeFile(t, filepath.Join(s.dir, "bi"), "x")
	s.top = []string{fmt.Sprintf("events: {listen: %q, users: [{name: bi, token_file: bi}]}", address)}
	s.write()
	k.signal(syscall.SIGHUP)
	within(t, patience, "the reload", func() error { return k.says("reloaded", 1) })
	within(t, patience, "the end of the user that is gone", func() error {
		select {
		case <-closed:
			return nil
		default:
			return errors.New("still connected")
		}
	})
	bi, err := nats.Connect("nats://"+address, nats.Token("x"))
	if err != nil {
		t.Fatalf("with the token: %v", err)
	}
	bi.Close()
	if log := k.err.String(); strings.Contains(log, " secret") {
		t.Error("the log tells a password")
	}
}
