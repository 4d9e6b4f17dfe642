package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// mostSent is how many commands of one user of the stream may be under way or wait.
const mostSent = 1024

// senders take the commands that users of the stream send, and answer them.
type senders struct {
	config func() *config.Config // the one in use
	log    *slog.Logger

	mu       sync.Mutex
	commands api.Commands   // nil: the agents have not started yet
	sent     map[string]int // under way, by user
	closed   bool
	waiting  sync.WaitGroup
}

func newSenders(cfg func() *config.Config, log *slog.Logger) *senders {
	return &senders{config: cfg, log: log, sent: map[string]int{}}
}

func senderBounds() []bound.Bound {
	return []bound.Bound{
		{Where: "`events.listen`", What: "commands of one user under way or waiting, to all agents", Limit: bound.Count(mostSent), Beyond: `not sent, with "http":429`, Test: "TestSendersAreBounded"},
	}
}

// open has commands carried out from now on.
func (s *senders) open(c api.Commands) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = c
}

// close takes no more commands, and waits until those that were taken are answered,
// at most until limit.
func (s *senders) close(limit time.Duration) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	answered := make(chan struct{})
	go func() {
		s.waiting.Wait()
		close(answered)
	}()
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-answered:
	case <-over.C:
		s.log.Warn("events: commands of users of the stream end without an answer; they are in doubt")
	}
}

// rights returns what a user may send; nil: nothing.
func rights(cfg *config.Config, user string) *config.Sender {
	i := slices.IndexFunc(cfg.Consumers, func(c config.Consumer) bool { return c.Name == user })
	if i < 0 {
		return nil
	}
	return cfg.Consumers[i].Commands
}

// may reports whether a user may send commands at all.
func (s *senders) may(user string) bool { return rights(s.config(), user) != nil }

// take implements store.Consumers' Command.
func (s *senders) take(c store.Command) {
	asked, by, refusal := s.read(c)
	if refusal != nil {
		s.answer(c, *refusal)
		return
	}
	commands, refusal := s.admit(c.User)
	if refusal != nil {
		s.answer(c, *refusal)
		return
	}
	go func() {
		defer s.done(c.User)
		s.answer(c, commands.Do(context.Background(), c.Agent, asked, by))
	}()
}

// read decodes a command and looks whether its user may send one to its agent.
func (s *senders) read(c store.Command) (asked command.Request, by command.Caller, refusal *command.Result) {
	sender := rights(s.config(), c.User)
	refuse := func(status int, text string) (command.Request, command.Caller, *command.Result) {
		r := command.Refuse(status, text)
		return command.Request{}, command.Caller{}, &r
	}
	switch {
	case sender == nil:
		return refuse(http.StatusForbidden, "this user may send no commands: write commands: {agents: […]} at the user under events.users")
	case c.Wrong != nil:
		return refuse(http.StatusBadRequest, c.Wrong.Error())
	case !session.MatchesAny(sender.Agents, c.Agent.String()):
		return refuse(http.StatusForbidden, fmt.Sprintf("this user may send no commands to %s: commands.agents of the user under events.users does not name it",
			session.Cut(c.Agent.String(), store.MaxAgentSize)))
	}
	asked, err := command.Decode(c.Body)
	if err != nil {
		r := command.Malformed(err)
		return command.Request{}, command.Caller{}, &r
	}
	return asked, command.Caller{Name: "events user " + c.User, Allow: sender.Allow}, nil
}

// admit gives a command its place; done gives it back.
func (s *senders) admit(user string) (api.Commands, *command.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.commands == nil, s.closed:
		return nil, notSent(http.StatusServiceUnavailable, "the service is starting or ending: send the command again later")
	case s.sent[user] >= mostSent:
		return nil, notSent(http.StatusTooManyRequests, fmt.Sprintf("%d commands of this user are under way, which is all that there may be: send the command again later", mostSent))
	}
	s.sent[user]++
	s.waiting.Add(1)
	return s.commands, nil
}

func notSent(status int, text string) *command.Result {
	return &command.Result{Outcome: command.NotSent, Error: text, HTTP: status, Retry: time.Second}
}

func (s *senders) done(user string) {
	s.mu.Lock()
	if s.sent[user]--; s.sent[user] == 0 {
		delete(s.sent, user)
	}
	s.mu.Unlock()
	s.waiting.Done()
}

// answer sends a result. A platform's answer that no message can carry is left out.
func (s *senders) answer(c store.Command, r command.Result) {
	data, err := json.Marshal(command.Reply{Result: r, HTTP: r.HTTP})
	if err == nil && len(data) > store.MaxAnswer {
		r.Answer, r.Error = nil, fmt.Sprintf("the platform's answer has %d bytes, which is more than a message can carry; it is left out here", len(r.Answer))
		data, err = json.Marshal(command.Reply{Result: r, HTTP: r.HTTP})
	}
	if err != nil {
		s.log.Error("events: the answer to a command cannot be written", "user", c.User, "agent", c.Agent.String(), "error", err)
		return
	}
	c.Answer(data)
}
