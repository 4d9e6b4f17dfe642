package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// carrier stands in for the commands of all agents: it answers when it is let go.
type carrier struct {
	result  command.Result
	release chan struct{} // nil: at once
	asked   chan asked
}

type asked struct {
	id session.ID
	r  command.Request
	by command.Caller
}

func (c *carrier) Do(_ context.Context, id session.ID, r command.Request, by command.Caller) command.Result {
	c.asked <- asked{id, r, by}
	if c.release != nil {
		<-c.release
	}
	return c.result
}

func sendersOf(t *testing.T, users ...config.Consumer) *senders {
	t.Helper()
	return newSenders(func() *config.Config { return &config.Config{Consumers: users} }, slog.New(slog.DiscardHandler))
}

var crm = config.Consumer{Name: "crm", Commands: &config.Sender{Agents: []string{"hq/*", "cc/op1"}, Allow: []string{"do:busy"}}}

// sends gives a command to the senders and returns where its answer comes.
func sends(s *senders, user string, id session.ID, wrong error, body string) <-chan command.Reply {
	answers := make(chan command.Reply, 1)
	s.take(store.Command{User: user, Agent: id, Wrong: wrong, Body: []byte(body), Answer: func(data []byte) {
		var r command.Reply
		if err := json.Unmarshal(data, &r); err != nil {
			panic(err)
		}
		answers <- r
	}})
	return answers
}

var hq291 = session.ID{Platform: "hq", Login: "291"}

const sayBusy = `{"do":"busy","reason":"x"}`

// Each user sends to its own agents, with its own limits, and is named.
func TestSenders(t *testing.T) {
	c := &carrier{result: command.Result{Outcome: command.Done, Status: 200, HTTP: 200}, asked: make(chan asked, 1)}
	s := sendersOf(t, crm, config.Consumer{Name: "bi"})
	if r := <-sends(s, "crm", hq291, nil, sayBusy); r.HTTP != 503 || r.Outcome != command.NotSent {
		t.Errorf("before the agents have started: %+v", r)
	}
	s.open(c)
	if r := <-sends(s, "crm", hq291, nil, sayBusy); r.HTTP != 200 || r.Outcome != command.Done {
		t.Errorf("a good one: %+v", r)
	}
	if got := <-c.asked; got.id != hq291 || got.r.Do != "busy" || got.by.Name != "events user crm" || !slices.Equal(got.by.Allow, []string{"do:busy"}) || got.by.Keeper {
		t.Errorf("it came as %+v", got)
	}
	for _, tt := range []struct {
		user, agent, body string
		wrong             error
		http              int
		says              string
	}{
		{"bi", "hq/291", sayBusy, nil, 403, "this user may send no commands: write"},
		{"gone", "hq/291", sayBusy, nil, 403, "this user may send no commands: write"},
		{"crm", "cc/op2", sayBusy, nil, 403, "to cc/op2"},
		{"crm", "hq/291", sayBusy, errors.New("no agent"), 400, "no agent"},
		{"crm", "hq/291", `{"do":"busy"}`, nil, 400, "reason is missing"},
		{"crm", "hq/291", ``, nil, 400, "no JSON object"},
	} {
		id, err := session.ParseID(tt.agent)
		if err != nil {
			t.Fatal(err)
		}
		if r := <-sends(s, tt.user, id, tt.wrong, tt.body); r.HTTP != tt.http || r.Outcome != command.Refused || !strings.Contains(r.Error, tt.says) {
			t.Errorf("%+v: %+v", tt, r)
		}
	}
	if len(c.asked) > 0 {
		t.Errorf("%+v came as far as the agent", <-c.asked)
	}
	if !s.may("crm") || s.may("bi") || s.may("gone") {
		t.Error("who may send is not who is configured to")
	}
}

// A user has so many under way at most; others do not suffer, and each that ends makes
// room.
func TestSendersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &carrier{result: command.Result{Outcome: command.Done, HTTP: 200}, release: make(chan struct{}), asked: make(chan asked, mostSent+2)}
		other := config.Consumer{Name: "bot", Commands: crm.Commands}
		s := sendersOf(t, crm, other)
		s.open(c)
		var first <-chan command.Reply
		for range mostSent {
			first = sends(s, "crm", hq291, nil, sayBusy)
		}
		synctest.Wait()
		if r := <-sends(s, "crm", hq291, nil, sayBusy); r.HTTP != 429 || r.Outcome != command.NotSent {
			t.Errorf("one too many: %+v", r)
		}
		theirs := sends(s, "bot", hq291, nil, sayBusy)
		synctest.Wait()
		if len(c.asked) != mostSent+1 {
			t.Errorf("%d came, want %d and the other user's", len(c.asked), mostSent)
		}
		close(c.release)
		<-first
		<-theirs
		synctest.Wait()
		r := <-sends(s, "crm", hq291, nil, sayBusy)
		synctest.Wait()
		if r.HTTP != 200 || len(s.sent) > 0 {
			t.Errorf("after the others: %+v, %v under way", r, s.sent)
		}
	})
}

// At the end nothing more is taken, and what was taken has its answer, within the
// limit.
func TestSendersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &carrier{result: command.Result{Outcome: command.Doubt, HTTP: 504}, release: make(chan struct{}), asked: make(chan asked, 2)}
		s := sendersOf(t, crm)
		s.open(c)
		answer := sends(s, "crm", hq291, nil, sayBusy)
		go func() {
			time.Sleep(time.Second)
			close(c.release)
		}()
		began := time.Now()
		s.close(2 * time.Second)
		if took := time.Since(began); took != time.Second {
			t.Errorf("the end took %v", took)
		}
		if r := <-answer; r.HTTP != 504 || r.Outcome != command.Doubt {
			t.Errorf("the last one: %+v", r)
		}
		if r := <-sends(s, "crm", hq291, nil, sayBusy); r.HTTP != 503 || r.Outcome != command.NotSent {
			t.Errorf("after the end: %+v", r)
		}

		c.release = make(chan struct{})
		s = sendersOf(t, crm)
		s.open(c)
		answer = sends(s, "crm", hq291, nil, sayBusy)
		began = time.Now()
		s.close(2 * time.Second)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("an end that does not wait for ever took %v", took)
		}
		close(c.release)
		<-answer
	})
}

// What no message can carry is left out of the answer, which says so.
func TestSendersCutAnswers(t *testing.T) {
	long := json.RawMessage(`"` + strings.Repeat("x", store.MaxAnswer) + `"`)
	c := &carrier{result: command.Result{Outcome: command.Done, Answer: long, HTTP: 200}, asked: make(chan asked, 1)}
	s := sendersOf(t, crm)
	s.open(c)
	if r := <-sends(s, "crm", hq291, nil, sayBusy); r.HTTP != 200 || r.Outcome != command.Done || r.Answer != nil || !strings.Contains(r.Error, "left out") {
		t.Errorf("%.200v", r)
	}
}
