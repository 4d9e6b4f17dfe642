package store

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"agentkeeper/test/sim"
)

// freeAddress is an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

func permit(name, password, token string) (string, bool) {
	switch {
	case name == "crm" && password == "crm's":
		return "crm", true
	case name == "bi" && password == "bi's":
		return "bi", true
	case token == "tok":
		return "with a token", true
	}
	return "", false
}

// public opens a store that consumers may connect to.
func public(t *testing.T, dir string, conf *tls.Config) *Store {
	t.Helper()
	o := options(t, dir)
	o.Consumers = &Consumers{Address: freeAddress(t), Permit: permit, TLS: conf, Limit: func(string) int { return 20 }}
	s, err := Open(t.Context(), o)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// consumer is a program of a site, with what the server told it.
type consumer struct {
	*nats.Conn
	js     jetstream.JetStream
	denied chan string
}

func dial(t *testing.T, s *Store, login nats.Option, more ...nats.Option) *consumer {
	t.Helper()
	c := &consumer{denied: make(chan string, 100)}
	var err error
	c.Conn, err = nats.Connect("nats://"+s.consumers.Address, append(more, login, nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.denied <- err.Error() }))...)
	check(t, err)
	t.Cleanup(c.Close)
	c.js, err = jetstream.New(c.Conn, jetstream.WithDefaultTimeout(patience))
	check(t, err)
	return c
}

// pull returns the next n events of a durable consumer, acknowledged.
func pull(t *testing.T, c jetstream.Consumer, n int) (data []string) {
	t.Helper()
	for len(data) < n {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatalf("after %d of %d events: %v", len(data), n, err)
		}
		data = append(data, string(m.Data()))
		check(t, m.DoubleAck(t.Context()))
	}
	return data
}

var durable = jetstream.ConsumerConfig{Durable: "crm", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "ev.>"}

