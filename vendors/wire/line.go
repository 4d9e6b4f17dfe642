package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// line is a socket below TLS that is read and written without waiting where that
// is possible. It works on the descriptor itself, whatever deadlines stand.
type line struct {
	net.Conn
	raw    syscall.RawConn
	client *Client // nil while the connection is being made
	mode   mode
	limit  uint32 // in milliseconds, see WriteLimit; 0: none
	waited bool   // and a write waits for it, or did
}

// mode is what a line does where it would have to wait.
type mode uint8

const (
	plainly   mode = iota // waits, as any connection
	patiently             // arms the client, and waits then
	hastily               // reads fail with os.ErrDeadlineExceeded, which TLS forgives
	never                 // the same, without a look at the socket
)

// op is what a line does on its descriptor.
type op uint8

const (
	opRead op = iota
	opWrite
	opPeek
)

// Lined returns conn so that it can be read without waiting, where it is a socket,
// and conn as it is otherwise. What is returned for a socket has the methods
// Hastily(bool), between whose calls reads fail with os.ErrDeadlineExceeded where
// nothing is there, WriteLimit(time.Duration), which bounds the writes that follow, as
// a deadline that costs nothing while they need not wait, and SyscallConn.
func Lined(conn net.Conn) net.Conn {
	if _, done := conn.(*line); done {
		return conn
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return conn
	}
	return &line{Conn: conn, raw: raw}
}

// lineOf returns the line below conn, now c's; nil where conn is no socket.
func lineOf(conn net.Conn, c *Client) *line {
	l, ok := rawConn(conn).(*line)
	if !ok {
		return nil
	}
	l.client, l.mode = c, patiently
	return l
}

// SyscallConn implements syscall.Conn, with the same value each time.
func (l *line) SyscallConn() (syscall.RawConn, error) { return l.raw, nil }

// Hastily is for whoever waits for the socket in another way than by reading it.
func (l *line) Hastily(on bool) {
	if l.mode = plainly; on {
		l.mode = hastily
	}
}

// WriteLimit has the writes from now on end d after the first of them that has to
// wait. Write deadlines that were set mean nothing then.
func (l *line) WriteLimit(d time.Duration) {
	l.limit, l.waited = uint32(min(max(d, time.Millisecond), time.Hour)/time.Millisecond), false
}

// call is one op on a descriptor. Lines share a few of them.
type call struct {
	act func(fd uintptr) // does op
	op  op
	buf []byte
	n   int
	err error
}

var calls = sync.Pool{New: func() any {
	c := &call{}
	c.act = c.do
	return c
}}

// do does op once.
func (c *call) do(fd uintptr) {
	c.n, c.err = 0, syscall.EINTR
	for errors.Is(c.err, syscall.EINTR) {
		switch c.op {
		case opRead:
			c.n, c.err = syscall.Read(int(fd), c.buf)
		case opWrite:
			c.n, c.err = syscall.Write(int(fd), c.buf)
		case opPeek:
			var one [1]byte
			c.n, _, c.err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}
	}
}

// now does op on p without waiting; syscall.EAGAIN means that it would have to.
func (l *line) now(o op, p []byte) (n int, err error) {
	c := calls.Get().(*call)
	c.op, c.buf = o, p
	err = l.raw.Control(c.act)
	if err == nil {
		n, err = max(c.n, 0), c.err
	}
	c.buf, c.err = nil, nil
	calls.Put(c)
	return n, err
}

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	switch {
	case l.mode == plainly, len(p) == 0:
		return l.Conn.Read(p)
	case l.mode == never:
		return 0, os.ErrDeadlineExceeded
	}
	n, err := l.now(opRead, p)
	switch {
	case err == nil && n == 0:
		return 0, io.EOF
	case err == nil:
		return n, nil
	case !errors.Is(err, syscall.EAGAIN):
		return 0, l.failed("read", err)
	case l.mode == hastily:
		return 0, os.ErrDeadlineExceeded
	}
	l.client.arm()
	return l.Conn.Read(p)
}

// Write implements net.Conn.
func (l *line) Write(p []byte) (int, error) {
	if (l.mode == plainly && l.limit == 0) || len(p) == 0 {
		return l.Conn.Write(p)
	}
	n, err := l.now(opWrite, p)
	switch {
	case err != nil && !errors.Is(err, syscall.EAGAIN):
		return 0, l.failed("write", err)
	case n == len(p):
		return n, nil
	}
	switch {
	case l.client != nil:
		l.client.arm()
	case !l.waited:
		l.waited = true
		_ = l.SetWriteDeadline(time.Now().Add(time.Duration(l.limit) * time.Millisecond)) // a connection that is closed shows when it is used
	}
	m, err := l.Conn.Write(p[n:])
	return n + m, err
}

// failed gives an error of the descriptor the form that net gives it.
func (l *line) failed(call string, err error) error {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return err // net's own: it is closed
	}
	return &net.OpError{Op: call, Net: "tcp", Source: l.LocalAddr(), Addr: l.RemoteAddr(), Err: os.NewSyscallError(call, number)}
}

// recordLimit is how long the rest of a TLS record is waited for whose beginning
// is there.
const recordLimit = 20 * time.Millisecond

// silent reports whether conn can carry another request: nothing was said on it
// while nothing was asked, and it is open. What was said would be taken for the
// next answer. It moves the connection's deadlines; on a socket that is silent it
// costs one system call. What TLS says for itself, such as a session ticket, is no
// word of the server: it is read, and forgotten.
func silent(conn net.Conn, l *line) bool {
	if l == nil {
		return nothing(conn, time.Unix(1, 0)) // a read that only takes what is there already
	}
	defer func() { l.mode = patiently }()
	secure := conn != net.Conn(l)
	_, err := l.now(opPeek, nil)
	switch quiet := errors.Is(err, syscall.EAGAIN); {
	case !secure:
		return quiet
	case quiet:
		l.mode = never // what TLS has read already is there
	default:
		l.mode = plainly
		return nothing(conn, time.Now().Add(recordLimit))
	}
	return unread(conn)
}

// nothing reports whether no byte comes until then.
func nothing(conn net.Conn, until time.Time) bool {
	return conn.SetReadDeadline(until) == nil && unread(conn)
}

// unread reports whether a read ends for want of time.
func unread(conn net.Conn) bool {
	var one [1]byte
	n, err := conn.Read(one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}
