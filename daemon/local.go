package daemon

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"sync"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/proxy"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors"
)

// local is the fleet as the local proxy sees it.
type local struct {
	fleet *fleet.Fleet

	mu    sync.Mutex
	roads map[string]road // by platform
}

// road is how requests reach one platform, for as long as it stays there.
type road struct {
	url       *url.URL
	tls       *tls.Config
	transport *http.Transport
}

// Credential implements proxy.Sessions.
func (l *local) Credential(id session.ID) (keeper.Handed, bool) {
	h, err := l.fleet.Credential(id)
	return h, err == nil
}

// Refuse implements proxy.Sessions.
func (l *local) Refuse(id session.ID, generation uint64) error {
	return l.fleet.Refuse(id, generation, "proxy")
}

// Target implements proxy.Sessions.
func (l *local) Target(platform string) (proxy.Target, bool) {
	place, vendor, ok := l.fleet.Place(platform)
	if !ok {
		return proxy.Target{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, known := l.roads[platform]
	if !known || r.url != place.URL || r.tls != place.TLS {
		if known {
			r.transport.CloseIdleConnections()
		}
		r = road{url: place.URL, tls: place.TLS, transport: proxy.NewTransport(place)}
		l.roads[platform] = r
	}
	return proxy.Target{URL: r.url, Transport: r.transport, Rules: vendors.Table[vendor].Rules}, true
}

// close drops the idle connections.
func (l *local) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.roads {
		r.transport.CloseIdleConnections()
	}
}