// A durable pull consumer gets every event, goes on where it was, over its own
// restarts and the server's, and is told what it left unanswered again.
func TestConsumersPull(t *testing.T) {
	dir := t.TempDir()
	s := public(t, dir, nil)
	var want []string
	for n := range 10 {
		check(t, s.Publish(t.Context(), []Message{event(1, n), event(2, n)}))
		want = append(want, fmt.Sprint("1/", n), fmt.Sprint("2/", n))
	}
	for _, login := range []nats.Option{nats.UserInfo("bi", "bi's"), nats.Token("tok")} { // others do not disturb
		stream, err := dial(t, s, login).js.Stream(t.Context(), eventsName)
		check(t, err)
		c, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
		check(t, err)
		if diff := cmp.Diff(want, pull(t, c, len(want))); diff != "" {
			t.Error(diff)
		}
	}

	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	stream, err := crm.js.Stream(t.Context(), eventsName)
	check(t, err)
	c, err := stream.CreateOrUpdateConsumer(t.Context(), durable)
	check(t, err)
	got := pull(t, c, 5)
	m, err := c.Next() // never acknowledged
	check(t, err)
	check(t, m.Nak())
	crm.Close()

	crm = dial(t, s, nats.UserInfo("crm", "crm's"))
	c, err = crm.js.Consumer(t.Context(), eventsName, "crm")
	check(t, err)
	got = append(got, pull(t, c, 5)...)
	check(t, s.Close())
	o := options(t, dir)
	o.Consumers = s.consumers
	s, err = Open(t.Context(), o)
	check(t, err)
	defer s.Close()
	check(t, s.Publish(t.Context(), []Message{event(3, 0)}))
	for deadline := time.Now().Add(patience); !crm.IsConnected() && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	got = append(got, pull(t, c, 11)...)
	if diff := cmp.Diff(append(want, "3/0"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(crm.denied) > 0 {
		t.Errorf("denied: %s", <-crm.denied)
	}
}

// Consume is how most programs read: many requests under way, no end.
func TestConsumersStream(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	c, err := crm.js.CreateOrUpdateConsumer(t.Context(), eventsName, durable)
	check(t, err)
	var got atomic.Int64
	running, err := c.Consume(func(m jetstream.Msg) {
		if string(m.Data()) == fmt.Sprint("1/", got.Load()) && m.Ack() == nil {
			got.Add(1)
		}
	})
	check(t, err)
	defer running.Stop()
	const events = 3000
	for n := 0; n < events; n += 100 {
		var batch []Message
		for i := range 100 {
			batch = append(batch, event(1, n+i))
		}
		check(t, s.Publish(t.Context(), batch))
	}
	for deadline := time.Now().Add(patience); got.Load() < events && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	if got.Load() != events {
		t.Errorf("%d of %d events came in order", got.Load(), events)
	}
}

// Nothing else can be reached: not the sessions, not the stream's own life, not
// the other users.
func TestConsumersAreDeniedTheRest(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Save(t.Context(), agent(1), filled(t, 1)))
	check(t, s.Publish(t.Context(), []Message{event(1, 1)}))
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	key := keyPrefix + agentKey("sess", agent(1))
	for name, subject := range map[string]string{
		"publish an event":           eventSubject(agent(1), "t"),
		"overwrite a session":        key,
		"read a session":             "$JS.API.DIRECT.GET.KV_keeper." + key,
		"read a session by position": "$JS.API.STREAM.MSG.GET.KV_keeper",
		"read an event directly":     "$JS.API.DIRECT.GET.EVENTS",
		"read an event by position":  "$JS.API.STREAM.MSG.GET.EVENTS",
		"look at the bucket":         "$JS.API.STREAM.INFO.KV_keeper",
		"list streams":               "$JS.API.STREAM.LIST",
		"look at another stream":     "$JS.API.STREAM.INFO.MINE",
		"look at a reader of it":     "$JS.API.CONSUMER.INFO.KV_keeper.x",
		"name the bucket's readers":  "$JS.API.CONSUMER.NAMES.KV_keeper",
		"consume without a name":     "$JS.API.CONSUMER.CREATE.KV_keeper",
		"read the last event":        "$JS.API.DIRECT.GET.EVENTS." + eventSubject(agent(1), "t"),
		"unpin a consumer":           "$JS.API.CONSUMER.UNPIN.EVENTS.x",
		"depose the server":          "$JS.API.META.LEADER.STEPDOWN",
		"create a stream":            "$JS.API.STREAM.CREATE.MINE",
		"change the stream":          "$JS.API.STREAM.UPDATE.EVENTS",
		"purge the events":           "$JS.API.STREAM.PURGE.EVENTS",
		"purge the bucket":           "$JS.API.STREAM.PURGE.KV_keeper",
		"delete the events":          "$JS.API.STREAM.DELETE.EVENTS",
		"delete the bucket":          "$JS.API.STREAM.DELETE.KV_keeper",
		"delete an event":            "$JS.API.STREAM.MSG.DELETE.EVENTS",
		"copy the events":            "$JS.API.STREAM.SNAPSHOT.EVENTS",
		"restore a stream":           "$JS.API.STREAM.RESTORE.MINE",
		"list the bucket's readers":  "$JS.API.CONSUMER.LIST.KV_keeper",
		"delete a reader of it":      "$JS.API.CONSUMER.DELETE.KV_keeper.x",
		"pause a consumer":           "$JS.API.CONSUMER.PAUSE.EVENTS.x",
		"consume the bucket":         "$JS.API.CONSUMER.CREATE.KV_keeper.x",
		"consume the bucket, older":  "$JS.API.CONSUMER.DURABLE.CREATE.KV_keeper.x",
		"pull from the bucket":       "$JS.API.CONSUMER.MSG.NEXT.KV_keeper.x",
		"acknowledge in the bucket":  "$JS.ACK.KV_keeper.x.1.1.1.1.1",
		"go behind our back":         userPrefix + token("bi") + ".api.delete.x",
		"ask the server":             "$SYS.REQ.SERVER.PING",
		"write to another's inbox":   "_INBOX.somebody",
	} {
		check(t, crm.PublishRequest(subject, nats.NewInbox(), []byte("{}")))
		wantDenied(t, crm, name, subject)
	}
	for _, subject := range []string{">", "ev.>", "$KV.keeper.>", "$JS.API.>", "$JS.EVENT.>", "agentkeeper.>", "$SYS.>", "_R_.>"} {
		_, err := crm.SubscribeSync(subject)
		check(t, err)
		wantDenied(t, crm, "subscribe", subject)
	}
	if got := load(t, s); len(got) != 1 || got[agent(1)].Sequence != filled(t, 1).Sequence {
		t.Errorf("the records are %v now", got)
	}
	if last, err := s.LastSeq(t.Context()); err != nil || last != 1 {
		t.Errorf("%d events, %v", last, err)
	}
}

// wantDenied waits for the server's word on subject.
func wantDenied(t *testing.T, c *consumer, what, subject string) {
	t.Helper()
	check(t, c.Flush())
	select {
	case text := <-c.denied:
		if (!strings.Contains(text, "Permissions Violation") && !strings.Contains(text, "permissions violation")) || !strings.Contains(text, `"`+subject+`"`) {
			t.Errorf("%s: %s: %s", what, subject, text)
		}
	case <-time.After(patience):
		t.Errorf("%s: %s was not denied", what, subject)
	}
}

// A server pushes with its own rights, so a consumer that is pushed to could
// overwrite sessions or purge the stream. However it is spelled, it is refused.
func TestConsumersThatPushAreRefused(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Publish(t.Context(), []Message{event(1, 1)}))
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	target := keyPrefix + agentKey("sess", agent(7))
	for _, config := range []string{
		`"config":{"durable_name":"x","name":"x","ack_policy":"none","deliver_subject":%q}`,
		`"config":{"durable_name":"x","name":"x","ack_policy":"none","DELIVER_SUBJECT":%q}`,
		`"config":{"durable_name":"x","name":"x","ack_policy":"none","deliver_ſubject":%q}`,
		`"config":{"durable_name":"x","name":"x"},"config":{"deliver_subject":%q}`,
		`"config":{"deliver_subject":%q},"CONFIG":{"durable_name":"x","name":"x"}`,
		`"config":{"durable_name":"x","name":"x","deliver_\u0073ubject":%q}`,
	} {
		body := fmt.Sprintf(`{"stream_name":"EVENTS",`+config+`}`, target)
		for _, subject := range []string{"$JS.API.CONSUMER.CREATE.EVENTS.x", "$JS.API.CONSUMER.CREATE.EVENTS.x.ev.>", "$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.x"} {
			m, err := crm.Request(subject, []byte(body), patience)
			check(t, err)
			var answer struct {
				Error *struct{ Description string }
			}
			check(t, json.Unmarshal(m.Data, &answer))
			if answer.Error == nil || answer.Error.Description != errPush.Error() {
				t.Errorf("%s %s: %s", subject, body, m.Data)
			}
		}
	}
	if _, err := crm.js.Consumer(t.Context(), eventsName, "x"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("the consumer: %v", err)
	}
	if got := load(t, s); len(got) != 0 {
		t.Errorf("records %v", got)
	}
}

