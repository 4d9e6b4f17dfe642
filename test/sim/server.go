package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// idleTimeout is no round number: in virtual time a client's pause of exactly
// that length would end at the same instant as its connection.
const idleTimeout = 5*time.Minute + 137*time.Millisecond

// Server serves one simulator on one listener until Close.
type Server struct {
	url    string
	http   *http.Server
	cancel context.CancelFunc
	served chan error

	conns connections

	mu      sync.Mutex
	closing bool
	running int
	idle    chan struct{} // closed when closing and nothing runs
}

// Serve starts to serve h on l and returns at once. With a TLS configuration
// it speaks TLS, and HTTP/2 beside HTTP/1.1 where NextProtos names "h2". Time
// limits bound the reading of requests, never the answers: long polls may be
// held for as long as the simulator wants.
func Serve(l net.Listener, h http.Handler, tlsConfig *tls.Config) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{url: urlOf(l, tlsConfig), cancel: cancel, served: make(chan error, 1), idle: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.track(h),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       s.conns.opened,
		ConnState:         s.conns.changed,
	}
	if tlsConfig != nil {
		s.http.TLSConfig = tlsConfig.Clone()
		s.http.Protocols = protocols(tlsConfig)
	}
	go s.serve(l, tlsConfig != nil)
	return s
}

func protocols(c *tls.Config) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	for _, name := range c.NextProtos {
		if name == "h2" {
			p.SetHTTP2(true)
		}
	}
	return p
}

func urlOf(l net.Listener, c *tls.Config) string {
	if c == nil {
		return "http://" + l.Addr().String()
	}
	return "https://" + l.Addr().String()
}

func (s *Server) serve(l net.Listener, withTLS bool) {
	if withTLS {
		s.served <- s.http.ServeTLS(l, "", "")
		return
	}
	s.served <- s.http.Serve(l)
}

// URL returns scheme, host and port.
func (s *Server) URL() string { return s.url }

// Close closes the listener and every connection, ends the requests' contexts
// and returns when every handler has returned. The error is that of a listener
// that failed before.
func (s *Server) Close() error {
	s.cancel()
	closed := s.http.Close()
	err := <-s.served
	s.wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if errors.Is(closed, net.ErrClosed) {
		return nil
	}
	return closed
}

// track counts the handlers that run, those of hijacked connections too.
func (s *Server) track(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler)
		}
		defer s.leave()
		h.ServeHTTP(w, r)
	})
}

func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.running++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.closing && s.running == 0 {
		close(s.idle)
	}
}

func (s *Server) wait() {
	s.mu.Lock()
	s.closing = true
	running := s.running
	s.mu.Unlock()
	if running > 0 {
		<-s.idle
	}
}
