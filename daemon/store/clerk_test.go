package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func durableNamed(name string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy}
}

// A user has as many consumers as it may, over restarts; one that it creates
// again is none more, one that it deletes makes room.
func TestConsumersAreLimitedPerUser(t *testing.T) {
	dir := t.TempDir()
	s := public(t, dir, nil)
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	for n := range 20 {
		_, err := crm.js.CreateConsumer(t.Context(), eventsName, durableNamed(fmt.Sprint("c", n)))
		check(t, err)
	}
	check(t, s.Close())
	o := options(t, dir)
	o.Consumers = s.consumers
	refused := make(chan string, 100)
	o.Consumers.Refused = func(reason string) { refused <- reason }
	s, err := Open(t.Context(), o)
	check(t, err)
	defer s.Close()
	crm = dial(t, s, nats.UserInfo("crm", "crm's"))
	_, err = crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("one-too-many"))
	if !errors.Is(err, jetstream.ErrMaximumConsumersLimit) || len(refused) != 1 || <-refused != RefusedConsumers {
		t.Errorf("the 21st: %v", err)
	}
	if _, err := crm.js.CreateConsumer(t.Context(), eventsName, jetstream.ConsumerConfig{}); !errors.Is(err, jetstream.ErrMaximumConsumersLimit) {
		t.Errorf("one that is not durable: %v", err)
	}
	for _, create := range []func() error{
		func() error { _, err := crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("c3")); return err },
		func() error {
			_, err := crm.js.CreateOrUpdateConsumer(t.Context(), eventsName, durableNamed("c3"))
			return err
		},
		func() error {
			changed := durableNamed("c3")
			changed.MaxAckPending = 7
			_, err := crm.js.UpdateConsumer(t.Context(), eventsName, changed)
			return err
		},
	} {
		if err := create(); err != nil {
			t.Errorf("its own once more: %v", err)
		}
	}
	_, err = dial(t, s, nats.UserInfo("bi", "bi's")).js.CreateConsumer(t.Context(), eventsName, durableNamed("bi"))
	check(t, err) // others do not suffer
	check(t, crm.js.DeleteConsumer(t.Context(), eventsName, "c3"))
	_, err = crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("in-its-place"))
	check(t, err)

	// What the server has deleted for inactivity makes room, too.
	e, _ := s.current()
	check(t, e.js.DeleteConsumer(t.Context(), eventsName, "c4"))
	_, err = crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("another"))
	check(t, err)
	// So does what a person removes.
	check(t, s.RemoveConsumer(t.Context(), "crm", "c5"))
	_, err = crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("a-third"))
	check(t, err)
}

