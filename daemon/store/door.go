package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// door is the listener for other programs, in one run of the server. It bounds
// how many connections there are before the server learns of them: the server's
// own bound counts our own connections too, and would refuse those when
// strangers have taken every place.
//
// A connection is pending until its login succeeded. Those have few places, and
// where they are taken the oldest of the address that has the most makes room:
// a program that logs in needs an instant, a silent one loses its place.
type door struct {
	*Consumers
	inside func() (net.Conn, error) // a connection within the process
	log    *slog.Logger

	mu       sync.Mutex
	listener net.Listener // nil: closed
	closed   bool
	guests   map[string]*guest // by remote address
	order    uint64            // of the last guest
	warned   time.Time         // when the log was last told that some are refused
	serving  sync.WaitGroup

	farewells chan struct{} // holds who is told that there is no place
}

// guest is one connection.
type guest struct {
	conn  net.Conn
	peer  netip.AddrPort
	order uint64
	user  string   // "" while it is pending
	talks net.Conn // where the other end reads: conn, or TLS on it; nil before
}

const (
	defaultConnections = 512
	leastPending       = 8                // connections that may be pending, however few there may be
	mostFarewells      = 8                // connections that are told at once that there is no place
	farewell           = time.Second      // how long that may take
	guestWrite         = 10 * time.Second // for a piece of at most 32 KiB
	infoLimit          = 32 << 10         // bytes of the server's first line
	warnEvery          = time.Minute
)

func newDoor(c *Consumers, inside func() (net.Conn, error), log *slog.Logger) *door {
	return &door{Consumers: c, inside: inside, log: log, guests: map[string]*guest{}, farewells: make(chan struct{}, mostFarewells)}
}

// open binds the address, if it is not bound yet.
func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener != nil || d.closed {
		return nil
	}
	l, err := net.Listen("tcp", d.Address)
	if err != nil {
		return fmt.Errorf("listen for consumers on %s: the address cannot be bound: %w (set `events.listen` to a free address)", d.Address, err)
	}
	d.listener = l
	d.log.Info("store: consumers may connect", "listen", l.Addr().String())
	d.serving.Go(func() { d.accept(l) })
	return nil
}

// close ends the listener and every connection.
func (d *door) close() {
	d.mu.Lock()
	d.closed = true
	if d.listener != nil {
		_ = d.listener.Close()
	}
	for _, g := range d.guests {
		_ = g.conn.Close()
	}
	d.mu.Unlock()
	d.serving.Wait()
}

func (d *door) addr() net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return nil
	}
	return d.listener.Addr()
}

func (d *door) accept(l net.Listener) {
	const first = 5 * time.Millisecond
	for pause := first; ; {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file is left, or the other end has gone
			<-time.After(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = first
		d.receive(conn)
	}
}

// most is how many connections there may be, and how many of them pending.
func (d *door) most() (all, pending int) {
	all = defaultConnections
	if d.Connections != nil {
		all = d.Connections()
	}
	return all, min(max(all/4, leastPending), all)
}

// receive finds a place for a connection, or ends it. It blocks the next only as
// long as that takes, so that no more files are open than places are given.
func (d *door) receive(conn net.Conn) {
	g, err := d.admit(conn)
	if err == nil {
		d.serving.Go(func() {
			defer d.leave(g)
			if err := d.serve(g); err != nil {
				d.log.Debug("store: a consumer's connection ended", "from", g.peer.String(), "user", d.userOf(g), "error", err)
			}
		})
		return
	}
	select {
	case d.farewells <- struct{}{}:
		d.serving.Go(func() {
			d.turnAway(conn)
			<-d.farewells
		})
	default:
		_ = conn.Close()
	}
}

var errFull = errors.New("the listener is full")

// admit gives the connection a place among the pending ones.
func (d *door) admit(conn net.Conn) (*guest, error) {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil, fmt.Errorf("the address of a consumer: %w", err)
	}
	g := &guest{conn: conn, peer: netip.AddrPortFrom(peer.Addr().Unmap().WithZone(""), peer.Port())}
	most, pending := d.most()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, net.ErrClosed
	}
	waiting := d.pending()
	if len(waiting) > 0 && (len(waiting) >= pending || len(d.guests) >= most) {
		d.send(oldest(waiting), RefusedPending)
	}
	if len(d.guests) >= most {
		d.complain(RefusedConnections)
		return nil, errFull
	}
	d.order++
	g.order = d.order
	d.guests[g.peer.String()] = g
	return g, nil
}

