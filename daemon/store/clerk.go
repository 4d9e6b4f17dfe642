package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	userPrefix = "agentkeeper.user." // where users' requests come to us
	commandAPI = "cmd.*.*"           // shard and agent, as in an event's subject
	ownPrefix  = "agentkeeper.own."  // within a user's account: requests to its own consumers
	consumeAPI = "$JS.API.CONSUMER."
	nextAPI    = consumeAPI + "MSG.NEXT." + eventsName + "."
	ackAPI     = "$JS.ACK." + eventsName + "."
)

// lent is what a user's account may ask of ours. Requests come to the clerk,
// except those that are many: to pull from a consumer and to acknowledge. The
// account maps these to ownPrefix for each of the user's own consumers, see
// [clerk.link], and from there they go to the server.
var lent = [...]struct {
	subject  string // as the account has it
	to       string // as ours has it
	users    int    // 1: the first wildcard of to stands for the user
	response server.ServiceRespType
}{
	{"$JS.API.INFO", userPrefix + "*.api.account", 1, server.Singleton},
	{"$JS.API.STREAM.NAMES", userPrefix + "*.api.streams", 1, server.Singleton},
	{"$JS.API.STREAM.INFO." + eventsName, userPrefix + "*.api.stream", 1, server.Singleton},
	{consumeAPI + "CREATE." + eventsName, userPrefix + "*.api.create", 1, server.Singleton}, // without a name
	{consumeAPI + "CREATE." + eventsName + ".>", userPrefix + "*.api.create.>", 1, server.Singleton},
	{consumeAPI + "DURABLE.CREATE." + eventsName + ".*", userPrefix + "*.api.durable.*", 1, server.Singleton}, // of older clients
	{consumeAPI + "INFO." + eventsName + ".*", userPrefix + "*.api.info.*", 1, server.Singleton},
	{consumeAPI + "LIST." + eventsName, userPrefix + "*.api.list", 1, server.Singleton},
	{consumeAPI + "NAMES." + eventsName, userPrefix + "*.api.names", 1, server.Singleton},
	{consumeAPI + "DELETE." + eventsName + ".*", userPrefix + "*.api.delete.*", 1, server.Singleton},
	{nextAPI + "*", userPrefix + "*.next.*", 1, server.Singleton},     // of a consumer that is not the user's
	{commandAPI, userPrefix + "*." + commandAPI, 1, server.Singleton}, // see [Consumers.Sender]
	{ownPrefix + "next.*", nextAPI + "*", 0, server.Streamed},
	{ownPrefix + "ack.>", ackAPI + ">", 0, server.Singleton},
}

// Bounds of what one user's requests may keep waiting here; more is dropped,
// and the program asks again.
const (
	queuedRequests = 256
	queuedCommands = 8192 // each is handed on at once
	queuedBytes    = 16 << 20
)

// clerk answers what users ask of JetStream. A user's requests are answered one
// after the other, those of different users at once. Its connection is apart
// from the one that writes go by.
type clerk struct {
	*Consumers
	nc     *nats.Conn
	js     jetstream.JetStream
	owners *owners
	log    *slog.Logger

	mu       sync.Mutex
	accounts map[string]*server.Account // by user
	warned   time.Time                  // when the log was last told that consumers are refused
}

func newClerk(ctx context.Context, e *engine) (*clerk, error) {
	nc, err := e.dial()
	if err != nil {
		return nil, err
	}
	c := &clerk{Consumers: e.consumers, nc: nc, log: e.log, accounts: map[string]*server.Account{}}
	if c.js, err = jetstream.New(nc); err == nil {
		c.owners, err = readOwners(ctx, c.js)
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("read the consumers: %w", err)
	}
	return c, nil
}

