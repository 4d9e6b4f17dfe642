package wire

import (
	"context"
	"errors"
	"net/http"
	"os"
	"syscall"
	"time"

	"agentkeeper/session"
)

// pending is a request between Begin and End.
type pending struct {
	request  Request
	began    time.Time
	deadline time.Time
	kept     bool   // it was first sent on a kept connection
	tried    bool   // there was a connection to send it on
	sent     *sent  // for its trace; nil: it was not traced when it left
	slot     *slot  // the place to make its connection; nil: it needs none
	fail     *Error // it could not be sent
}

// Begin sends r: [Client.End] brings the answer. waits tells that there is none
// before [Client.Wait] is over; without it End is called at once. Where there is no
// place to connect, see [Dials], that is what it waits for first. Begin blocks as
// long as it takes to make a connection and to hand the request to it; End does so
// for a request that had to wait. Begin never fails: End tells.
func (c *Client) Begin(ctx context.Context, r Request) (waits bool) {
	c.forget()
	c.pending = pending{request: r}
	p := &c.pending
	if err := r.check(); err != nil {
		p.fail = &Error{Reason: Invalid, Code: Invalid.String(), Host: c.transport.address, Text: reasonTexts[Invalid], Action: reasonActions[Invalid], Err: err}
		return false
	}
	if ctx.Err() != nil {
		p.fail = newError(c.transport.address, ctx.Err())
		return false
	}
	if r.Fresh || (c.conn != nil && !silent(c.conn, c.line)) {
		c.drop()
	}
	p.began, p.deadline = time.Now(), r.deadline(ctx)
	p.kept = c.conn != nil
	c.attempt(ctx)
	return p.fail == nil
}

// Wait is what the request under way waits for: a place to connect, or the answer.
func (c *Client) Wait() session.Wait {
	if c.pending.slot != nil {
		return c.pending.slot.wait()
	}
	return session.Wait{Source: c, Until: c.pending.deadline}
}

// Socket implements session.Source.
func (c *Client) Socket() syscall.RawConn {
	if c.line == nil {
		return nil
	}
	return c.line.raw
}

// Block implements session.Source: it waits for the first byte of the answer.
func (c *Client) Block(ctx context.Context, until time.Time) {
	if c.conn == nil || c.head.unread || c.head.err != nil {
		return
	}
	_ = c.conn.SetDeadline(until) // a connection that is closed shows when it is read
	c.cutBy(ctx)
	defer c.uncut(ctx)
	if c.line != nil {
		c.line.mode = plainly
		defer func() { c.line.mode = patiently }()
	}
	c.heard(c.head.await(c.conn))
}

// heard takes in how a wait for the first byte ended: with it, without, or with
// the end of the connection.
func (c *Client) heard(err error) {
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.head.err = err
	}
}

// End reads the answer to the request that was begun, as [Client.Do] does; over is
// false where it has not begun yet, and End is to be called again when the next
// [Client.Wait] is over. Where the connection is no socket, what it waits for must
// have been blocked for. An answer that has begun is read to its end, however long
// that takes.
func (c *Client) End(ctx context.Context) (a Answer, over bool, err error) {
	p := &c.pending
	if p.slot != nil {
		if c.goOn(ctx); p.fail == nil {
			return Answer{}, false, nil
		}
	}
	for {
		a, keep, over, fail := c.finish(ctx)
		if !over {
			return Answer{}, false, nil
		}
		if !keep && !p.began.IsZero() { // it got as far as the connection
			c.drop()
		}
		if p.tried {
			c.tellAnswer(p.sent, a, fail)
		}
		if p.repeats(a, fail) {
			p.kept = false
			if c.attempt(ctx); p.fail == nil {
				return Answer{}, false, nil
			}
			continue
		}
		c.forget()
		a.Body = UTF8(a.Header.Get("Content-Type"), a.Body)
		if fail != nil {
			return a, true, fail
		}
		return a, true, nil
	}
}

