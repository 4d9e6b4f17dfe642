package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"agentkeeper/systemd"
)

// publicSocket is the FileDescriptorName of `listen`'s sockets.
const publicSocket = "listen"

// listenPublic returns the sockets that systemd has opened for `listen`, or
// binds address where it has opened none.
func listenPublic(address string, log *slog.Logger) ([]net.Listener, error) {
	sockets, err := systemd.TakeSockets()
	if err != nil {
		return nil, err
	}
	defer sockets.Close()
	given := sockets.Take(publicSocket)
	if names := sockets.Names(); len(names) > 0 {
		log.Warn("sockets of systemd are not used: write FileDescriptorName="+publicSocket+" in their unit", "names", names)
	}
	if len(given) > 0 {
		for _, l := range given {
			log.Info("listening on a socket of systemd's", "address", l.Addr().String(), "configured", address)
		}
		return given, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (set `listen` to a free address)", address, err)
	}
	return []net.Listener{l}, nil
}

// graceOfRequests is how long the end waits for the answers to requests that
// were taken. Streams and waits end at once.
const graceOfRequests = 2 * time.Second

// endServers takes no more connections and lets those that were taken have
// their answer, for up to most: behind a socket of systemd's no scrape fails while the service
// is replaced. (http.Server.Shutdown drops a request that it reads meanwhile.)
func (d *Daemon) endServers(most time.Duration) {
	for _, l := range append(slices.Clone(d.public), d.control, d.proxy, d.inbound.listener) {
		if l != nil {
			_ = l.Close()
		}
	}
	if d.hangUp != nil {
		d.hangUp()
	}
	for _, server := range d.http {
		server.SetKeepAlivesEnabled(false)
	}
	d.busy.wait(min(most, graceOfRequests))
	for _, server := range d.http {
		_ = server.Close()
	}
}

// count makes a server's requests end with the daemon's, and its connections
// known to endServers.
func (d *Daemon) count(s *http.Server) {
	bound := s.ConnState
	s.BaseContext = func(net.Listener) context.Context { return d.serving }
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		bound(conn, state)
		d.busy.note(conn, state)
	}
}

// busy is the connections that wait for an answer.
type busy struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// note is an http.Server's ConnState.
func (b *busy) note(c net.Conn, state http.ConnState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		if b.conns == nil {
			b.conns = map[net.Conn]bool{}
		}
		b.conns[c] = true
	default:
		delete(b.conns, c)
	}
}

func (b *busy) any() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns) > 0
}

// wait returns when there are none, or after limit.
func (b *busy) wait(limit time.Duration) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); b.any() && time.Now().Before(end); {
		<-tick.C
	}
}
