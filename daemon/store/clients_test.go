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
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What the clients ask before anything else is answered: whether there is
// JetStream, and which stream has a subject. The answers tell of the user's own
// consumers and of one stream alone, whatever else there is on the server.
func TestConsumersAskFirst(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Save(t.Context(), agent(1), filled(t, 1)))
	crm, bi := dial(t, s, nats.UserInfo("crm", "crm's")), dial(t, s, nats.UserInfo("bi", "bi's"))
	_, err := bi.js.CreateConsumer(t.Context(), eventsName, durableNamed("of-bi"))
	check(t, err)
	for n := range 2 {
		info, err := crm.js.AccountInfo(t.Context())
		check(t, err)
		if info.Streams != 1 || info.Consumers != n || info.Limits.MaxConsumers != 20 || info.Store != 0 || info.API.Total != 0 {
			t.Errorf("with %d consumers the account is %+v", n, info)
		}
		_, err = crm.js.CreateConsumer(t.Context(), eventsName, durableNamed("reader"))
		check(t, err)
	}
	var names []string
	for name := range crm.js.StreamNames(t.Context()).Name() {
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{eventsName}, names); diff != "" {
		t.Errorf("streams: %s", diff)
	}
	for subject, there := range map[string]bool{
		"ev.>": true, ">": true, "ev.*.hq/291.>": true, eventSubject(agent(1), "t"): true, "*.>": true,
		"$KV.keeper.>": false, keyPrefix + agentKey("sess", agent(1)): false, "ev": false, "ev.a.b.c.d": false, userPrefix + ">": false,
	} {
		name, err := crm.js.StreamNameBySubject(t.Context(), subject)
		if (there && (err != nil || name != eventsName)) || (!there && !errors.Is(err, jetstream.ErrStreamNotFound)) {
			t.Errorf("%s belongs to %q, %v", subject, name, err)
		}
	}
	for body, want := range map[string]string{`{"offset":1}`: `"total":1,"offset":1,"limit":256,"streams":[]`, `{"offset":-5}`: `"streams":["EVENTS"]`, `[`: `"error"`} {
		m, err := crm.Request("$JS.API.STREAM.NAMES", []byte(body), 10*time.Second)
		check(t, err)
		if !strings.Contains(string(m.Data), want) || !strings.Contains(string(m.Data), server.JSApiStreamNamesResponseType) {
			t.Errorf("%s is answered %s", body, m.Data)
		}
	}
	if len(crm.denied) > 0 {
		t.Errorf("denied: %s", <-crm.denied)
	}
}

// The older interface of the official Go client looks the stream up by subject,
// and makes its consumer when it subscribes.
func TestConsumersByTheOlderClient(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Publish(t.Context(), []Message{event(1, 0), event(1, 1)}))
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	js, err := crm.JetStream()
	check(t, err)
	if info, err := js.AccountInfo(); err != nil || info.Streams != 1 {
		t.Errorf("the account: %+v, %v", info, err)
	}
	for _, name := range []string{"crm", ""} { // durable, and not
		sub, err := js.PullSubscribe("ev.>", name)
		check(t, err)
		messages, err := sub.Fetch(2, nats.MaxWait(10*time.Second))
		check(t, err)
		for n, m := range messages {
			if got := string(m.Data); got != fmt.Sprint("1/", n) {
				t.Errorf("consumer %q: event %d is %s", name, n, got)
			}
			check(t, m.AckSync())
		}
	}
	if _, err := js.Subscribe("ev.>", func(*nats.Msg) {}); err == nil || !strings.Contains(err.Error(), errPush.Error()) {
		t.Errorf("a subscription that is pushed to: %v", err)
	}
	if len(crm.denied) > 0 {
		t.Errorf("denied: %s", <-crm.denied)
	}
}

// The JavaScript clients name a consumer that is not durable in the request and
// not in the subject, or nowhere. Such a name becomes a part of a subject that
// only we may ask, so what is no plain name is refused.
func TestConsumersNamedByTheRequest(t *testing.T) {
	s := public(t, t.TempDir(), nil)
	check(t, s.Publish(t.Context(), []Message{event(1, 0)}))
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	create := func(config string) (name, complaint string) {
		t.Helper()
		m, err := crm.Request("$JS.API.CONSUMER.CREATE.EVENTS", []byte(`{"stream_name":"EVENTS","config":`+config+`}`), 10*time.Second)
		check(t, err)
		var answer struct {
			Name  string
			Error struct{ Description string }
		}
		check(t, json.Unmarshal(m.Data, &answer))
		return answer.Name, answer.Error.Description
	}
	names := []string{"mine"}
	for config, want := range map[string]string{
		`{"name":"mine","ack_policy":"explicit","filter_subject":"ev.>"}`: "mine", `{"ack_policy":"explicit"}`: "", `{"ack_policy":"none","filter_subjects":["ev.>"]}`: "",
	} {
		name, complaint := create(config)
		if complaint != "" || name == "" || (want != "" && name != want) {
			t.Errorf("%s makes %q: %s", config, name, complaint)
		}
		if want == "" {
			names = append(names, name)
		}
		c, err := crm.js.Consumer(t.Context(), eventsName, name)
		check(t, err)
		if m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second)); err != nil || string(m.Data()) != "1/0" {
			t.Errorf("%s reads %v, %v", config, m, err)
		}
	}
	for config, want := range map[string]string{
		`{"durable_name":"d"}`: "does not name the consumer d", `{"name":"` + strings.Repeat("x", 256) + `"}`: "is no name", `{"deliver_subject":"x"}`: errPush.Error(),
		`{"name":"a.ev.>"}`: "is no name", `{"name":"a b"}`: "is no name", `{"name":"a\r\nPUB x 0"}`: "is no name", `{"name":"*"}`: "is no name", `{"name":"a/b"}`: "is no name",
	} {
		if name, complaint := create(config); !strings.Contains(complaint, want) {
			t.Errorf("%s makes %q: %s", config, name, complaint)
		}
	}
	list, err := s.ListConsumers(t.Context())
	check(t, err)
	slices.Sort(names)
	var got []string
	for _, c := range list {
		if c.User != "crm" {
			t.Errorf("%s is %q's", c.Name, c.User)
		}
		got = append(got, c.Name)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
