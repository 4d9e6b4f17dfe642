package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"agentkeeper/session"
)

// commanded opens a store to whose users commands go to take; crm may send some.
func commanded(t *testing.T, take func(Command)) *Store {
	t.Helper()
	o := options(t, t.TempDir())
	o.Consumers = &Consumers{
		Address: freeAddress(t), Permit: permit, Limit: func(string) int { return 20 },
		Sender: func(user string) bool { return user == "crm" }, Command: take,
	}
	s, err := Open(t.Context(), o)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A command is one request with one answer, at once or later, and in the order in
// which each user sends.
func TestCommands(t *testing.T) {
	late := make(chan Command, 1)
	s := commanded(t, func(c Command) {
		if string(c.Body) == "later" {
			late <- c
			return
		}
		c.Answer(fmt.Appendf(nil, "%s of %s to %v", c.Body, c.User, c.Agent))
	})
	id := session.ID{Platform: "cc", Login: "operator.1@x"}
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	own := dial(t, s, nats.UserInfo("crm", "crm's"), nats.CustomInboxPrefix("_INBOX.crm"))
	for _, c := range []*consumer{crm, own} {
		for n := range 3 {
			m, err := c.Request(CommandSubject(id), fmt.Append(nil, n), patience)
			check(t, err)
			if want := fmt.Sprintf("%d of crm to cc/operator.1@x", n); string(m.Data) != want {
				t.Errorf("the answer is %s, want %s", m.Data, want)
			}
		}
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		m, err := crm.Request(CommandSubject(id), []byte("later"), patience)
		if err != nil || string(m.Data) != "now" {
			t.Errorf("the late answer: %v", err)
		}
	})
	c := <-late
	if m, err := crm.Request(CommandSubject(id), []byte("meanwhile"), patience); err != nil || !strings.HasPrefix(string(m.Data), "meanwhile") {
		t.Errorf("behind one that waits: %v", err)
	}
	c.Answer([]byte("now"))
	waiting.Wait()
}

// The subject of a command names the agent as those of its events do.
func TestCommandSubjects(t *testing.T) {
	wrong := make(chan Command, 1)
	s := commanded(t, func(c Command) {
		wrong <- c
		c.Answer(nil)
	})
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	id := agent(1)
	event := strings.Split(eventSubject(id, "t"), ".")
	for subject, want := range map[string]string{
		"cmd." + event[1] + "." + event[2]:         "",
		"cmd.x." + event[2]:                        "the shard of " + id.String() + " is " + event[1] + ": send to cmd." + event[1],
		"cmd." + event[1] + ".291":                 "names no agent",
		"cmd." + event[1] + ".=":                   "names no agent",
		"cmd." + event[1] + ".hq/=Z9":              "names no agent",
		"cmd." + event[1] + "." + event[2] + "=2A": "the shard of",
	} {
		_, err := crm.Request(subject, nil, patience)
		check(t, err)
		c := <-wrong
		if (want == "") != (c.Wrong == nil) || (c.Wrong != nil && !strings.Contains(c.Wrong.Error(), want)) || (want == "" && c.Agent != id) {
			t.Errorf("%s: %v, %v", subject, c.Agent, c.Wrong)
		}
	}
}

// Only those who may send commands can, none of them as another user, and nobody
// hears another's.
func TestCommandsOfOthers(t *testing.T) {
	taken := make(chan Command, 10)
	s := commanded(t, func(c Command) {
		taken <- c
		c.Answer([]byte("x"))
	})
	subject := CommandSubject(agent(1))
	crm, bi := dial(t, s, nats.UserInfo("crm", "crm's")), dial(t, s, nats.UserInfo("bi", "bi's"))
	check(t, bi.PublishRequest(subject, nats.NewInbox(), []byte("{}")))
	wantDenied(t, bi, "send without the right", subject)
	for _, c := range []*consumer{crm, bi} {
		other := userPrefix + token("crm") + "." + subject
		check(t, c.PublishRequest(other, nats.NewInbox(), []byte("{}")))
		wantDenied(t, c, "go behind our back", other)
		for _, listen := range []string{"cmd.>", subject} {
			_, err := c.SubscribeSync(listen)
			check(t, err)
			wantDenied(t, c, "listen to commands", listen)
		}
	}
	inboxes, err := bi.SubscribeSync("_INBOX.>")
	check(t, err)
	check(t, bi.Flush())
	check(t, crm.Publish(subject, []byte("{}"))) // nobody would learn of its outcome
	if _, err := crm.Request(subject, []byte("{}"), patience); err != nil {
		t.Fatal(err)
	}
	if m, err := inboxes.NextMsg(50 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("another user hears %v, %v", m, err)
	}
	if len(taken) != 1 {
		t.Errorf("%d commands came, want the one that is a request", len(taken))
	}
}

// Where nobody takes commands the server says at once that nobody responds, which
// means that nothing was sent.
func TestCommandsWithoutResponder(t *testing.T) {
	s := commanded(t, nil)
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	if _, err := crm.Request(CommandSubject(agent(1)), []byte("{}"), patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("without a responder: %v", err)
	}
}

// An answer of the longest size comes through.
func TestLongestAnswer(t *testing.T) {
	s := commanded(t, func(c Command) { c.Answer(make([]byte, MaxAnswer)) })
	crm := dial(t, s, nats.UserInfo("crm", "crm's"))
	m, err := crm.Request(CommandSubject(agent(1)), []byte("{}"), patience)
	check(t, err)
	if len(m.Data) != MaxAnswer {
		t.Errorf("%d bytes came, want %d", len(m.Data), MaxAnswer)
	}
}
