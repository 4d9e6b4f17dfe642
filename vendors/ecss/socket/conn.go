package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Close codes of RFC 6455, section 7.4.1.
const (
	CodeNormal   = 1000
	CodeProtocol = 1002
	CodeNone     = 1005 // never on the wire: the server gave no code
	CodeTooBig   = 1009
)

// writeLimit is how long a frame that a call sends on its own account (a pong,
// an echoed close) may take to leave.
const writeLimit = 5 * time.Second

// Kind is what a Message is.
type Kind uint8

// The kinds. Pings are answered inside Read and never seen.
const (
	Text Kind = iota
	Binary
	Pong
)

// Message is one message from the server, fragments put together.
type Message struct {
	Kind Kind
	Data []byte // the receiver's own
}

// ErrIdle means that Read's time was up before a message was there. The
// connection is unharmed.
var ErrIdle = errors.New("no websocket message in time")

// Conn is an open websocket. Its calls must not overlap.
type Conn struct {
	nc    net.Conn
	line  line  // below nc; nil: it can be waited for by Block alone
	late  error // how a read of Block ended the connection
	limit int
	buf   []byte // received and not yet taken; nil while the socket is idle
	one   [1]byte
	kind  Kind   // of the message in fragments
	parts []byte // its fragments so far; nil = none begun
	trace tracer
	bye   bool  // our close frame left: nothing may follow it
	err   error // why the connection is over
}

// line is a socket that can be read without waiting: between Hastily(true) and
// Hastily(false) reads fail with os.ErrDeadlineExceeded where nothing is there. Its
// writes set a deadline, so far away as WriteLimit says, only where they have to wait.
type line interface {
	Hastily(on bool)
	WriteLimit(d time.Duration)
	syscall.Conn
}

// lineOf returns the line below nc, nil where there is none.
func lineOf(nc net.Conn) line {
	if secure, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = secure.NetConn()
	}
	l, _ := nc.(line)
	return l
}

// Read returns the next message. It blocks until one is there, until passes
// (ErrIdle; zero = no limit) or ctx ends (ctx's error); in these two cases
// nothing is lost and Read may be called again. Every other error is the end
// of the connection: a *CloseError where the server said so.
func (c *Conn) Read(ctx context.Context, until time.Time) (Message, error) {
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	_ = c.nc.SetReadDeadline(until) // a broken connection shows when it is read
	defer whenDone(ctx, func() { _ = c.nc.SetReadDeadline(past) })()
	for {
		m, ok, err := c.take()
		switch {
		case err != nil:
			return Message{}, c.end(err)
		case ok:
			return m, nil
		}
		if err := c.fill(c.one[:]); err != nil {
			return Message{}, c.readError(ctx, err)
		}
	}
}

// Try is Read of what is there already; ErrIdle means that no whole message is.
// Then the next one is waited for by Block, or at Socket.
func (c *Conn) Try() (Message, error) {
	for {
		m, ok, err := c.take()
		switch {
		case err != nil:
			return Message{}, c.end(err)
		case ok:
			return m, nil
		case c.late != nil:
			return Message{}, c.readError(context.Background(), c.late)
		case c.line == nil:
			return Message{}, ErrIdle
		}
		err = c.fillHastily()
		if err != nil {
			return Message{}, c.readError(context.Background(), err)
		}
	}
}