func TestConsumersNeedALogin(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	for name, login := range map[string]nats.Option{
		"nothing": nats.Name("x"), "a wrong password": nats.UserInfo("crm", "bi's"), "an unknown name": nats.UserInfo("x", ""),
		"our own name": nats.UserInfo(self, ""), "a wrong token": nats.Token("x"),
	} {
		c, err := nats.Connect("nats://"+s.consumers.Address, login)
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			c.Close()
		}
	}
	crm := dial(t, s, nats.UserInfo("crm", "crm's"), nats.NoReconnect())
	bi := dial(t, s, nats.UserInfo("bi", "bi's"), nats.NoReconnect())
	s.Disconnect(func(user string) bool { return user == "bi" })
	for deadline := time.Now().Add(patience); !crm.IsClosed() && time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
	if !crm.IsClosed() || bi.IsClosed() || s.Err() != nil {
		t.Errorf("after a disconnection: crm closed %v, bi closed %v, store %v", crm.IsClosed(), bi.IsClosed(), s.Err())
	}
}

func TestConsumersOverTLS(t *testing.T) {
	ca, err := sim.NewCA()
	check(t, err)
	conf, err := ca.TLS(sim.CertGood)
	check(t, err)
	s := public(t, t.TempDir(), conf)
	check(t, s.Publish(t.Context(), []Message{event(1, 1)})) // our own connection has no TLS
	crm := dial(t, s, nats.UserInfo("crm", "crm's"), nats.Secure(&tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}))
	c, err := crm.js.CreateOrUpdateConsumer(t.Context(), eventsName, durable)
	check(t, err)
	pull(t, c, 1)
	if _, err := nats.Connect("nats://"+s.consumers.Address, nats.UserInfo("crm", "crm's")); err == nil {
		t.Error("a consumer came in without trusting the certificate")
	}
}

// A restart of the server brings the listener back; a taken port costs the
// consumers and not the store.
func TestConsumersComeBack(t *testing.T) {
	t.Parallel()
	s := public(t, t.TempDir(), nil)
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	c, err := crm.js.CreateOrUpdateConsumer(t.Context(), eventsName, durable)
	check(t, err)
	check(t, s.Publish(t.Context(), []Message{event(1, 0)}))
	pull(t, c, 1)
	e, _ := s.current()
	e.srv.Shutdown()
	await(t, s, false)
	taken, err := net.Listen("tcp", s.consumers.Address)
	check(t, err)
	await(t, s, true)
	check(t, s.Publish(t.Context(), []Message{event(1, 1)}))
	check(t, taken.Close())
	for deadline := time.Now().Add(patience); !crm.IsConnected() && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	if got := pull(t, c, 1); got[0] != "1/1" {
		t.Errorf("after the restart comes %v", got)
	}

	taken, err = net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer taken.Close()
	o := options(t, t.TempDir())
	o.Consumers = &Consumers{Address: taken.Addr().String(), Permit: permit}
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cannot be bound") {
		t.Errorf("Open with a taken address: %v", err)
	}
}

// Many at once, for the race detector.
func TestConsumersTogether(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Publish(t.Context(), []Message{event(1, 1)}))
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			login := nats.UserInfo("crm", "crm's")
			if i%2 == 0 {
				login = nats.UserInfo("bi", "bi's")
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := dial(t, s, login).js.CreateConsumer(ctx, eventsName, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
			if err == nil {
				_, err = c.Next()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
