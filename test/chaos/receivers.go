package main

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// receivers take the webhooks: one as it should, one slowly, and one that is an
// address at which nobody listens.
type receivers struct {
	server *http.Server
	base   string
	dead   string
	taken  atomic.Int64 // by the good one
	closed chan struct{}
	once   sync.Once
}

// hook is a webhook of the configuration.
type hook struct{ name, url string }

func newReceivers() (*receivers, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receivers{base: "http://" + l.Addr().String(), dead: "http://" + nobody.Addr().String() + "/", closed: make(chan struct{})}
	_ = nobody.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /good", func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		r.taken.Add(1)
	})
	mux.HandleFunc("POST /slow", func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		rest(q.Context(), 2*time.Second)
	})
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(r.closed)
		_ = r.server.Serve(l)
	}()
	return r, nil
}

func (r *receivers) all() []hook {
	return []hook{{"good", r.base + "/good"}, {"slow", r.base + "/slow"}, {"dead", r.dead}}
}

func (r *receivers) close() {
	r.once.Do(func() {
		_ = r.server.Close()
		<-r.closed
	})
}