// repeats reports whether the request is sent once more: on a kept connection that
// had died before it, or that was answered 408, which is said to a connection that
// nobody had used for too long.
func (p *pending) repeats(a Answer, fail *Error) bool {
	return p.kept && (p.request.Method == http.MethodGet || p.request.Repeatable) &&
		(a.Status == http.StatusRequestTimeout || fail.wasStale(p.began))
}

// wasStale tells a connection that had died before the request from one that
// died with it.
func (e *Error) wasStale(begin time.Time) bool {
	return e != nil && e.Reason == Closed && !e.Began && time.Since(begin) < staleLimit
}

// attempt sends the request, over a new connection where there is none.
func (c *Client) attempt(ctx context.Context) {
	p := &c.pending
	p.tried, p.fail = false, nil
	if c.conn != nil {
		c.transmit(ctx, true)
		return
	}
	p.slot = c.transport.place.Dials.ask(p.request.Fresh)
	c.goOn(ctx)
}

// goOn makes the connection that the request waits for, if there is a place for it
// by now, and sends the request. The wait moves the deadline.
func (c *Client) goOn(ctx context.Context) {
	p := &c.pending
	here := p.slot.here()
	if !here && ctx.Err() == nil {
		return
	}
	now, asked := time.Now(), p.slot.asked
	err := ctx.Err()
	if here {
		p.deadline = within(ctx, p.deadline.Add(now.Sub(asked)))
		err = c.connect(ctx, now)
	}
	p.slot.leave()
	p.slot = nil
	c.tellConnected(now, err)
	if err != nil {
		p.fail = newError(c.transport.address, err)
		return
	}
	c.transmit(ctx, false)
}

// transmit sends the request over the connection, which is reused or new.
func (c *Client) transmit(ctx context.Context, reused bool) {
	p := &c.pending
	p.tried = true
	p.sent = c.tellRequest(&p.request, reused)
	c.ctx, c.head = ctx, head{reused: reused}
	if c.line == nil {
		c.arm()
	}
	if some, err := c.send(&p.request); err != nil {
		p.fail = c.failed(ctx, err, false)
		p.fail.Partly = some
	}
	c.disarm()
}

// arm makes the deadline and the end of the context end what the exchange waits
// for. A socket does it when something waits: reads and writes hardly do.
func (c *Client) arm() {
	if c.armed {
		return
	}
	c.armed = true
	_ = c.conn.SetDeadline(c.pending.deadline) // a connection that is closed shows when it is used
	c.cutBy(c.ctx)
}

// disarm ends that.
func (c *Client) disarm() {
	if c.armed {
		c.armed = false
		c.uncut(c.ctx)
	}
}

// finish looks whether the answer has begun, and reads it then. keep tells whether
// the connection can carry another request.
func (c *Client) finish(ctx context.Context) (a Answer, keep, over bool, fail *Error) {
	p, h := &c.pending, &c.head
	if p.fail != nil {
		return Answer{}, false, true, p.fail
	}
	defer c.disarm()
	if c.ctx = ctx; c.line != nil && !h.unread && h.err == nil {
		c.line.mode = hastily
		c.heard(h.await(c.conn))
		c.line.mode = patiently
	}
	switch {
	case h.err != nil:
		return Answer{}, false, true, c.failed(ctx, h.err, alertOf(h.err) == noAlert)
	case h.unread:
	case ctx.Err() == nil && time.Now().Before(p.deadline):
		return Answer{}, false, false, nil
	default:
		return Answer{}, false, true, c.failed(ctx, os.ErrDeadlineExceeded, true)
	}
	if c.line == nil {
		c.arm()
	}
	a, keep, err := c.receive(&p.request)
	if err != nil {
		fail = c.failed(ctx, err, true)
		fail.Began = true
		return a, false, true, fail
	}
	return a, keep && a.Status < http.StatusInternalServerError, true, nil
}