// serve answers what the user of an account asks, until the connection ends.
func (c *clerk) serve(user string, account *server.Account) error {
	c.mu.Lock()
	c.accounts[user] = account
	c.mu.Unlock()
	for _, name := range c.owners.names(user) {
		if err := c.link(user, name); err != nil {
			return err
		}
	}
	for _, desk := range []struct {
		verb   string
		queued int
		handle func(user string, m *nats.Msg, rest string)
	}{{"api.", queuedRequests, c.answer}, {"next.", queuedRequests, c.next}, {"cmd.", queuedCommands, c.command}} {
		if desk.verb == "cmd." && c.Command == nil {
			continue // the server tells that nobody responds
		}
		prefix := userPrefix + token(user) + "." + desk.verb
		sub, err := c.nc.Subscribe(prefix+">", func(m *nats.Msg) { desk.handle(user, m, strings.TrimPrefix(m.Subject, prefix)) })
		if err == nil {
			err = sub.SetPendingLimits(desk.queued, queuedBytes)
		}
		if err != nil {
			return fmt.Errorf("subscribe for the consumers of %s: %w", user, err)
		}
	}
	if err := c.nc.FlushTimeout(authTimeout); err != nil { // the user's first request must not come before
		return fmt.Errorf("subscribe for the consumers of %s: %w", user, err)
	}
	return nil
}

// links are the requests to one consumer that go to the server without us.
func links(name string) map[string]string {
	return map[string]string{nextAPI + name: ownPrefix + "next." + name, ackAPI + name + ".>": ownPrefix + "ack." + name + ".>"}
}

// link lets a user pull from its consumer.
func (c *clerk) link(user, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	account := c.accounts[user]
	if account == nil {
		return nil // it has not connected yet
	}
	for from, to := range links(name) {
		if err := account.AddMapping(from, to); err != nil {
			return fmt.Errorf("let %s read %s: %w", user, name, err)
		}
	}
	return nil
}

// unlink undoes link.
func (c *clerk) unlink(user, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if account := c.accounts[user]; account != nil {
		for from := range links(name) {
			account.RemoveMapping(from)
		}
	}
}

// forget notes that a consumer is gone.
func (c *clerk) forget(user, name string) {
	c.owners.forget(name, user)
	c.unlink(user, name)
}

// refresh forgets what the server has deleted, and returns what it has.
func (c *clerk) refresh(ctx context.Context) ([]*jetstream.ConsumerInfo, error) {
	infos, gone, err := c.owners.refresh(ctx, c.js)
	for name, user := range gone {
		c.unlink(user, name)
	}
	return infos, err
}

// next answers a request for the events of a consumer that is not the user's,
// as the server answers where there is none. One that has become the user's by
// this very request is asked for again.
func (c *clerk) next(user string, m *nats.Msg, name string) {
	status, text := "409", "Consumer Deleted"
	if c.own(user, name) {
		status, text = "408", "Request Timeout"
	}
	answer := &nats.Msg{Subject: m.Reply, Header: nats.Header{}}
	answer.Header.Set("Status", status)
	answer.Header.Set("Description", text)
	_ = c.nc.PublishMsg(answer) // a closed connection ends the store's run
}

// own reports whether the consumer is the user's. One that an earlier version
// of this program made belongs to the first who uses it.
func (c *clerk) own(user, name string) bool {
	owner, known := c.owners.of(name)
	switch {
	case !known:
		return false
	case owner != nobody:
		return owner == user
	}
	if !c.owners.adopt(name, user) {
		return false
	}
	if err := c.link(user, name); err != nil {
		c.log.Error("store: consumers", "error", err)
	}
	c.log.Info("store: a consumer of an earlier version belongs to its first user from now on", "consumer", name, "user", user)
	if err := c.sign(name, user); err != nil {
		c.log.Warn("store: write down whose consumer it is; the next start asks again", "consumer", name, "user", user, "error", err)
	}
	return true
}

