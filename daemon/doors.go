package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/proxy"
)

// graceOfRequests is how long the end waits for the answers to requests that
// were taken. Streams and waits end at once.
const graceOfRequests = 2 * time.Second

// doors are the addresses at which the service is reached over HTTP. They are bound
// before the agents start, and answer when those have started.
type doors struct {
	public      []net.Listener // at least one
	control     net.Listener
	proxy       net.Listener  // nil: off
	callback    net.Listener  // nil: nowhere
	callbackTLS *tls.Config   // nil: plain
	opened      chan struct{} // closed when requests are to be answered
	busy        busy
}

// openDoors binds the addresses of a configuration, all of them or none.
func openDoors(cfg *config.Config, log *slog.Logger) (*doors, error) {
	d := &doors{opened: make(chan struct{})}
	if err := d.bind(cfg, log); err != nil {
		d.shut()
		return nil, err
	}
	return d, nil
}

func (d *doors) bind(cfg *config.Config, log *slog.Logger) (err error) {
	if d.public, err = listenPublic(cfg.Listen, log); err != nil {
		return err
	}
	if d.control, err = api.ListenControl(cfg.Control); err != nil {
		return err
	}
	if cfg.Proxy != "" {
		if d.proxy, err = proxy.Listen(cfg.Proxy); err != nil {
			return fmt.Errorf("listen for the local proxy: %w", err)
		}
	}
	if c := cfg.Callback; c.Listen != "" {
		at := callback.Listener{Address: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile}
		d.callback, d.callbackTLS, err = callback.Listen(at, log)
	}
	return err
}

// shut takes no more connections.
func (d *doors) shut() {
	for _, l := range append(d.public[:len(d.public):len(d.public)], d.control, d.proxy, d.callback) {
		if l != nil {
			_ = l.Close()
		}
	}
}

// answering is the task of the doors.
func (d *Daemon) answering() task {
	return task{"listeners", func(ctx context.Context, ready func()) error {
		ready()
		select {
		case <-d.doors.opened:
			return d.answer(ctx)
		case <-ctx.Done():
			d.doors.shut()
			return nil
		}
	}}
}

// answer serves until ctx ends or one of the servers fails. Then no more connections
// are taken, and requests that were taken have their answer: behind a socket of
// systemd's no scrape fails while the service is replaced. (http.Server.Shutdown
// drops a request that it reads meanwhile.)
func (d *Daemon) answer(ctx context.Context) (err error) {
	requests, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	all := d.servers()
	failed := make(chan error, len(all))
	var serving sync.WaitGroup
	for _, s := range all {
		d.doors.busy.count(requests, s.http)
		serving.Go(func() {
			if err := s.serve(s.http); !closed(err) {
				failed <- fmt.Errorf("serve %s: %w", s.name, err)
			}
		})
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	d.doors.shut()
	hangUp()
	for _, s := range all {
		s.http.SetKeepAlivesEnabled(false)
	}
	d.doors.busy.wait(min(d.remaining(), graceOfRequests))
	for _, s := range all {
		_ = s.http.Close()
	}
	serving.Wait()
	return err
}

func closed(err error) bool {
	return err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed)
}

// busy is the connections that wait for an answer.
type busy struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
	idle  chan struct{} // closed when there are none; nil: nobody waits
}

// count makes a server's requests end with ctx, and its connections known.
func (b *busy) count(ctx context.Context, s *http.Server) {
	bound := s.ConnState
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		bound(conn, state)
		b.note(conn, state)
	}
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
		b.tell()
	}
}

// tell tells whoever waits that there are none. The caller holds mu.
func (b *busy) tell() {
	if b.idle != nil && len(b.conns) == 0 {
		close(b.idle)
		b.idle = nil
	}
}

// wait returns when there are none, or after limit. One goroutine waits at a time.
func (b *busy) wait(limit time.Duration) {
	idle := make(chan struct{})
	b.mu.Lock()
	b.idle = idle
	b.tell()
	b.mu.Unlock()
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-idle:
	case <-over.C:
	}
}
