package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"agentkeeper/session"
)

const (
	connectLimit = 10 * time.Second // for dialling and the handshake together
	quietLimit   = 15 * time.Second // between two pieces of an answer whose time is over
	staleLimit   = time.Second      // a reused connection that ends sooner after a request was dead before it
	defaultLimit = 30 * time.Second // for a request that names no time-out
)

// What is read of an answer, in bytes.
const (
	BodyLimit   = 1 << 20  // the body, unless the request names another limit
	HeaderLimit = 64 << 10 // the status line and the headers together
)

// Transport holds what the clients of one platform share: where it is and the
// buffers that are lent to whoever is reading or writing just now. It starts
// nothing and needs no Close.
type Transport struct {
	place   Place
	address string    // host:port to dial
	readers sync.Pool // of *reader
	writers sync.Pool // of *bytes.Buffer
}

// NewTransport prepares connections to p.URL. Proxies from the environment are
// ignored.
func NewTransport(p Place) *Transport {
	return &Transport{
		place:   p,
		address: dialAddress(p.URL),
		readers: sync.Pool{New: func() any { return &reader{Reader: bufio.NewReader(nil)} }},
		writers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

func dialAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "wss": "443"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Client returns a new client of a's without a connection.
func (t *Transport) Client(a session.Account) *Client {
	return &Client{transport: t, owner: owner{id: a.ID, password: a.Password, token: a.Token}}
}

// Serve makes the requests from now on those of a, on the connection that there is.
func (c *Client) Serve(a session.Account) {
	c.owner = owner{id: a.ID, password: a.Password, token: a.Token}
}

// Another returns a new client of the same agent without a connection.
func (c *Client) Another() *Client { return &Client{transport: c.transport, owner: c.owner} }

// Password returns the agent's, for those who keep it out of texts.
func (c *Client) Password() session.Secret { return c.owner.password }

// Request is one request. Path begins with a slash and may carry a query; it
// must be escaped already.
type Request struct {
	Method string
	Path   string
	Header http.Header // beside Host, Content-Length and User-Agent
	// Fields are more headers, as [Encode] returns them: for requests that are
	// sent again and again.
	Fields string
	Body   []byte
	// Timeout bounds the whole request, connecting included, but not the wait for
	// a place to connect, see [Dials]; 0 = 30 s. The context's deadline bounds it as
	// well, that wait included. An answer that is coming in then may
	// take up to 15 s more, see [Client.Do].
	Timeout time.Duration
	// Fresh sends the request on a new connection, which stays for the requests
	// after it. Operations use it, so that a dead connection cannot put them in
	// doubt.
	Fresh bool
	// Repeatable lets the request be sent again, as a GET is, where it is
	// another method that changes nothing when it is carried out twice.
	Repeatable bool
	// Limit is the largest body in bytes that is read; 0 = 1 MiB.
	Limit int64
	// Reads says what the caller looks at in an answer of status 200; an answer
	// that has none of it may come without its headers. nil: at everything.
	Reads *Reads
}

// Answer is what came back, whatever its status; redirects are not followed.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // in UTF-8, see [UTF8]
}

// OK reports whether the status is one of success (2xx).
func (a Answer) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// Date returns the answer's Date header, zero where there is none.
func (a Answer) Date() time.Time {
	t, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Client is one agent's way to its platform. One goroutine uses it at a time.
// The zero Client is not usable; see [Transport.Client].
type Client struct {
	transport *Transport
	owner     owner
	conn      net.Conn        // nil: none
	line      *line           // below conn; nil: conn is no socket
	pending   pending         // the request under way
	head      head            // of its answer
	armed     bool            // the exchange's deadline and context end what conn waits for
	ctx       context.Context // of the call under way
	cut       *cut            // nil: no context was heard since the last connection, as usual on a socket
}

// Do sends r and blocks until the whole answer came, time ran out or ctx ended.
// Errors are *Error. An Answer beside an error carries what had arrived: status
// and headers, where they had.
//
// The request's own time-out rules until the body is complete: status and
// headers may come long before it. ctx interrupts connecting, sending and
// waiting. An answer that has begun when the time is over or ctx ends is read on
// while no more than 15 s pass without a byte, and for no more than 15 s beyond the
// time-out, so that a poll does not lose the event that is just coming in.
//
// After any error the connection is closed, and after an answer that tells of
// trouble (HTTP 5xx): the next Do makes a new one, by the host's addresses of that
// time. What such an answer says in other ways, see [Client.Heed]. A connection on
// which the server said something unasked, or that it closed, is not used again.
//
// [Client.Begin] and [Client.End] are the same in two parts.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	waits := c.Begin(ctx, r)
	session.Blocks(ctx)
	for {
		if waits {
			c.Wait().Block(ctx)
		}
		a, over, err := c.End(ctx)
		if over {
			return a, err
		}
		waits = true
	}
}

// Heed drops the connection where f, the adapter's verdict on an answer, tells of
// trouble behind it, so that the next request is sent on a new one: the node that
// a kept connection leads to may be ill while others are well. Every adapter
// calls it with its verdict on every answer; nil is fine.
func (c *Client) Heed(f *session.Fault) {
	if f != nil && (f.Kind == session.Outage || f.Kind == session.Doubt) {
		c.Close()
	}
}

// Close drops the connection, if any, and the request under way. It does not
// block and talks to nobody. The client stays usable.
func (c *Client) Close() {
	c.drop()
	c.forget()
}

// forget ends the request under way.
func (c *Client) forget() {
	if c.pending.slot != nil {
		c.pending.slot.leave()
	}
	c.pending = pending{}
	c.head = head{}
	c.ctx = nil
}

// drop closes the connection, if any.
func (c *Client) drop() {
	c.disarm()
	if c.cut != nil {
		c.cut.forget()
		c.cut = nil
	}
	if c.conn == nil {
		return
	}
	_ = rawConn(c.conn).Close() // nothing can be done about a connection that fails to close
	c.conn, c.line = nil, nil
}

// rawConn returns the connection below TLS: its Close does not wait to send a
// farewell, which HTTP has no need of.
func rawConn(conn net.Conn) net.Conn {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return secure.NetConn()
	}
	return conn
}

// connect dials and shakes hands, on a goroutine of their own, whose grown stack
// ends with it.
func (c *Client) connect(ctx context.Context, now time.Time) error {
	deadline := c.pending.deadline
	if limit := now.Add(connectLimit); limit.Before(deadline) {
		deadline = limit
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	session.Blocks(ctx)
	done := make(chan error, 1)
	go func() {
		conn, err := c.transport.connect(ctx)
		if c.conn = conn; conn != nil {
			c.line = lineOf(conn, c)
		}
		done <- err
	}()
	return <-done
}

// connect returns a connection that is ready for a request, or nil and an error.
func (t *Transport) connect(ctx context.Context) (net.Conn, error) {
	conn, err := t.place.Dialer()(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	if conn = Lined(conn); t.place.TLS == nil {
		return conn, nil
	}
	secure := tls.Client(conn, t.place.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one that matters
		return nil, &handshakeError{err}
	}
	return Slim(secure), nil
}

// deadline returns when the request must be over.
func (r *Request) deadline(ctx context.Context) time.Time {
	limit := r.Timeout
	if limit <= 0 {
		limit = defaultLimit
	}
	return within(ctx, time.Now().Add(limit))
}
