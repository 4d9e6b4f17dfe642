package proxy

import (
	"net/http"
	"time"

	"agentkeeper/vendors/wire"
)

const (
	connectLimit = 10 * time.Second
	answerLimit  = time.Minute // from the request to the answer's headers
	headerLimit  = 64 << 10
	idleLimit    = 30 * time.Second
	idleMost     = 16
)

// NewTransport returns a transport for the platform's requests that trusts what
// its keepers trust. It keeps idle connections: whoever made it calls
// CloseIdleConnections when the platform changes or goes. Proxies from the
// environment are ignored.
func NewTransport(p wire.Place) *http.Transport {
	t := &http.Transport{
		DialContext: p.Dialer(), TLSHandshakeTimeout: connectLimit, ResponseHeaderTimeout: answerLimit,
		MaxResponseHeaderBytes: headerLimit, IdleConnTimeout: idleLimit, MaxIdleConnsPerHost: idleMost,
		MaxConnsPerHost: concurrent,
	}
	if p.TLS != nil {
		t.TLSClientConfig = p.TLS.Clone()
	}
	return t
}
