package sim

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes one direction of a connection buffers.
const window = 64 << 10

// pipeConn is one end of a connection in memory.
type pipeConn struct {
	in, out       *stream
	local, remote net.Addr
	readBy        deadline
	writeBy       deadline
	once          sync.Once
	gone          func() // of the server's end: forgets the connection; nil at the client's
}

func newPair(clientAddr, serverAddr net.Addr) (client, server *pipeConn) {
	up, down := newStream(), newStream()
	client = &pipeConn{in: down, out: up, local: clientAddr, remote: serverAddr, readBy: newDeadline(), writeBy: newDeadline()}
	server = &pipeConn{in: up, out: down, local: serverAddr, remote: clientAddr, readBy: newDeadline(), writeBy: newDeadline()}
	return client, server
}

func (c *pipeConn) id() int { return c.remote.(*net.TCPAddr).Port }

// Read blocks until there are bytes, the peer closed, or the deadline passed.
func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p, &c.readBy)
	return n, c.wrap("read", err)
}

// Write blocks while 64 KiB wait to be read by the peer.
func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p, &c.writeBy)
	return n, c.wrap("write", err)
}

func (c *pipeConn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions: the peer reads what is buffered, then EOF.
func (c *pipeConn) Close() error {
	c.in.end(net.ErrClosed, syscall.EPIPE, true)
	c.out.end(io.EOF, net.ErrClosed, false)
	c.forget()
	return nil
}

// Reset ends both directions at once; bytes under way are lost.
func (c *pipeConn) Reset() {
	c.in.end(syscall.ECONNRESET, syscall.ECONNRESET, true)
	c.out.end(syscall.ECONNRESET, syscall.ECONNRESET, true)
	c.forget()
}

func (c *pipeConn) forget() {
	if c.gone != nil {
		c.once.Do(c.gone)
	}
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}
func (c *pipeConn) SetReadDeadline(t time.Time) error  { c.readBy.set(t); return nil }
func (c *pipeConn) SetWriteDeadline(t time.Time) error { c.writeBy.set(t); return nil }

// stream is one direction of a connection.
type stream struct {
	mu       sync.Mutex
	buf      []byte
	readErr  error         // for the reader, once buf is empty
	writeErr error         // for the writer
	changed  chan struct{} // closed and replaced whenever one of the above changes
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

func (s *stream) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// end sets what reader and writer get from now on; the first end wins. drop
// discards what is buffered.
func (s *stream) end(readErr, writeErr error, drop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if drop {
		s.buf = nil
	}
	if s.readErr == nil || drop {
		s.readErr, s.writeErr = readErr, writeErr
	}
	s.notify()
}

func (s *stream) read(p []byte, by *deadline) (int, error) {
	for {
		n, wait, err := s.tryRead(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-wait:
		case <-by.passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (s *stream) tryRead(p []byte) (n int, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buf) == 0 {
		return 0, s.changed, s.readErr
	}
	n = copy(p, s.buf)
	s.buf = s.buf[n:]
	if len(s.buf) == 0 {
		s.buf = nil
	}
	s.notify()
	return n, nil, nil
}

func (s *stream) write(p []byte, by *deadline) (int, error) {
	sent := 0
	for {
		if isClosed(by.passed()) {
			return sent, os.ErrDeadlineExceeded
		}
		n, wait, err := s.tryWrite(p[sent:])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
		select {
		case <-wait:
		case <-by.passed():
			return sent, os.ErrDeadlineExceeded
		}
	}
}

func (s *stream) tryWrite(p []byte) (n int, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr != nil {
		return 0, nil, s.writeErr
	}
	n = min(len(p), window-len(s.buf))
	if n > 0 {
		s.buf = append(s.buf, p[:n]...)
		s.notify()
	}
	return n, s.changed, nil
}

// deadline is a channel that closes when its time has come.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	done  chan struct{}
}

func newDeadline() deadline { return deadline{done: make(chan struct{})} }

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// set moves the deadline; the zero time means none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.done // the timer fired: its function closes done
	}
	d.timer = nil
	if isClosed(d.done) {
		d.done = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	wait, done := time.Until(t), d.done
	if wait <= 0 {
		close(done)
		return
	}
	d.timer = time.AfterFunc(wait, func() { close(done) })
}
