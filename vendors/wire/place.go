package wire

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/url"
	"time"

	"agentkeeper/vendors/trace"
)

// Place is where one platform is and how to reach it. All agents of the
// platform share it; it is not changed after the adapter was opened.
type Place struct {
	Name        string                                                               // the platform's name in the configuration
	URL         *url.URL                                                             // scheme, host and port as configured; no credentials in it
	TLS         *tls.Config                                                          // nil for plain schemes; built by TLSSettings.Config
	DialContext func(ctx context.Context, network, address string) (net.Conn, error) // nil: see [Place.Dialer]
	Dials       *Dials                                                               // nil: without bounds
	// OperationTimeout bounds one sign-in or sign-out; the driver puts it on
	// the context, adapters use it for requests of their own. 0: see Timeout.
	OperationTimeout time.Duration
	Window           time.Duration // the longest silence that the platform forgives
	Log              *slog.Logger  // nil: no logging; must never be given a secret
	Traces           *trace.Traces // whose exchange is written down; nil: nobody's
}

// operationTimeout is the timeout of one operation where the place names none.
const operationTimeout = 30 * time.Second

// Timeout returns how long one sign-in or sign-out may take.
func (p Place) Timeout() time.Duration {
	if p.OperationTimeout <= 0 {
		return operationTimeout
	}
	return p.OperationTimeout
}
