package sim

import (
	"net"
	"slices"
	"sync"
	"time"
)

// NetListener is a TCP listener that can stop listening for a while, so that
// dials are refused by the operating system, and reset its connections.
type NetListener struct {
	addr net.Addr

	mu     sync.Mutex
	inner  net.Listener // nil while refusing
	refuse time.Time    // until then
	closed bool
	change chan struct{} // closed and replaced when one of the above changes
	conns  map[net.Conn]struct{}
}

var _ Line = (*NetListener)(nil)

// Listen listens on a TCP address such as 127.0.0.1:8043 (port 0: any free
// one, kept from then on).
func Listen(address string) (*NetListener, error) {
	inner, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &NetListener{addr: inner.Addr(), inner: inner, change: make(chan struct{}), conns: map[net.Conn]struct{}{}}, nil
}

// Addr returns the address, while refusing too.
func (l *NetListener) Addr() net.Addr { return l.addr }

// Accept blocks until a client connects, through any time of refusing. It
// fails when the listener is closed (net.ErrClosed).
func (l *NetListener) Accept() (net.Conn, error) {
	for {
		inner, err := l.listening()
		if err != nil {
			return nil, err
		}
		c, err := inner.Accept()
		if err == nil {
			return l.adopt(c), nil
		}
		if l.lives(inner) {
			return nil, err
		}
	}
}

// listening returns the operating system's listener; it waits while refusing.
func (l *NetListener) listening() (net.Listener, error) {
	for {
		inner, wait, change, err := l.relisten()
		if inner != nil || err != nil {
			return inner, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-change:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (l *NetListener) relisten() (inner net.Listener, wait time.Duration, change <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, 0, nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	if l.inner != nil {
		return l.inner, 0, nil, nil
	}
	if wait := time.Until(l.refuse); wait > 0 {
		return nil, wait, l.change, nil
	}
	inner, err = net.Listen("tcp", l.addr.String())
	if err != nil { // somebody else took the port: wait for it
		return nil, 200 * time.Millisecond, l.change, nil
	}
	l.inner = inner
	return inner, 0, nil, nil
}

// lives reports whether inner is still the listener in use: its error is then
// the caller's.
func (l *NetListener) lives(inner net.Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner == inner && !l.closed
}

// Refuse makes new dials fail because nothing listens, until Refuse(false).
func (l *NetListener) Refuse(refuse bool) {
	if refuse {
		l.RefuseFor(forever)
		return
	}
	l.RefuseFor(0)
}

// RefuseFor refuses new dials for d from now.
func (l *NetListener) RefuseFor(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = time.Now().Add(d)
	if d > 0 && l.inner != nil {
		_ = l.inner.Close()
		l.inner = nil
	}
	l.notify()
}

func (l *NetListener) notify() {
	close(l.change)
	l.change = make(chan struct{})
}

// DropAll resets every open connection but those from the named remote
// addresses.
func (l *NetListener) DropAll(except ...string) {
	for _, c := range l.open() {
		if !slices.Contains(except, c.RemoteAddr().String()) {
			ResetConn(c)
		}
	}
}

func (l *NetListener) open() []net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns := make([]net.Conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	return conns
}

// Close ends the listener; open connections live on.
func (l *NetListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	l.notify()
	if l.inner == nil {
		return nil
	}
	return l.inner.Close()
}

func (l *NetListener) adopt(c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &netConn{Conn: c, line: l}
	l.conns[n] = struct{}{}
	return n
}

// netConn is a connection that its listener can reset.
type netConn struct {
	net.Conn
	line *NetListener
}

// Reset makes the peer see a reset.
func (c *netConn) Reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// Close closes the connection and forgets it.
func (c *netConn) Close() error {
	c.line.mu.Lock()
	delete(c.line.conns, c)
	c.line.mu.Unlock()
	return c.Conn.Close()
}
