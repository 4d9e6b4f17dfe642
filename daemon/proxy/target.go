package proxy

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"sync"

	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// targets are the platforms that requests went to.
type targets struct {
	fleet     Fleet
	rules     func(vendor string) rules.Set
	transport func(wire.Place) http.RoundTripper

	mu  sync.Mutex
	all map[string]target // by platform
}

// target is one platform, for as long as it stays where it is.
type target struct {
	url       *url.URL // scheme, host and port; a path is put before every request's
	tls       *tls.Config
	transport http.RoundTripper
	rules     rules.Set
}

// of returns a platform; ok is false for one that there is not. One that moved gets
// a new transport.
func (t *targets) of(platform string) (one target, ok bool) {
	place, vendor, ok := t.fleet.Place(platform)
	if !ok {
		return target{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	one, known := t.all[platform]
	if !known || one.url != place.URL || one.tls != place.TLS {
		if known {
			one.closeIdle()
		}
		one = target{url: place.URL, tls: place.TLS, transport: t.transport(place)}
		t.all[platform] = one
	}
	one.rules = t.rules(vendor)
	return one, true
}

func (t target) closeIdle() {
	if c, ok := t.transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Close drops the idle connections to the platforms.
func (p *Proxy) Close() {
	p.targets.mu.Lock()
	defer p.targets.mu.Unlock()
	for _, one := range p.targets.all {
		one.closeIdle()
	}
}
