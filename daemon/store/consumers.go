package store

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Consumers opens the stream of events, and nothing else, to other programs.
//
// Each user is an account of its own on the server: it sees no subject of ours
// and none of the other users', not even their inboxes. What it can reach is
// lent to it piece by piece: the description of the stream, and to create,
// describe, pull from and acknowledge consumers of it. A consumer that would
// have the server push its messages to a subject is refused, for the server
// delivers with its own rights, and a subject can be the bucket or the API.
type Consumers struct {
	Address string      // host:port
	TLS     *tls.Config // nil: plain text, for the loopback
	// Permit names the user who shows a name and password, or a token. It is asked
	// at each connection, from any goroutine.
	Permit func(name, password, token string) (user string, ok bool)
}

const (
	self           = "agentkeeper itself" // our own connection's user; no other can be named so
	authTimeout    = 5 * time.Second
	codeNoConsumer = 10012 // the server's own for "consumer create failed"
	createAPI      = "$JS.API.CONSUMER.CREATE." + eventsName + ".>"
	durableAPI     = "$JS.API.CONSUMER.DURABLE.CREATE." + eventsName + ".*" // of older clients
	checkedAs      = "agentkeeper.consumer.create.>"                        // where requests to create are looked through
	durableAs      = "agentkeeper.consumer.durable.*"
)

// lent is what a user's account may ask of ours.
var lent = [...]struct {
	subject  string
	to       string // "" = the subject itself
	response server.ServiceRespType
}{
	{"$JS.API.STREAM.INFO." + eventsName, "", server.Singleton},
	{createAPI, checkedAs, server.Singleton},
	{durableAPI, durableAs, server.Singleton},
	{"$JS.API.CONSUMER.INFO." + eventsName + ".*", "", server.Singleton},
	{"$JS.API.CONSUMER.MSG.NEXT." + eventsName + ".*", "", server.Streamed},
	{"$JS.ACK." + eventsName + ".>", "", server.Singleton},
}

