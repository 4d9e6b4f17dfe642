package daemon

import (
	"crypto/tls"
	"log/slog"
	"net"

	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/config"
)

// inbound is where platforms that push events reach the service; the zero
// inbound is nowhere.
type inbound struct {
	listener net.Listener
	tls      *tls.Config // nil: plain
}

func openInbound(c config.Callback, log *slog.Logger) (in inbound, err error) {
	if c.Listen == "" {
		return inbound{}, nil
	}
	in.listener, in.tls, err = callback.Listen(callback.Listener{Address: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile}, log)
	return in, err
}
