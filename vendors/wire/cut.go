package wire

import (
	"context"
	"net"
	"sync"
	"time"
)

// cut makes the end of a context end the reads and writes of the exchange under
// way. A context without a deadline, as the one of all polls of a session, stays
// registered from one exchange to the next. The zero cut is ready.
type cut struct {
	stop func() bool // ends the registration; of the client's goroutine only

	mu   sync.Mutex
	done <-chan struct{} // of the context that is registered; nil: none is
	conn net.Conn        // of the exchange under way; nil: none
}

// cutBy makes the end of ctx end what conn waits for.
func (c *Client) cutBy(ctx context.Context) {
	if c.cut == nil {
		c.cut = &cut{}
	}
	c.cut.begin(ctx, c.conn)
}

// begin is called before the exchange, whose deadline must be set already.
func (c *cut) begin(ctx context.Context, conn net.Conn) {
	done := ctx.Done()
	if c.serve(conn) != done {
		c.forget()
		c.register(ctx, done)
	} else if ctx.Err() != nil {
		interrupt(conn) // it ended between two exchanges
	}
}

// serve names the connection to interrupt, and returns whose end does that.
func (c *cut) serve(conn net.Conn) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return c.done
}

// register makes the end of ctx heard. done is nil for a context that never ends.
func (c *cut) register(ctx context.Context, done <-chan struct{}) {
	c.mu.Lock()
	c.done = done
	c.mu.Unlock()
	if done != nil {
		c.stop = context.AfterFunc(ctx, func() { c.ended(done) })
	}
}

// ended is called by the end of the context with that channel.
func (c *cut) ended(done <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.done == done {
		interrupt(c.conn)
	}
}

// uncut is called behind the exchange. From then on no context touches its
// connection.
func (c *Client) uncut(ctx context.Context) {
	c.cut.serve(nil)
	if _, short := ctx.Deadline(); short {
		c.cut.forget()
		c.cut = nil
	}
}

// forget ends the registration.
func (c *cut) forget() {
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = nil
}

func interrupt(conn net.Conn) {
	_ = conn.SetDeadline(time.Unix(1, 0)) // fails only on a closed connection
}