// Block blocks until something came that Try may find a message in, until passes
// (zero = no limit) or ctx ends.
func (c *Conn) Block(ctx context.Context, until time.Time) {
	if c.err != nil || c.late != nil || ctx.Err() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(until) // a broken connection shows when it is read
	defer whenDone(ctx, func() { _ = c.nc.SetReadDeadline(past) })()
	if err := c.fill(c.one[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.late = err
	}
}

// Socket returns the socket below, nil where there is none to wait at.
func (c *Conn) Socket() syscall.RawConn {
	if c.line == nil {
		return nil
	}
	raw, err := c.line.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Pending reports whether a whole frame was received already, so that Read
// would not wait for it.
func (c *Conn) Pending() bool {
	_, n, err := parse(c.buf, c.limit)
	return n > 0 || err != nil
}

// Write sends text as one frame. An error means that the frame did not leave
// as a whole, so the server cannot have understood it, and that the
// connection is over.
func (c *Conn) Write(text []byte, until time.Time) error { return c.write(opText, text, until) }

// WriteBeside is Write for another goroutine than the one whose calls the Conn
// takes: it may run while that one is in Block, and beside no other call. some tells,
// beside an error, whether any of the frame left; the connection shows its end when it
// is read then.
func (c *Conn) WriteBeside(text []byte, until time.Time) (some bool, err error) {
	switch {
	case c.err != nil:
		return false, c.err
	case c.bye:
		return false, net.ErrClosed
	}
	if err := c.limitWrites(until); err != nil {
		return false, fmt.Errorf("write websocket: %w", err)
	}
	c.tellSent(opText, text)
	n, err := c.nc.Write(encode(opText, text))
	if err != nil {
		_ = c.nc.Close()
		return n > 0, fmt.Errorf("write websocket: %w", err)
	}
	return true, nil
}

// Ping sends a ping; the server's pong comes through Read.
func (c *Conn) Ping(until time.Time) error { return c.write(opPing, nil, until) }

// Close says goodbye: it sends a close frame and waits until the server closed
// or until passes, throwing away what still arrives. Nil means that the close
// frame left, or that the server had closed first.
func (c *Conn) Close(code int, until time.Time) error {
	defer func() { _ = c.nc.Close() }()
	var closed *CloseError
	if errors.As(c.err, &closed) {
		return nil
	}
	if err := c.write(opClose, closePayload(code, ""), until); err != nil {
		return err
	}
	c.bye = true
	for c.err == nil {
		if _, err := c.Read(context.Background(), until); errors.Is(err, ErrIdle) {
			return nil
		}
	}
	return nil
}

// CloseNow drops the connection without a word. On a connection that is over
// already it does nothing.
func (c *Conn) CloseNow() error {
	if c.err != nil {
		return nil //nolint:nilerr // over already
	}
	c.err = net.ErrClosed
	return c.nc.Close()
}

// past is a deadline that cuts a call short at once.
var past = time.Unix(1, 0)

// whenDone runs f when ctx ends. The returned function undoes that; f is not
// running any more when it returns.
func whenDone(ctx context.Context, f func()) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	ran := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ran)
		f()
	})
	return func() {
		if !stop() {
			<-ran
		}
	}
}

func (c *Conn) readError(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return ErrIdle
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return c.end(fmt.Errorf("read websocket: %w", err))
}

// spare are the buffers, of *[1024]byte, for what comes first after a pause where
// nothing waits for it. Most of it is a pong of two bytes.
var spare = sync.Pool{New: func() any { return new([1024]byte) }}

// fillHastily receives what is there, see line.
func (c *Conn) fillHastily() error {
	first := spare.Get().(*[1024]byte)
	defer spare.Put(first)
	c.line.Hastily(true)
	defer c.line.Hastily(false)
	return c.fill(first[:])
}