// A durable consumer is kept for a week without a reader where nothing else is
// said, and never for longer than a month.
func TestConsumersAreNotKeptForEver(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	for _, c := range []struct{ asked, want time.Duration }{{0, DefaultInactive}, {time.Hour, time.Hour}, {MaxInactive, MaxInactive}} {
		config := durableNamed(fmt.Sprint("c", c.asked.Hours()))
		config.InactiveThreshold = c.asked
		made, err := crm.js.CreateOrUpdateConsumer(t.Context(), eventsName, config)
		check(t, err)
		if got := made.CachedInfo().Config.InactiveThreshold; got != c.want {
			t.Errorf("asked for %v, kept %v", c.asked, got)
		}
	}
	for what, change := range map[string]func(*jetstream.ConsumerConfig){
		"inactive_threshold": func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = MaxInactive + time.Second },
		"filter_subjects": func(c *jetstream.ConsumerConfig) {
			for n := range maxFilters + 1 {
				c.FilterSubjects = append(c.FilterSubjects, fmt.Sprintf("ev.%04d.>", n))
			}
		},
		"max_waiting":     func(c *jetstream.ConsumerConfig) { c.MaxWaiting = maxWaiting + 1 },
		"max_ack_pending": func(c *jetstream.ConsumerConfig) { c.MaxAckPending = maxAckPending + 1 },
		"unlimited":       func(c *jetstream.ConsumerConfig) { c.MaxAckPending = -1 },
		"backoff": func(c *jetstream.ConsumerConfig) {
			c.BackOff = slices.Repeat([]time.Duration{time.Second}, maxBackOff+1)
		},
	} {
		config := durableNamed("x")
		change(&config)
		var refused *jetstream.APIError
		if _, err := crm.js.CreateConsumer(t.Context(), eventsName, config); !errors.As(err, &refused) || !strings.Contains(refused.Description, what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	config := durableNamed("x") // at the bounds
	config.MaxWaiting, config.MaxAckPending = maxWaiting, maxAckPending
	config.BackOff, config.MaxDeliver = slices.Repeat([]time.Duration{time.Second}, maxBackOff), maxBackOff+1
	for n := range maxFilters {
		config.FilterSubjects = append(config.FilterSubjects, fmt.Sprintf("ev.%04d.>", n))
	}
	_, err := crm.js.CreateConsumer(t.Context(), eventsName, config)
	check(t, err)
}

// Nobody sees, changes, reads, acknowledges or deletes another user's consumer,
// nor takes its name.
func TestConsumersBelongToTheirUser(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	for n := range 4 {
		check(t, s.Publish(t.Context(), []Message{event(1, n)}))
	}
	crm, bi := dial(t, s, nats.UserInfo("crm", "crm's")), dial(t, s, nats.UserInfo("bi", "bi's"))
	hers, err := crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("reader"))
	check(t, err)
	pending, err := hers.Next()
	check(t, err)
	if _, err := bi.js.CreateConsumer(t.Context(), eventsName, durableNamed("reader")); err == nil || !strings.Contains(err.Error(), "another user's") {
		t.Errorf("create: %v", err)
	}
	if _, err := bi.js.UpdateConsumer(t.Context(), eventsName, durableNamed("reader")); err == nil {
		t.Error("changed another user's consumer")
	}
	if _, err := bi.js.Consumer(t.Context(), eventsName, "reader"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("look: %v", err)
	}
	if err := bi.js.DeleteConsumer(t.Context(), eventsName, "reader"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("delete: %v", err)
	}
	m, err := bi.Request(nextAPI+"reader", []byte(`{"batch":1,"no_wait":true}`), patience)
	check(t, err)
	if len(m.Data) > 0 || m.Header.Get("Status") != "409" {
		t.Errorf("pull: %v %q", m.Header, m.Data)
	}
	check(t, bi.Publish(pending.Reply(), []byte("+ACK")))
	check(t, bi.PublishRequest(ownPrefix+"next.reader", nats.NewInbox(), []byte(`{"batch":1}`)))
	check(t, bi.Publish(ownPrefix+"ack"+strings.TrimPrefix(pending.Reply(), "$JS.ACK.EVENTS"), []byte("+ACK")))
	check(t, bi.Flush())
	for range 2 {
		if text := <-bi.denied; !strings.Contains(text, "agentkeeper.denied") {
			t.Errorf("denied: %s", text)
		}
	}
	info, err := hers.Info(t.Context())
	check(t, err)
	if info.NumAckPending != 1 || info.AckFloor.Stream != 0 {
		t.Errorf("another user has acknowledged: %+v", info.AckFloor)
	}
	check(t, pending.DoubleAck(t.Context()))

	his, err := bi.js.CreateConsumer(t.Context(), eventsName, durableNamed("his"))
	check(t, err)
	if got := pull(t, his, 4); len(got) != 4 {
		t.Error(got)
	}
	for _, c := range []struct {
		*consumer
		want []string
	}{{crm, []string{"reader"}}, {bi, []string{"his"}}} {
		stream, err := c.js.Stream(t.Context(), eventsName)
		check(t, err)
		var names, infos []string
		for name := range stream.ConsumerNames(t.Context()).Name() {
			names = append(names, name)
		}
		for info := range stream.ListConsumers(t.Context()).Info() {
			infos = append(infos, info.Name)
		}
		if !slices.Equal(names, c.want) || !slices.Equal(infos, c.want) {
			t.Errorf("names %v, list %v, want %v", names, infos, c.want)
		}
	}
}

// An ordered consumer, which clients make anew whenever they miss something,
// leaves nothing behind.
func TestConsumersOrdered(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	for n := range 5 {
		check(t, s.Publish(t.Context(), []Message{event(1, n)}))
	}
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	for range 30 {
		c, err := crm.js.OrderedConsumer(t.Context(), eventsName, jetstream.OrderedConsumerConfig{InactiveThreshold: time.Hour})
		check(t, err)
		batch, err := c.FetchNoWait(5)
		check(t, err)
		n := 0
		for range batch.Messages() {
			n++
		}
		if n != 5 {
			t.Fatalf("%d events: %v", n, batch.Error())
		}
		check(t, crm.js.DeleteConsumer(t.Context(), eventsName, c.CachedInfo().Name))
	}
	// The client deletes the consumer that it replaces in the background.
	list, err := s.ListConsumers(t.Context())
	for deadline := time.Now().Add(20 * time.Second); err == nil && len(list) > 0 && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
		list, err = s.ListConsumers(t.Context())
	}
	if err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// The durable consumers of a version that did not write their user down belong
