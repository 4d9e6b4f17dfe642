package sim

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// clock orders the openings of connections and the beginnings of faults. It is
// no time: in a testing/synctest bubble many of them share one instant.
var clock atomic.Int64

func tick() int64 { return clock.Add(1) }

// connection is what the server knows of one client's connection.
type connection struct {
	opened int64 // by the logical clock

	mu     sync.Mutex
	behind []byte // to be sent behind the present answer
}

type connectionKey struct{}

// connectionOf returns the connection that a request came on, nil where the
// request did not come through a [Server].
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// openedAt returns when the request's connection was opened, by the logical
// clock; 0 where that is not known.
func openedAt(ctx context.Context) int64 {
	if c := connectionOf(ctx); c != nil {
		return c.opened
	}
	return 0
}

// follow makes the bytes leave behind the present answer.
func (c *connection) follow(bytes []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind = bytes
}

func (c *connection) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.behind
	c.behind = nil
	return b
}

// connections are a server's open ones. The zero value is ready.
type connections struct{ byConn sync.Map }

// opened is http.Server's ConnContext.
func (s *connections) opened(ctx context.Context, c net.Conn) context.Context {
	known := &connection{opened: tick()}
	s.byConn.Store(c, known)
	return context.WithValue(ctx, connectionKey{}, known)
}

// changed is http.Server's ConnState. A connection becomes idle when its answer
// is written whole: what is to follow it leaves then.
func (s *connections) changed(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateIdle:
		known, ok := s.byConn.Load(c)
		if !ok {
			return
		}
		if bytes := known.(*connection).take(); len(bytes) > 0 {
			_, _ = c.Write(bytes) // a client that has gone does not mind
		}
	case http.StateClosed, http.StateHijacked:
		s.byConn.Delete(c)
	case http.StateNew, http.StateActive:
	}
}
