package sim

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Line is the simulator's end of the network, as an outage needs it.
type Line interface {
	// Refuse makes new connections fail as if nothing listened, until
	// Refuse(false). Open connections live on.
	Refuse(bool)
	// RefuseFor refuses for d, then accepts again.
	RefuseFor(d time.Duration)
	// DropAll resets every open connection but those from the named remote
	// addresses.
	DropAll(except ...string)
}

// forever is how long Refuse(true) refuses.
const forever = 100 * 365 * 24 * time.Hour

// PipeListener is a net.Listener in memory. Connections are buffered and keep
// deadlines; everything blocks on channels, so that a testing/synctest bubble
// sees it idle. Make it inside the bubble that uses it.
type PipeListener struct {
	backlog chan *pipeConn
	closed  chan struct{}

	mu      sync.Mutex
	refuse  time.Time // until then
	conns   map[*pipeConn]struct{}
	dialled int
}

var _ Line = (*PipeListener)(nil)

// Pipe returns a listener in memory. Its address is 127.0.0.1:8043 whatever is
// dialled.
func Pipe() *PipeListener {
	return &PipeListener{
		backlog: make(chan *pipeConn, 128),
		closed:  make(chan struct{}),
		conns:   map[*pipeConn]struct{}{},
	}
}

var pipeAddr = net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8043}

// Addr returns 127.0.0.1:8043.
func (l *PipeListener) Addr() net.Addr { a := pipeAddr; return &a }

// Accept blocks until a client dials or the listener is closed (net.ErrClosed).
func (l *PipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close refuses all further dials and ends Accept. Open connections live on,
// those that wait to be accepted are reset. Closing twice is an error.
func (l *PipeListener) Close() error {
	if err := l.shut(); err != nil {
		return err
	}
	l.drain()
	return nil
}

func (l *PipeListener) shut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isClosed(l.closed) {
		return net.ErrClosed
	}
	close(l.closed)
	return nil
}

// drain resets what nobody will accept any more.
func (l *PipeListener) drain() {
	for {
		select {
		case c := <-l.backlog:
			c.Reset()
		default:
			return
		}
	}
}

// DialContext connects to the listener, whatever the network and address. It
// fits net/http's Transport and the adapters' DialContext. Refused and closed
// listeners give a *net.OpError around ECONNREFUSED; it blocks while 128
// connections wait to be accepted.
func (l *PipeListener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, l.dialError(err)
	}
	client, server, ok := l.open()
	if !ok {
		return nil, l.dialError(syscall.ECONNREFUSED)
	}
	select {
	case l.backlog <- server:
		if isClosed(l.closed) {
			l.drain()
		}
		return client, nil
	case <-l.closed:
		server.Reset()
		return nil, l.dialError(syscall.ECONNREFUSED)
	case <-ctx.Done():
		server.Reset()
		return nil, l.dialError(ctx.Err())
	}
}

func (l *PipeListener) dialError(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: l.Addr(), Err: err}
}

// open makes a connected pair unless dials are refused.
func (l *PipeListener) open() (client, server *pipeConn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isClosed(l.closed) || time.Now().Before(l.refuse) {
		return nil, nil, false
	}
	l.dialled++
	local := &net.TCPAddr{IP: pipeAddr.IP, Port: 10000 + l.dialled%50000}
	client, server = newPair(local, l.Addr())
	l.conns[server] = struct{}{}
	server.gone = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, server)
	}
	return client, server, true
}

// Refuse makes new dials fail as if nothing listened, until Refuse(false).
func (l *PipeListener) Refuse(refuse bool) {
	if refuse {
		l.RefuseFor(forever)
		return
	}
	l.RefuseFor(0)
}

// RefuseFor refuses new dials for d from now.
func (l *PipeListener) RefuseFor(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = time.Now().Add(d)
}

// DropAll resets every open connection but those from the named remote
// addresses: both ends see ECONNRESET at once.
func (l *PipeListener) DropAll(except ...string) {
	for _, c := range l.tracked() {
		if !slices.Contains(except, c.RemoteAddr().String()) {
			c.Reset()
		}
	}
}

// Open returns how many connections are open.
func (l *PipeListener) Open() int { return len(l.tracked()) }

func (l *PipeListener) tracked() []*pipeConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns := make([]*pipeConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	slices.SortFunc(conns, func(a, b *pipeConn) int { return a.id() - b.id() })
	return conns
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
