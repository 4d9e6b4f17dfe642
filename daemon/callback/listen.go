package callback

import (
	"crypto/tls"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"

	"agentkeeper/vendors/wire"
)

// Listener says where the receiver listens.
type Listener struct {
	Address           string // host:port
	CertFile, KeyFile string // PEM; "" = plain HTTP
}

// Listen opens the address. With a key pair what comes from it speaks TLS 1.2
// or newer, and shows the pair as the files have it at each new connection. A pair
// that cannot be read leaves the old one in use, with a line in the log.
func Listen(c Listener, l *slog.Logger) (net.Listener, *tls.Config, error) {
	var conf *tls.Config
	if c.CertFile != "" {
		p, err := wire.NewKeyPair("the callbacks' key pair", c.CertFile, c.KeyFile, l)
		if err != nil {
			return nil, nil, err
		}
		conf = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.ForServer}
	}
	inner, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for callbacks on %s: %w (set `callback.listen` to a free address)", c.Address, err)
	}
	return inner, conf, nil
}

// Serve serves r on l by s until s is closed.
func (r *Receiver) Serve(s *http.Server, l net.Listener, conf *tls.Config) error {
	s.ErrorLog = log.New(r.log, "", 0)
	if conf == nil {
		return s.Serve(l)
	}
	s.TLSConfig = conf
	return s.ServeTLS(l, "", "")
}
