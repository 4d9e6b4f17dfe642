package daemon

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

const (
	// connections is how many a listener has at once; more are closed. Each
	// costs an open file, and the agents need theirs.
	connections = 512
	// streams is how many requests an HTTP/2 connection has at once.
	streams = 64
	// longest is above the longest answer: a request may ask to wait for ten
	// minutes. The handlers set nearer limits where they write.
	longest = 11 * time.Minute
)

// newServer returns a server that bounds what a client can take of it: time for
// a request's header and whole, time without one, the header's size, the number
// of connections. The handlers bound bodies and the time that a write takes.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: longest,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ConnState: new(crowd).see,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streams,
			SendPingTimeout:      30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second,
		},
	}
}

// crowd counts a server's connections and closes the ones that are too many.
type crowd struct{ n atomic.Int64 }

// see is an http.Server's ConnState.
func (c *crowd) see(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.n.Add(1) > connections {
			_ = conn.Close() // the server notices at its first read
		}
	case http.StateClosed, http.StateHijacked:
		c.n.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// serveWeb serves as every exporter does: plain, or with TLS and basic auth
// from a web configuration file. It returns when l is closed.
func serveWeb(l net.Listener, s *http.Server, webConfig string, log *slog.Logger) error {
	addresses, systemd := []string{l.Addr().String()}, false
	return web.Serve(l, s, &web.FlagConfig{
		WebListenAddresses: &addresses, WebSystemdSocket: &systemd, WebConfigFile: &webConfig,
	}, log.With("part", "web"))
}

// checkWebConfig finds mistakes in a web configuration file.
func checkWebConfig(path string) error { return web.Validate(path) }
