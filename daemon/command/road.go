package command

import (
	"sync"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

const (
	idleMost  = 16               // kept connections to one platform
	idleLimit = 10 * time.Second // for one that nobody needs
)

// roads are the ways to the platforms that commands went to over HTTP, apart from the
// connections that hold sessions. The zero roads is ready.
type roads struct {
	mu  sync.Mutex
	all map[string]*road // by platform
}

// road is the way to one platform, for as long as that stays where it is.
type road struct {
	place     wire.Place
	transport *wire.Transport

	mu    sync.Mutex
	idle  []kept // the last used one is the last
	sweep *time.Timer
}

// kept is a connection that waits for the next command.
type kept struct {
	client *wire.Client
	since  time.Time
}

// to returns the way to a platform.
func (r *roads) to(platform string, place wire.Place) *road {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.all[platform]
	if one != nil && one.place.URL == place.URL && one.place.TLS == place.TLS {
		return one
	}
	if one != nil {
		one.close()
	}
	if r.all == nil {
		r.all = map[string]*road{}
	}
	one = &road{place: place, transport: wire.NewTransport(place)}
	r.all[platform] = one
	return one
}

// close drops all kept connections.
func (r *roads) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		one.close()
	}
	r.all = nil
}

// take returns a client of a's, on a kept connection where there is one.
func (r *road) take(a session.Account) *wire.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.idle)
	if n == 0 || time.Since(r.idle[n-1].since) > idleLimit {
		return r.transport.Client(a)
	}
	client := r.idle[n-1].client
	r.idle = r.idle[:n-1]
	client.Serve(a)
	return client
}

// keep keeps a client's connection for the next command.
func (r *road) keep(client *wire.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == idleMost {
		client.Close()
		return
	}
	r.idle = append(r.idle, kept{client, time.Now()})
	if r.sweep == nil {
		r.sweep = time.AfterFunc(idleLimit, r.tidy)
	}
}

// tidy closes what nobody needed for long, and comes back while there is more.
func (r *road) tidy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	stay := 0
	for stay < len(r.idle) && time.Since(r.idle[stay].since) >= idleLimit {
		r.idle[stay].client.Close()
		stay++
	}
	if r.idle = r.idle[stay:]; len(r.idle) == 0 {
		r.idle, r.sweep = nil, nil
		return
	}
	r.sweep = time.AfterFunc(idleLimit-time.Since(r.idle[0].since), r.tidy)
}

// close drops the kept connections.
func (r *road) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.idle {
		one.client.Close()
	}
	if r.idle = nil; r.sweep != nil {
		r.sweep.Stop()
		r.sweep = nil
	}
}
