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

// TestConsumersCommand shows, bounds and removes the consumers of a user, over a
// kill -9, in the words of the other commands.
func TestConsumersCommand(t *testing.T) {
	t.Parallel()
	names := logins(291, 1)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	address := freeAddress(t)
	writeFile(t, filepath.Join(s.dir, "crm"), "s")
	writeFile(t, filepath.Join(s.dir, "bi"), "t")
	s.place = []string{"options: {hold: 1s}"}
	s.top = []string{fmt.Sprintf("events: {listen: %q, users: [{name: crm, password_file: crm, max_consumers: 3}, {name: bi, token_file: bi}]}", address)}
	s.write()
	k := s.runOnline()
	s.runs(k, []step{{"consumers", 0, "^no consumers", ""}})
	connect := func(login nats.Option) jetstream.JetStream {
		nc, err := nats.Connect("nats://"+address, login, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	crm, bi := connect(nats.UserInfo("crm", "s")), connect(nats.Token("t"))
	create := func(js jetstream.JetStream, name string) error {
		_, err := js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy})
		return err
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := create(crm, name); err != nil {
			t.Fatal(err)
		}
	}
	k.kill9()
	k = s.launch()
	s.await(k)
	within(t, patience, "the refusal of the fourth", func() error {
		if err := create(crm, "d"); !errors.Is(err, jetstream.ErrMaximumConsumersLimit) {
			return fmt.Errorf("the fourth of three: %w", err)
		}
		return nil
	})
	within(t, patience, "a consumer of the other user", func() error { return create(bi, "of-bi") })
	if err := create(bi, "a"); err == nil || !strings.Contains(err.Error(), "another user's") {
		t.Errorf("with another user's name: %v", err)
	}
	for name, want := range map[string]float64{
		`agentkeeper_stream_consumers{user="crm"}`: 3, `agentkeeper_stream_consumers_limit{user="crm"}`: 3,
		`agentkeeper_stream_consumers{user="bi"}`: 1, `agentkeeper_stream_consumers_limit{user="bi"}`: 100,
	} {
		within(t, patience, name, func() error { return k.shows(name, want) })
	}
	s.runs(k, []step{
		{"consumers", 0, `^USER +CONSUMER +DURABLE .*\nbi +of-bi +yes +\d+ +0 +- .* 7d00h\ncrm +a .*\ncrm +b .*\ncrm +c .*\n$`, ""},
		{"consumers -o json", 0, `^{"consumers":\[{"user":"bi","name":"of-bi","durable":true,.*"inactivity_threshold_seconds":604800}`, ""},
		{"consumers remove crm", 2, "", "which consumer"},
		{"consumers remove crm a", 2, "", "--reason is missing"},
		{"consumers drop crm a --reason x", 2, "", `unknown word "drop"`},
		{"consumers --reason x", 2, "", "consumers remove USER NAME"},
		{"consumers remove crm of-by --reason x", 1, "", "no such consumer: of-by of the user crm"},
		{"consumers remove crm of-bi --reason x", 1, "", "it is the user bi's"},
		{"consumers remove crm b --reason ended", 0, `^USER .*\nbi +of-bi .*\ncrm +a .*\ncrm +c .*\n$`, ""},
	})
	within(t, patience, "the audit log", func() error { return k.says("audit", 1) })
	if line := k.logged("audit"); len(line) != 1 || line[0].text("consumer") != "b" || line[0].text("reason") != "ended" || line[0].text("by") == "" {
		t.Errorf("the audit log: %v", line)
	}
	if err := create(crm, "d"); err != nil {
		t.Errorf("in the place of the removed one: %v", err)
	}
	k.stop()
}
