package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"agentkeeper/session"
)

// MaxAnswer is the longest answer to a command, in bytes; the server carries no
// longer message, its headers included.
const MaxAnswer = maxPayload - 64<<10

// Command is what a user of the listener sends to an agent.
type Command struct {
	User  string
	Agent session.ID
	// Wrong says why the subject names no agent, and what to write; nil: it names
	// Agent.
	Wrong error
	Body  []byte
	// Answer sends the answer, of at most [MaxAnswer] bytes. It is to be called once,
	// from any goroutine, and does not wait for the user.
	Answer func(data []byte)
}

// CommandSubject is where commands to an agent are sent.
func CommandSubject(id session.ID) string { return agentKey("cmd", id) }

// command hands a user's command on. Nobody would learn what became of one without a
// subject for the answer, so it is dropped.
func (c *clerk) command(user string, m *nats.Msg, rest string) {
	if m.Reply == "" {
		c.log.Debug("store: a command without a subject for its answer was dropped; send it as a request", "user", user, "to", rest)
		return
	}
	id, err := addressee(rest)
	c.Command(Command{User: user, Agent: id, Wrong: err, Body: m.Data, Answer: func(data []byte) {
		if err := m.Respond(data); err != nil {
			c.log.Debug("store: answer a command", "user", user, "agent", id.String(), "error", err) // a closed connection ends the store's run
		}
	}})
}

var errAddressee = errors.New("the subject names no agent: write cmd.SHARD.AGENT, with both as in the subjects of the agent's events")

// addressee reads the agent from what follows "cmd." in a subject.
func addressee(rest string) (session.ID, error) {
	shard, tok, _ := strings.Cut(rest, ".")
	name, err := untoken(tok)
	if err != nil {
		return session.ID{}, errAddressee
	}
	id, err := session.ParseID(name)
	if err != nil {
		return session.ID{}, errAddressee
	}
	if want := fmt.Sprintf("%04d", shardOf(id)); shard != want {
		return session.ID{}, fmt.Errorf("the shard of %s is %s: send to %s", session.Cut(name, MaxAgentSize), want, CommandSubject(id))
	}
	return id, nil
}