// permissions say the same again, so that what is out of reach is denied at
// once instead of never answered.
func permissions() *server.Permissions {
	p := &server.Permissions{
		Publish:   &server.SubjectPermission{},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	for _, l := range lent {
		p.Publish.Allow = append(p.Publish.Allow, l.subject)
	}
	return p
}

// access is the door of one run of the server.
type access struct {
	permit func(name, password, token string) (string, bool)
	secret string // of our own connection

	mu     sync.Mutex // one account is made at a time
	srv    *server.Server
	lent   bool
	failed func(error)
}

func newAccess(c *Consumers, failed func(error)) *access {
	return &access{permit: c.Permit, secret: nuid.Next() + nuid.Next(), failed: failed}
}

// Check implements the server's authentication.
func (a *access) Check(c server.ClientAuthentication) bool {
	shown := c.GetOpts()
	if shown.Username == self && subtle.ConstantTimeCompare([]byte(shown.Password), []byte(a.secret)) == 1 {
		c.RegisterUser(&server.User{Username: self})
		return true
	}
	user, ok := a.permit(shown.Username, shown.Password, shown.Token)
	if !ok {
		return false
	}
	account, err := a.account(user)
	if err != nil {
		a.failed(fmt.Errorf("let the consumer %q in: %w", user, err))
		return false
	}
	c.RegisterUser(&server.User{Username: user, Account: account, Permissions: permissions()})
	return true
}

func accountOf(user string) string { return "consumer-" + token(user) }

// account returns a user's account, made on first use.
func (a *access) account(user string) (*server.Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ours := a.srv.GlobalAccount()
	if err := a.lend(ours); err != nil {
		return nil, err
	}
	account, isNew := a.srv.LookupOrRegisterAccount(accountOf(user))
	if !isNew {
		return account, nil
	}
	for _, l := range lent {
		to := l.to
		if to == "" {
			to = l.subject
		}
		if err := account.AddServiceImport(ours, l.subject, to); err != nil {
			return nil, fmt.Errorf("import %s: %w", l.subject, err)
		}
	}
	return account, nil
}

func (a *access) lend(ours *server.Account) error {
	if a.lent {
		return nil
	}
	for _, l := range lent {
		subject := l.to
		if subject == "" {
			subject = l.subject
		}
		if err := ours.AddServiceExportWithResponse(subject, l.response, nil); err != nil {
			return fmt.Errorf("export %s: %w", subject, err)
		}
	}
	a.lent = true
	return nil
}

// listenOptions adds the door to the server's options. The server itself does
// not listen: a port that is taken must not stop it.
func (e *engine) listenOptions(o *server.Options) error {
	c := e.consumers
	if c == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return fmt.Errorf("listen for consumers on %s: %w", c.Address, err)
	}
	if o.Port, err = strconv.Atoi(port); err != nil {
		return fmt.Errorf("listen for consumers on %s: %w", c.Address, err)
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	o.Host, o.TLSConfig = host, c.TLS
	o.AuthTimeout, o.TLSTimeout = authTimeout.Seconds(), authTimeout.Seconds()
	e.access = newAccess(c, func(err error) { e.log.Error("store: consumers", "error", err) })
	o.CustomClientAuthentication = e.access
	return nil
}

// listen lets consumers come. It fails where the address cannot be bound; the
// store works all the same.
func (e *engine) listen() error {
	if e.access == nil || e.srv.Addr() != nil {
		return nil
	}
	bound := make(chan struct{})
	go e.srv.AcceptLoop(bound) // ends with the server
	<-bound
	if addr := e.srv.Addr(); addr != nil {
		e.log.Info("store: consumers may connect", "listen", addr.String())
		return nil
	}
	return fmt.Errorf("listen for consumers on %s: the address cannot be bound", e.consumers.Address)
}

// serveConsumers looks through what users ask to create.
func (e *engine) serveConsumers() error {
	if e.access == nil {
		return nil
	}
	for as, api := range map[string]string{checkedAs: createAPI, durableAs: durableAPI} {
		as, api = strings.TrimRight(as, "*>"), strings.TrimRight(api, "*>")
		_, err := e.nc.Subscribe(as+">", func(m *nats.Msg) { e.create(m, api+strings.TrimPrefix(m.Subject, as)) })
		if err != nil {
			return fmt.Errorf("subscribe for consumers: %w", err)
		}
	}
	return nil
}

// create hands a request to create a consumer on, if it is one that pulls.
func (e *engine) create(m *nats.Msg, subject string) {
	err := pulls(m.Data)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
		defer cancel()
		var answer *nats.Msg
		if answer, err = e.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Header: m.Header, Data: m.Data}); err == nil {
			_ = m.Respond(answer.Data) // a closed connection ends the store's run
			return
		}
	}
	e.log.Debug("store: a consumer was not created", "subject", subject, "error", err)
	refusal, _ := json.Marshal(map[string]any{
		"type":  "io.nats.jetstream.api.v1.consumer_create_response",
		"error": map[string]any{"code": 403, "err_code": codeNoConsumer, "description": err.Error()},
	})
	_ = m.Respond(refusal)
}

var errPush = errors.New("agentkeeper offers pull consumers only: leave deliver_subject out")

// pulls refuses a consumer whose messages would be pushed. A text that the
// server could read otherwise than we do is refused, too: a field that is not
// known here is not handed on unseen in another spelling.
func pulls(request []byte) error {
	var r struct {
		Config map[string]json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(request, &r); err != nil {
		return fmt.Errorf("the request is no JSON: %w", err)
	}
	for name := range r.Config {
		if strings.EqualFold(name, "deliver_subject") || strings.EqualFold(name, "deliver_group") {
			return errPush
		}
	}
	return nil
}

// Disconnect ends the connections of the users that stay says no to.
func (s *Store) Disconnect(stay func(user string) bool) {
	e, _ := s.current()
	if e == nil || e.access == nil {
		return
	}
	list, err := e.srv.Connz(&server.ConnzOptions{Username: true, Limit: 1 << 20})
	if err != nil {
		s.log.Warn("store: list the consumers' connections", "error", err)
		return
	}
	for _, c := range list.Conns {
		if c.AuthorizedUser != self && !stay(c.AuthorizedUser) {
			s.log.Info("store: disconnecting a consumer that is no user any more", "user", c.AuthorizedUser)
			_ = e.srv.DisconnectClientByID(c.Cid) // it may have gone by itself
		}
	}
}

// ConsumersAddr returns where consumers connect, nil where they cannot.
func (s *Store) ConsumersAddr() net.Addr {
	e, _ := s.current()
	if e == nil || e.access == nil {
		return nil
	}
	return e.srv.Addr()
}
