package listener

import (
	"container/list"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
)

// Limits say how many connections a listener has at once.
type Limits struct {
	// Total says how many all have now. It is asked at each new connection; one
	// that has become too many is not closed for that.
	Total func() int
	// Part is which part of Total one peer has, an address or a user of a unix
	// socket: 4 is a quarter. The loopback addresses, and root and the service's
	// own user on a unix socket, are not bounded so; nor is anybody by 0.
	Part int
	// Reserved of Total, but a quarter at most, are for root and the service's own
	// user on a unix socket.
	Reserved int
}

// reservedPart is which part of all places is reserved at most.
const reservedPart = 4

// total is what this peer and all others may have together.
func (l Limits) total(from peer) int {
	all := l.Total()
	if from.privileged {
		return all
	}
	return all - min(l.Reserved, all/reservedPart)
}

// share is what the peer may have alone.
func (l Limits) share(from peer) int {
	if from.privileged || from.name == "" || l.Part == 0 {
		return math.MaxInt
	}
	return max(1, l.Total()/l.Part)
}

// Places are the connections of one listener. Make them with NewPlaces; their
// methods may be called from any goroutine.
type Places struct {
	limits   Limits
	refusals *Refusals

	mu      sync.Mutex
	conns   map[net.Conn]*place
	shares  map[string]int // by peer
	waiting list.List      // of *place; the one that waits longest is in front
}

// place is one connection.
type place struct {
	conn    net.Conn
	peer    peer
	waiting *list.Element // nil while it is served
}

// NewPlaces returns empty places; refusals may be nil.
func NewPlaces(l Limits, refusals *Refusals) *Places {
	return &Places{limits: l, refusals: refusals, conns: map[net.Conn]*place{}, shares: map[string]int{}}
}

// See is an http.Server's ConnState: it admits a new connection or closes it at
// once, and closes another one where that makes room.
func (p *Places) See(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		p.enter(conn, peerOf(conn))
	case http.StateActive:
		p.serve(conn)
	case http.StateIdle:
		p.idle(conn)
	case http.StateClosed, http.StateHijacked:
		p.leave(conn)
	}
}

// enter admits a newcomer or closes it.
func (p *Places) enter(conn net.Conn, from peer) {
	victims, refused := p.admit(conn, from)
	for _, victim := range victims {
		hangUp(victim)
		p.refusals.Note(Idle, slog.String("for", describe(conn, from)))
	}
	if refused != "" {
		hangUp(conn)
		p.refusals.Note(refused, slog.String("peer", describe(conn, from)))
	}
}

// describe names a peer for the log.
func describe(conn net.Conn, from peer) string {
	if from.name != "" {
		return from.name
	}
	return conn.RemoteAddr().String()
}

// hangUp closes a connection without TLS's closing message, which a client that
// reads nothing could delay.
func hangUp(c net.Conn) {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secure.NetConn()
	}
	_ = c.Close() // its server notices at its next read
}

// admit gives the newcomer a place, if there is one or one can be made, or says
// why not. The connections that made room have lost their places and are to be
// closed.
func (p *Places) admit(conn net.Conn, from peer) (victims []net.Conn, refused Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total, share := p.limits.total(from), p.limits.share(from)
	for p.shares[from.name] >= share || len(p.conns) >= total {
		name, why := "", Full // anybody's, where all places are taken
		if p.shares[from.name] >= share {
			name, why = from.name, Share
		}
		victim := p.free(name)
		if victim == nil {
			return victims, why
		}
		victims = append(victims, victim)
	}
	fresh := &place{conn: conn, peer: from}
	fresh.waiting = p.waiting.PushBack(fresh)
	p.conns[conn] = fresh
	p.shares[from.name]++
	return victims, ""
}

// free takes the place of the connection that waits longest, of that peer or,
// for "", of anybody; nil where none waits. The caller holds mu.
func (p *Places) free(name string) net.Conn {
	for e := p.waiting.Front(); e != nil; e = e.Next() {
		if old := e.Value.(*place); name == "" || old.peer.name == name {
			p.remove(old)
			return old.conn
		}
	}
	return nil
}

// remove forgets a place. The caller holds mu.
func (p *Places) remove(old *place) {
	if old.waiting != nil {
		p.waiting.Remove(old.waiting)
	}
	delete(p.conns, old.conn)
	if p.shares[old.peer.name]--; p.shares[old.peer.name] <= 0 {
		delete(p.shares, old.peer.name)
	}
}

func (p *Places) serve(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.conns[conn]; at != nil && at.waiting != nil {
		p.waiting.Remove(at.waiting)
		at.waiting = nil
	}
}

func (p *Places) idle(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.conns[conn]; at != nil && at.waiting == nil {
		at.waiting = p.waiting.PushBack(at)
	}
}

func (p *Places) leave(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.conns[conn]; at != nil {
		p.remove(at)
	}
}
