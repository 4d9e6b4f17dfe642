package daemon

import (
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
	"agentkeeper/vendors"
	"agentkeeper/vendors/rules"
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

// servers makes the servers of all doors.
func (d *Daemon) servers() []server {
	reader := api.Reader{
		Agents: d.fleet, Work: d.work, Events: d.store, Audience: d.metrics, Webhooks: d.hooks, Health: d, Metrics: d.metrics.Handler(), Log: d.log,
		Page: page.New(page.Options{Fleet: d.fleet, Work: d.work, Activity: d.activity, LastEvent: d.store.LastSeq, Version: d.o.Version, Log: d.log}),
	}
	controller := api.Controller{
		Reader: reader, Commander: d.fleet, Worker: d.work, Credentials: d.fleet, Reloader: d, Resumer: d.hooks, Quarantines: d.fleet,
		Consumers: &d.readers, Tracer: d.tracer, Commands: d.commands,
	}
	all := d.publicServers(reader.Handler())
	all = append(all, d.door(openfiles.Control, controlPart, controlReserved).server(controller.Handler(), func(s *http.Server) error {
		s.ConnContext = api.ConnContext
		return s.Serve(d.doors.control)
	}))
	if d.doors.proxy != nil {
		at := d.door(openfiles.Proxy, proxyPart, 0)
		p := proxy.New(proxy.Options{Fleet: d.fleet, Rules: rulesOf, Lanes: d.commands, Log: d.log, Refusals: at.refusals})
		all = append(all, at.server(p, func(s *http.Server) error {
			defer p.Close()
			return s.Serve(d.doors.proxy)
		}))
	}
	if d.doors.callback != nil {
		r := callback.New(callback.Options{Find: d.fleet.Receiver, Counter: d.metrics, Log: d.log})
		all = append(all, d.door(openfiles.Callback, callbackPart, 0).server(r, func(s *http.Server) error {
			return r.Serve(s, d.doors.callback, d.doors.callbackTLS)
		}))
	}
	return all
}

func rulesOf(vendor string) rules.Set { return vendors.Table[vendor].Rules }

// publicServers serve the read-only half, one on every socket of `listen`; they share
// the places.
func (d *Daemon) publicServers(h http.Handler) (all []server) {
	at, webConfig := d.door(openfiles.Public, publicPart, 0), d.cfg.Load().WebConfigFile
	h = api.CORS(h, func() []string { return d.cfg.Load().CORSOrigins })
	h = listener.ReadOnly(h, d.hosts, "listen_hosts", at.refusals)
	for _, l := range d.doors.public {
		all = append(all, at.server(h, func(s *http.Server) error { return serveWeb(l, s, webConfig, d.log) }))
	}
	return all
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

// server answers at a door.
type server struct {
	name  openfiles.Listener
	http  *http.Server
	serve func(*http.Server) error // returns when the server is closed
}

// server makes a server of a handler, within the door's bounds.
func (at door) server(h http.Handler, serve func(*http.Server) error) server {
	return server{name: at.name, http: listener.NewServer(listener.Handler(h, at.refusals), at.places), serve: serve}
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