// sign writes the owner of an existing consumer down, and a threshold where it
// has none.
func (c *clerk) sign(name, user string) error {
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	consumer, err := c.js.Consumer(ctx, eventsName, name)
	if err != nil {
		return err
	}
	config := consumer.CachedInfo().Config
	if config.Metadata == nil {
		config.Metadata = map[string]string{}
	}
	config.Metadata[ownerKey] = user
	if config.InactiveThreshold == 0 {
		config.InactiveThreshold = DefaultInactive
	}
	_, err = c.js.UpdateConsumer(ctx, eventsName, config)
	return err
}

// answer answers one request.
func (c *clerk) answer(user string, m *nats.Msg, rest string) {
	verb, name, _ := strings.Cut(rest, ".")
	var err error
	switch verb {
	case "account":
		err = c.account(user, m)
	case "streams":
		err = c.streams(m)
	case "stream":
		err = c.relay(m, "$JS.API.STREAM.INFO."+eventsName)
	case "create":
		err = c.create(user, m, consumeAPI+"CREATE."+eventsName, name)
	case "durable":
		err = c.create(user, m, consumeAPI+"DURABLE.CREATE."+eventsName, name)
	case "info":
		if err = c.must(user, name); err == nil {
			err = c.relay(m, consumeAPI+"INFO."+eventsName+"."+name)
		}
	case "delete":
		err = c.remove(user, m, name)
	case "list":
		err = c.list(user, m)
	case "names":
		err = c.names(user, m)
	}
	if err != nil {
		c.log.Debug("store: a consumer's request was refused", "user", user, "request", rest, "error", err)
		c.refuse(m, verb, err)
	}
}

var errNoConsumer = &jetstream.APIError{Code: 404, ErrorCode: jetstream.JSErrCodeConsumerNotFound, Description: "consumer not found"}

func (c *clerk) must(user, name string) error {
	if !c.own(user, name) {
		return errNoConsumer
	}
	return nil
}

// types are the answers' types by verb, as clients check them.
var types = map[string]string{
	"account": "account_info", "streams": "stream_names", "stream": "stream_info",
	"create": "consumer_create", "durable": "consumer_create", "info": "consumer_info", "delete": "consumer_delete",
	"list": "consumer_list", "names": "consumer_names",
}

// response is the beginning of each answer.
type response struct {
	Type  string              `json:"type"`
	Error *jetstream.APIError `json:"error,omitempty"`
}

func typeOf(verb string) string { return "io.nats.jetstream.api.v1." + types[verb] + "_response" }

// refuse answers as the server does where it refuses.
func (c *clerk) refuse(m *nats.Msg, verb string, err error) {
	r := response{Type: typeOf(verb)}
	if !errors.As(err, &r.Error) {
		r.Error = &jetstream.APIError{Code: 403, ErrorCode: codeNoConsumer, Description: err.Error()}
	}
	c.respond(m, r)
}

func (c *clerk) respond(m *nats.Msg, value any) {
	data, err := json.Marshal(value)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		c.log.Debug("store: answer a consumer", "error", err) // a closed connection ends the store's run
	}
}

const codeNoConsumer = 10012 // the server's own for "consumer create failed"

// relay has the server answer a request as it is.
func (c *clerk) relay(m *nats.Msg, subject string) error {
	answer, err := c.ask(subject, m.Data)
	if err == nil {
		_ = m.Respond(answer) // a closed connection ends the store's run
	}
	return err
}

// ask has the server answer a request, and returns the answer or the error in
// it. A program's headers stay behind, for there are some that the server
// trusts.
func (c *clerk) ask(subject string, data []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	answer, err := c.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: data})
	if err != nil {
		return nil, err
	}
	var r response
	if err := json.Unmarshal(answer.Data, &r); err != nil {
		return nil, fmt.Errorf("the server's answer: %w", err)
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return answer.Data, nil
}

// remove deletes a user's own consumer.
func (c *clerk) remove(user string, m *nats.Msg, name string) error {
	err := c.must(user, name)
	if err == nil {
		err = c.relay(m, consumeAPI+"DELETE."+eventsName+"."+name)
	}
	if err == nil || errors.Is(err, jetstream.ErrConsumerNotFound) {
		c.forget(user, name)
	}
	return err
}