// fill receives at least one byte. The first ones after a pause are read into first,
// and copied: the one byte of the Conn itself where an idle socket is to hold no
// buffer while it waits.
func (c *Conn) fill(first []byte) error {
	if c.err != nil {
		return c.err
	}
	if len(c.buf) == 0 {
		n, err := c.nc.Read(first)
		if n == 0 {
			return err
		}
		room := n
		if n == len(first) { // more is likely to follow
			room += 1024
		}
		c.buf = append(make([]byte, 0, room), first[:n]...)
		return nil
	}
	c.buf = slices.Grow(c.buf, 1)
	n, err := c.nc.Read(c.buf[len(c.buf):cap(c.buf)])
	c.buf = c.buf[:len(c.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

// take takes frames from the buffer up to the end of a message.
func (c *Conn) take() (m Message, ok bool, err error) {
	for c.err == nil {
		f, n, err := parse(c.buf, c.limit)
		if err != nil || n == 0 {
			return Message{}, false, err
		}
		if c.buf = c.buf[n:]; len(c.buf) == 0 {
			c.buf = nil
		}
		if to := c.trace.now(); to != nil {
			to.Frame(false, f.kind(), f.told())
		}
		m, ok, err = c.accept(f)
		if ok || err != nil {
			return m, ok, err
		}
	}
	return Message{}, false, c.err
}

func (c *Conn) accept(f frame) (m Message, ok bool, err error) {
	switch f.op {
	case opClose:
		return Message{}, false, closeError(f.payload)
	case opPing:
		if c.bye {
			return Message{}, false, nil
		}
		return Message{}, false, c.write(opPong, f.payload, time.Now().Add(writeLimit))
	case opPong:
		return Message{Kind: Pong, Data: f.payload}, true, nil
	}
	return c.join(f)
}

func (c *Conn) join(f frame) (m Message, ok bool, err error) {
	first := f.op != opContinuation
	switch {
	case first == (c.parts != nil):
		return Message{}, false, fmt.Errorf("%w: fragments out of order", errProtocol)
	case len(c.parts)+len(f.payload) > c.limit:
		return Message{}, false, ErrTooBig
	case first:
		c.kind = Text
		if f.op == opBinary {
			c.kind = Binary
		}
		if f.fin {
			return Message{Kind: c.kind, Data: f.payload}, true, nil
		}
		c.parts = append([]byte{}, f.payload...)
	default:
		c.parts = append(c.parts, f.payload...)
	}
	if !f.fin {
		return Message{}, false, nil
	}
	m = Message{Kind: c.kind, Data: c.parts}
	c.parts = nil
	return m, true, nil
}

func (c *Conn) write(op byte, payload []byte, until time.Time) error {
	if c.err != nil {
		return c.err
	}
	if err := c.limitWrites(until); err != nil {
		return c.end(fmt.Errorf("write websocket: %w", err))
	}
	c.tellSent(op, payload)
	if _, err := c.nc.Write(encode(op, payload)); err != nil {
		return c.end(fmt.Errorf("write websocket: %w", err))
	}
	return nil
}

// tellSent writes a frame down that is about to be sent.
func (c *Conn) tellSent(op byte, payload []byte) {
	if to := c.trace.now(); to != nil {
		f := frame{op: op, payload: payload}
		to.Frame(true, f.kind(), f.told())
	}
}

// limitWrites has the writes that follow end by until. Where that needs no timer,
// none is set: most connections write nothing but pings, which never wait.
func (c *Conn) limitWrites(until time.Time) error {
	if c.line == nil {
		return c.nc.SetWriteDeadline(until)
	}
	c.line.WriteLimit(time.Until(until))
	return nil
}

// end closes the connection for good, telling the server why where it is for
// the server to know.
func (c *Conn) end(err error) error {
	if c.err != nil {
		return c.err
	}
	if to := c.trace.now(); to != nil {
		to.Closed(err)
	}
	if code := farewell(err); code != 0 && !c.bye && c.limitWrites(time.Now().Add(writeLimit)) == nil {
		_, _ = c.nc.Write(encode(opClose, closePayload(code, "")))
	}
	c.err = err
	_ = c.nc.Close()
	return err
}

// farewell returns the code of the close frame that answers err; 0 = none.
func farewell(err error) int {
	var closed *CloseError
	switch {
	case errors.As(err, &closed):
		return CodeNormal
	case errors.Is(err, ErrTooBig):
		return CodeTooBig
	case errors.Is(err, errProtocol):
		return CodeProtocol
	}
	return 0
}
