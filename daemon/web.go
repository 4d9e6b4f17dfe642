package daemon

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

// newServer returns a server with every limit but the one on writing, which
// the event stream sets for itself.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
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
