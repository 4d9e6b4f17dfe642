package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/exporter-toolkit/web"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/proxy"
)

// Which part of a listener's places one peer has at most: an address or, on a
// unix socket, a user. The platforms that push events are few and connect often.
const (
	publicPart   = 4
	controlPart  = 2
	proxyPart    = 2
	callbackPart = 2
)

// controlReserved is how many of the control socket's places are for root and
// the service's own user.
const controlReserved = 16

// serve starts the HTTP servers.
func (d *Daemon) serve(failed chan<- error) {
	d.serving, d.hangUp = context.WithCancel(context.Background())
	status := page.New(page.Options{Fleet: d.fleet, Activity: d.activity, LastEvent: d.store.LastSeq, Version: d.o.Version, Log: d.log})
	reader := api.Reader{Agents: d.fleet, Events: d.store, Health: d, Metrics: d.metrics.Handler(), Page: status, Log: d.log,
		Webhooks: d.hooks, Audience: audience{d.metrics}}
	controller := api.Controller{Reader: reader, Commander: d.fleet, Credentials: d.fleet, Reloader: d, Resumer: d.hooks, Quarantines: d.fleet,
		Consumers: &d.readers, Tracer: d.tracer}
	d.servePublic(reader.Handler(), failed)
	d.start(d.door(openfiles.Control, controlPart, controlReserved), controller.Handler(), failed, func(s *http.Server) error {
		s.ConnContext = api.ConnContext
		return s.Serve(d.control)
	})
	if d.proxy != nil {
		at := d.door(openfiles.Proxy, proxyPart, 0)
		h := proxy.New(proxy.Options{Sessions: d.local, Log: d.log, Refusals: at.refusals})
		d.start(at, h, failed, func(s *http.Server) error { return s.Serve(d.proxy) })
	}
	if d.inbound.listener != nil {
		r := callback.New(callback.Options{Find: d.fleet.Receiver, Counter: d.metrics, Log: d.log})
		d.start(d.door(openfiles.Callback, callbackPart, 0), r, failed, func(s *http.Server) error {
			return r.Serve(s, d.inbound.listener, d.inbound.tls)
		})
	}
}

// servePublic serves the read-only half on every socket of `listen`, which share
// the places.
func (d *Daemon) servePublic(h http.Handler, failed chan<- error) {
	at, webConfig := d.door(openfiles.Public, publicPart, 0), d.cfg.Load().WebConfigFile
	h = api.CORS(h, func() []string { return d.cfg.Load().CORSOrigins })
	h = listener.ReadOnly(h, d.hosts, "listen_hosts", at.refusals)
	for _, l := range d.public {
		d.start(at, h, failed, func(s *http.Server) error { return serveWeb(l, s, webConfig, d.log) })
	}
}

// hosts tells whose names `listen` answers to, as of the last reload.
func (d *Daemon) hosts() listener.Hosts {
	return listener.Hosts{Names: d.cfg.Load().ListenHosts, Open: true}
}

// door is what bounds one of the listeners.
type door struct {
	name     openfiles.Listener
	places   *listener.Places
	refusals *listener.Refusals
}

// door returns the bounds of a listener; see listener.Limits.
func (d *Daemon) door(name openfiles.Listener, part, reserved int) door {
	refusals := listener.NewRefusals(string(name), d.metrics, d.log)
	limits := listener.Limits{Total: func() int { return d.files.Connections(name) }, Part: part, Reserved: reserved}
	return door{name: name, places: listener.NewPlaces(limits, refusals), refusals: refusals}
}

// start runs one server until closeAll.
func (d *Daemon) start(at door, h http.Handler, failed chan<- error, serve func(*http.Server) error) {
	s := listener.NewServer(listener.Handler(h, at.refusals), at.places)
	d.count(s)
	d.http = append(d.http, s)
	d.servers.Go(func() {
		if err := serve(s); !closed(err) {
			failed <- fmt.Errorf("serve %s: %w", at.name, err)
		}
	})
}

func closed(err error) bool {
	return err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed)
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