// pending returns the connections that have not logged in.
func (d *door) pending() (list []*guest) {
	for _, g := range d.guests {
		if g.user == "" {
			list = append(list, g)
		}
	}
	return list
}

// oldest returns the oldest connection of the address that has the most.
func oldest(list []*guest) *guest {
	count := map[netip.Addr]int{}
	for _, g := range list {
		count[g.peer.Addr()]++
	}
	first := list[0]
	for _, g := range list[1:] {
		more := count[g.peer.Addr()] - count[first.peer.Addr()]
		if more > 0 || (more == 0 && g.order < first.order) {
			first = g
		}
	}
	return first
}

// send ends a connection; its place is free at once.
func (d *door) send(g *guest, reason string) {
	delete(d.guests, g.peer.String())
	_ = g.conn.Close()
	d.complain(reason)
}

// complain counts what was refused, and says so in the log now and then.
func (d *door) complain(reason string) {
	d.refused(reason)
	if now := time.Now(); now.Sub(d.warned) > warnEvery {
		d.warned = now
		d.log.Warn("store: connections of consumers are refused; agentkeeper_stream_refused_total counts them",
			"reason", reason, "connections", len(d.guests))
	}
}

func (d *door) leave(g *guest) {
	_ = g.conn.Close() // the other end may have closed it
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.guests[g.peer.String()] == g {
		delete(d.guests, g.peer.String())
	}
}

func (d *door) userOf(g *guest) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return g.user
}

// welcome notes whose connection it is. It reports false for one that has lost
// its place, and for a user who would have more than its part of the places.
func (d *door) welcome(from, user string) bool {
	talks, ok := d.know(from, user)
	if !ok && talks != nil {
		tell(talks, "maximum account active connections exceeded")
	}
	return ok
}

func (d *door) know(from, user string) (talks net.Conn, ok bool) {
	most, _ := d.most()
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.guests[from]
	if g == nil {
		return nil, false
	}
	n := 0
	for _, other := range d.guests {
		if other.user == user {
			n++
		}
	}
	if n >= min(userConnections, max(most/2, 1)) {
		d.complain(RefusedUser)
		return g.talks, false
	}
	g.user = user
	return nil, true
}

// trim ends what is more than there may be: pending ones, then the youngest.
func (d *door) trim() {
	most, _ := d.most()
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.guests) > most {
		var worst *guest
		for _, g := range d.guests {
			if worst == nil || (g.user == "" && worst.user != "") || ((g.user == "") == (worst.user == "") && g.order > worst.order) {
				worst = g
			}
		}
		d.send(worst, RefusedConnections)
	}
}

func (d *door) count() (now, most int) {
	most, _ = d.most()
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.guests), most
}

// turnAway tells a program that there is no place, as the server would. What the
// program has sent is read, for a connection that is closed before loses what
// was written.
func (d *door) turnAway(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the other end may have closed it
	if d.TLS != nil {
		return // it would take a handshake to say so
	}
	_ = conn.SetDeadline(time.Now().Add(farewell))
	_, _ = io.WriteString(conn, `INFO {"server_name":"agentkeeper","proto":1,"auth_required":true,"max_payload":`+fmt.Sprint(userPayload)+"}\r\n"+
		"-ERR 'maximum connections exceeded'\r\n") // it is sent away whatever it hears
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, conn, maxControlLine)
}
