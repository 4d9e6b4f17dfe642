package store

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nuid"
)

// Consumers opens the stream of events, and nothing else, to other programs.
//
// Each user is an account of its own on the server: it sees no subject of ours
// and none of the other users', not even their inboxes, whatever prefix these have. What it may ask of
// JetStream comes to us first, see [clerk]: every consumer belongs to the user
// who created it, and nobody else can see, change, read or delete it. A
// consumer that would have the server push its messages to a subject is
// refused, for the server delivers with its own rights, and a subject can be
// the bucket or the API.
type Consumers struct {
	Address string      // host:port
	TLS     *tls.Config // nil: plain text, for the loopback
	// Permit names the user who shows a name and password, or a token. It is asked
	// at each connection, from any goroutine.
	Permit func(name, password, token string) (user string, ok bool)
	// Limit is how many consumers a user may have; 0: none. It is asked at each
	// creation, from any goroutine.
	Limit func(user string) int
	// Connections is how many connections the listener may have now. It is asked
	// at each connection, from any goroutine; nil: 512.
	Connections func() int
	// Sender reports whether a user may send commands at all. It is asked at each
	// connection, from any goroutine; nil: nobody may.
	Sender func(user string) bool
	// Command takes what a user sends to an agent. It must not block, and comes from
	// one goroutine for each user; nil: nobody responds.
	Command func(Command)
	// Refused is told the reason of each connection and each consumer that was
	// not let in, one of [Refusals]; from any goroutine; nil: nobody.
	Refused func(reason string)
}

const (
	self        = "agentkeeper itself" // our own connection's user; no other can be named so
	authTimeout = 5 * time.Second      // from a connection's beginning, for TLS and the login together
	// Bounds of one user's connections. What a user sends are requests and
	// acknowledgements, which are short.
	userConnections  = 64
	userPayload      = 64 << 10 // bytes of one message
	maxControlLine   = 4096     // bytes of one line of the protocol
	maxSubscriptions = 4096     // of one connection, ours too
)

// The reasons for which something is refused.
const (
	RefusedConnections = "connections"      // the listener is full
	RefusedPending     = "unauthenticated"  // too many connections that have not logged in
	RefusedUser        = "user_connections" // the user has too many
	RefusedLogin       = "login"            // wrong name, password or token
	RefusedConsumers   = "consumers"        // the user has too many consumers
)

// Refusals returns every reason for which something is refused.
func Refusals() []string {
	return []string{RefusedConnections, RefusedPending, RefusedUser, RefusedLogin, RefusedConsumers}
}

func (c *Consumers) refused(reason string) {
	if c.Refused != nil {
		c.Refused(reason)
	}
}

// permissions say once more what can be asked, so that what is out of reach is
// denied at once instead of never answered.
func permissions(sender bool) *server.Permissions {
	p := &server.Permissions{
		Publish:   &server.SubjectPermission{},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	for _, l := range lent {
		if l.subject != commandAPI || sender {
			p.Publish.Allow = append(p.Publish.Allow, l.subject)
		}
	}
	p.Publish.Allow = append(p.Publish.Allow, ackAPI+">")
	return p
}

// access lets users in, in one run of the server.
type access struct {
	*Consumers
	secret string // of our own connections
	door   *door
	clerk  *clerk
	log    *slog.Logger

	mu   sync.Mutex // one account is made at a time
	srv  *server.Server
	lent bool
}

// Check implements the server's authentication.
func (a *access) Check(c server.ClientAuthentication) bool {
	shown := c.GetOpts()
	if shown.Username == self && subtle.ConstantTimeCompare([]byte(shown.Password), []byte(a.secret)) == 1 {
		c.RegisterUser(&server.User{Username: self})
		return true
	}
	from := c.RemoteAddress()
	if from == nil {
		return false // it has gone
	}
	user, ok := a.Permit(shown.Username, shown.Password, shown.Token)
	if !ok {
		a.refused(RefusedLogin)
		a.log.Warn("store: a consumer was not let in: wrong name, password or token", "from", from.String())
		return false
	}
	account, err := a.account(user)
	if err != nil {
		a.log.Error("store: a user was not let in", "user", user, "error", err)
		return false
	}
	if !a.door.welcome(from.String(), user) {
		return false
	}
	sender := a.Sender != nil && a.Sender(user)
	c.RegisterUser(&server.User{Username: user, Account: account, Permissions: permissions(sender)})
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
		if err := account.AddServiceImport(ours, l.subject, strings.Replace(l.to, "*", token(user), l.users)); err != nil {
			return nil, fmt.Errorf("import %s: %w", l.subject, err)
		}
	}
	// Only a mapping leads to ownPrefix: the account maps each subject once, so
	// what names ownPrefix itself ends here.
	if err := account.AddMapping(ownPrefix+">", "agentkeeper.denied.>"); err != nil {
		return nil, fmt.Errorf("close %s: %w", ownPrefix, err)
	}
	if err := a.clerk.serve(user, account); err != nil {
		return nil, err
	}
	return account, nil
}

func (a *access) lend(ours *server.Account) error {
	if a.lent {
		return nil
	}
	for _, l := range lent {
		if err := ours.AddServiceExportWithResponse(l.to, l.response, nil); err != nil {
			return fmt.Errorf("export %s: %w", l.subject, err)
		}
	}
	a.lent = true
	return nil
}

// admitConsumers adds the users to the server's options. The server itself does
// not listen, the door does.
func (e *engine) admitConsumers(o *server.Options) {
	if e.consumers == nil {
		return
	}
	o.AuthTimeout = authTimeout.Seconds()
	o.MaxSubs, o.MaxControlLine = maxSubscriptions, maxControlLine
	o.ProxyProtocol = true // how the door tells who is there
	e.access = &access{Consumers: e.consumers, secret: nuid.Next() + nuid.Next(), log: e.log}
	o.CustomClientAuthentication = e.access
}

// listen lets consumers come. It fails where the address cannot be bound; the
// store works all the same.
func (e *engine) listen() error {
	if e.access == nil {
		return nil
	}
	return e.access.door.open()
}

// serveConsumers makes ready what users' requests are answered by.
func (e *engine) serveConsumers(ctx context.Context) (err error) {
	if e.access == nil {
		return nil
	}
	e.access.door = newDoor(e.access.Consumers, e.srv.InProcessConn, e.log)
	e.access.clerk, err = newClerk(ctx, e)
	return err
}

// dismissConsumers ends what serveConsumers began.
func (e *engine) dismissConsumers() {
	if e.access == nil {
		return
	}
	if e.access.door != nil {
		e.access.door.close()
	}
	if e.access.clerk != nil {
		e.access.clerk.nc.Close()
	}
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
			s.log.Info("store: disconnecting a user of the stream that is none any more, or whose right to send commands changed", "user", c.AuthorizedUser)
			_ = e.srv.DisconnectClientByID(c.Cid) // it may have gone by itself
		}
	}
}

// CrowdOut ends the connections that are more than Consumers.Connections
// allows, after the number has shrunk: first those that have not logged in,
// then the youngest.
func (s *Store) CrowdOut() {
	if e, _ := s.current(); e != nil && e.access != nil {
		e.access.door.trim()
	}
}

// Connected returns how many connections the listener has, and how many it may
// have; 0 and 0 where there is none.
func (s *Store) Connected() (now, most int) {
	e, _ := s.current()
	if e == nil || e.access == nil {
		return 0, 0
	}
	return e.access.door.count()
}