// to who uses them first, with their positions.
func TestConsumersOfAnEarlierVersion(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Publish(t.Context(), []Message{event(1, 0), event(1, 1)}))
	e, _ := s.current()
	for _, name := range []string{"looked-up", "pulled", "made-again"} {
		c, err := e.js.CreateConsumer(t.Context(), eventsName, durableNamed(name))
		check(t, err)
		pull(t, c, 1)
	}
	check(t, s.Close())
	o := options(t, s.dir)
	o.Consumers = s.consumers
	s, err := Open(t.Context(), o)
	check(t, err)
	defer s.Close()
	crm, bi := dial(t, s, nats.UserInfo("crm", "crm's")), dial(t, s, nats.UserInfo("bi", "bi's"))
	c, err := crm.js.Consumer(t.Context(), eventsName, "looked-up")
	check(t, err)
	if got := pull(t, c, 1); got[0] != "1/1" {
		t.Error(got)
	}
	c, err = crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("made-again"))
	check(t, err)
	if got := pull(t, c, 1); got[0] != "1/1" {
		t.Error(got)
	}
	m, err := crm.Request(nextAPI+"pulled", []byte(`{"batch":1}`), patience) // as a program that reconnects does
	check(t, err)
	if m.Header.Get("Status") == "408" {
		m, err = crm.Request(nextAPI+"pulled", []byte(`{"batch":1}`), patience)
		check(t, err)
	}
	if string(m.Data) != "1/1" {
		t.Errorf("%v %q", m.Header, m.Data)
	}
	for _, name := range []string{"looked-up", "pulled", "made-again"} {
		if _, err := bi.js.Consumer(t.Context(), eventsName, name); !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Errorf("%s is the other user's, too: %v", name, err)
		}
	}
	list, err := s.ListConsumers(t.Context())
	check(t, err)
	for i := range list {
		list[i].Created = time.Time{}
		list[i].LastActive = time.Time{}
		list[i].AckPending = 0
	}
	want := []ConsumerStatus{
		{User: "crm", Name: "looked-up", Durable: true, Inactive: DefaultInactive},
		{User: "crm", Name: "made-again", Durable: true, Inactive: DefaultInactive},
		{User: "crm", Name: "pulled", Durable: true, Inactive: DefaultInactive},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}

func TestRemoveConsumer(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	c, err := crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("gone"))
	check(t, err)
	for _, wrong := range [][2]string{{"bi", "gone"}, {"crm", "other"}, {"crm", "a.b"}, {"", "gone"}} {
		if err := s.RemoveConsumer(t.Context(), wrong[0], wrong[1]); !errors.Is(err, ErrNoConsumer) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	check(t, s.RemoveConsumer(t.Context(), "crm", "gone"))
	if _, err := c.Next(jetstream.FetchMaxWait(patience)); !errors.Is(err, jetstream.ErrConsumerDeleted) {
		t.Errorf("its program is told %v", err)
	}
}

// What is handed on is what was read, whatever a program writes.
func FuzzReadCreation(f *testing.F) {
	for _, seed := range []string{`{"stream_name":"EVENTS","config":{"name":"x"}}`, `{"config":{"deliver_subject":"a"}}`,
		`{"config":{"durable_name":"x","DURABLE_NAME":"y"}}`, `{"config":null}`, `[]`, `{"config":{"name":"a.b\r\nPUB x 0"}}`, `{"config":{"inactive_threshold":-1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := readCreation(data, ""); err == nil && (r.Config.Name == "" || strings.ContainsAny(r.Config.Name, "\x00\r\n\t .*>")) {
			t.Errorf("%q names the consumer %q", data, r.Config.Name)
		}
		r, err := readCreation(data, "x.ev.>")
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			return // a time that JSON cannot hold is refused where it is sent
		}
		c := r.Config
		if c.Name != "x" || (c.Durable != "" && c.Durable != "x") || strings.Contains(string(again), "deliver_subject") ||
			c.InactiveThreshold > MaxInactive || (c.Durable != "" && c.InactiveThreshold <= 0) {
			t.Errorf("%q became %s", data, again)
		}
	})
}
