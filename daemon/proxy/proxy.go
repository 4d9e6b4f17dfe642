package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/listener"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

const (
	requestLimit  = 5 * time.Minute  // for one request as a whole, the client's reading included
	apologyLimit  = 5 * time.Second  // beyond it, for the answer that says so
	bodyTimeout   = 30 * time.Second // of it, for what is kept of the body to arrive
	bodyPace      = 128 << 10        // and then the least that must arrive of the rest, in bytes per second
	concurrent    = 256              // requests at the same time, whose bodies have arrived
	largeBodies   = 64               // of them, and of those that arrive, with a body beyond smallBody
	smallBody     = 64 << 10         // in bytes; what a program at the site commands is far smaller
	busyRetry     = time.Second      // Retry-After where there are more
	absentRetry   = 5 * time.Second  // Retry-After while there is no session
	bodyLimit     = 32 << 20         // for a request's body, in bytes
	replayLimit   = 1 << 20          // a longer request body is streamed and not sent twice
	refusalLength = 64 << 10         // a longer answer is none that refuses a credential
)

// Fleet is the agents and their platforms. Its methods do not block and may be
// called from any goroutine.
type Fleet interface {
	// Credential returns the agent's present credential; it fails for an agent that
	// there is not.
	Credential(id session.ID) (keeper.Handed, error)
	// Refuse says that the platform refused that generation. nil,
	// keeper.ErrNotCurrent and keeper.ErrNoSession mean that a newer one may
	// come soon, any other error that none will.
	Refuse(id session.ID, generation uint64, by string) error
	// Place returns where a platform is and which vendor's, the same value until one
	// of that changes; ok is false for one that there is not.
	Place(platform string) (place wire.Place, vendor string, ok bool)
}

// Lanes are where whatever changes something waits, one request of an agent at a time.
type Lanes interface {
	// Enter blocks until the request may leave. leave is called once its answer came.
	// refused says why it may not.
	Enter(ctx context.Context, id session.ID, r rules.Request) (leave func(), refused *command.Result)
}

// Options are what a proxy is made from. Fleet and Rules are required.
type Options struct {
	Fleet Fleet
	// Rules are a vendor's; the zero Set lets nothing through.
	Rules    func(vendor string) rules.Set
	Lanes    Lanes              // nil: writes wait for nothing
	Log      *slog.Logger       // nil: no logging
	Refusals *listener.Refusals // nil: nothing is counted
	// Transport carries the requests to a platform, and follows no redirects; nil:
	// NewTransport makes it.
	Transport func(wire.Place) http.RoundTripper
}

// New returns the proxy. Its requests end by themselves within 5 minutes; it
// sets the deadlines of their connections itself, so that its server's
// ReadTimeout and WriteTimeout do not cut them.
func New(o Options) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = func(p wire.Place) http.RoundTripper { return NewTransport(p) }
	}
	return &Proxy{
		fleet: o.Fleet, lanes: o.Lanes, log: o.Log, refusals: o.Refusals,
		targets: targets{fleet: o.Fleet, rules: o.Rules, transport: o.Transport, all: map[string]target{}},
		slots:   make(chan struct{}, concurrent), large: make(chan struct{}, largeBodies),
	}
}

// Proxy is an http.Handler; see New.
type Proxy struct {
	fleet    Fleet
	lanes    Lanes
	targets  targets
	log      *slog.Logger
	refusals *listener.Refusals
	slots    chan struct{} // one for each request that is on its way to the platform
	large    chan struct{} // one for each large body
	ignored  ignored
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	limit := time.Now().Add(requestLimit)
	ctx, cancel := context.WithDeadline(req.Context(), limit)
	defer cancel()
	req = req.WithContext(ctx)
	req.Body = http.MaxBytesReader(w, req.Body, bodyLimit)
	w = listener.Paced(w, limit.Add(apologyLimit))
	if fault := p.serve(w, req, limit); fault != nil {
		if fault.why != "" {
			p.refusals.Note(fault.why, slog.String("from", req.RemoteAddr), slog.String("text", fault.text))
		}
		fault.write(w)
	}
}

// awaitUntil replaces the server's time limit for what the client sends. A
// writer without deadlines is a test's.
func awaitUntil(w http.ResponseWriter, limit time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(limit)
}

// busy is the answer where there are too many requests of a kind.
func busy(text string) *fault {
	return &fault{retry: busyRetry, why: listener.Busy, text: text + ": try again in a moment"}
}

// serve forwards the request, or says why not. It takes a place among those
// that are forwarded when what is kept of the body is there, so that a client
// that sends slowly holds up nobody.
func (p *Proxy) serve(w http.ResponseWriter, req *http.Request, limit time.Time) *fault {
	if f := checkRequest(req); f != nil {
		return f
	}
	way, err := parseRoute(req.URL.EscapedPath())
	if err != nil {
		return &fault{status: http.StatusBadRequest, text: err.Error()}
	}
	target, f := p.target(way.id)
	if f != nil {
		return f
	}
	awaitUntil(w, time.Now().Add(bodyTimeout))
	asked, body, f := p.admit(req, way, target)
	defer body.release()
	if f != nil {
		return f
	}
	handed, f := p.credential(way.id)
	if f != nil {
		return f
	}
	x := &exchange{proxy: p, ctx: req.Context(), route: way, asked: asked, target: target, handed: handed, body: body}
	if f := x.enter(); f != nil {
		return f
	}
	defer x.leave()
	if x.handed, f = p.credential(way.id); f != nil { // that of now
		return f
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		return busy("too many requests at once")
	}
	body.over = func() { awaitUntil(w, limit.Add(apologyLimit)) } // the server notices a client that goes away by reading on
	if body.whole {
		body.over()
	} else {
		awaitUntil(w, earlier(limit, time.Now().Add(bodyTimeout+timeFor(req.ContentLength))))
	}
	p.forward(w, req, x)
	return nil
}

// credential returns the agent's present credential.
func (p *Proxy) credential(id session.ID) (keeper.Handed, *fault) {
	handed, err := p.fleet.Credential(id)
	switch {
	case err != nil:
		return handed, unknownAgent(id)
	case !handed.Live:
		return handed, &fault{retry: absentRetry, text: id.String() + " is not signed in now: try again later, or see `agentkeeper explain " + id.String() + "`"}
	}
	return handed, nil
}

// admit returns the request in the form in which it is sent, or says why it is
// not. Only a request whose path, query and headers are plain has its body read.
func (p *Proxy) admit(req *http.Request, way route, target target) (rules.Request, body, *fault) {
	asked, err := rules.Parse(rules.Raw{Method: req.Method, Path: "/" + way.rest, Query: req.URL.RawQuery, Header: req.Header})
	if err != nil {
		return asked, body{}, p.refuseIrregular(req, way, err)
	}
	read, err := p.readBody(req)
	if err != nil {
		return asked, read, bodyFault(err)
	}
	if asked, err = asked.WithBody(read.head, read.whole); err != nil {
		return asked, read, p.refuseIrregular(req, way, err)
	}
	asked, why := target.rules.Admit(asked)
	if why != "" {
		p.log.Warn("proxy: request refused", "agent", way.id.String(), "method", req.Method, "reason", why)
		return asked, read, &fault{status: http.StatusForbidden, text: why}
	}
	if read.whole {
		read.head = asked.Body // its normal form
	}
	return asked, read, nil
}

// refuseIrregular refuses what is not plain.
func (p *Proxy) refuseIrregular(req *http.Request, way route, err error) *fault {
	p.log.Warn("proxy: request refused", "agent", way.id.String(), "method", req.Method, "reason", err.Error())
	return &fault{status: http.StatusBadRequest, text: err.Error()}
}

// timeFor returns how long the rest of a body of that length may take; an
// unknown length, -1, is the greatest.
func timeFor(length int64) time.Duration {
	if length < 0 {
		length = bodyLimit
	}
	return time.Duration(length/bodyPace) * time.Second
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// target returns where the agent's requests go.
func (p *Proxy) target(id session.ID) (target, *fault) {
	t, ok := p.targets.of(id.Platform)
	if !ok {
		return target{}, &fault{status: http.StatusNotFound, text: "no such platform: " + id.Platform + "; the path is /{platform}/{login}/…"}
	}
	if _, err := p.fleet.Credential(id); err != nil {
		return target{}, unknownAgent(id)
	}
	if t.rules.Admit == nil || t.rules.Judge == nil {
		return target{}, &fault{status: http.StatusNotImplemented, text: "sessions of " + id.Platform + " are not spoken over HTTP: take its credential instead"}
	}
	return t, nil
}

// forward carries the request to the platform and the answer back.
func (p *Proxy) forward(w http.ResponseWriter, req *http.Request, x *exchange) {
	reverse := &httputil.ReverseProxy{
		Rewrite: x.rewrite, Transport: x, ModifyResponse: x.clean, FlushInterval: -1,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			p.log.Warn("proxy: request failed", "agent", x.route.id.String(), "method", req.Method, "error", reasonOf(err))
			transportFault(err).write(w)
		},
	}
	reverse.ServeHTTP(w, req)
}

// reasonOf says why a request failed. Errors about what came over the
// connection may quote it, a Guid included, and are not shown.
func reasonOf(err error) string {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &network) || errors.As(err, &certificate) {
		return err.Error()
	}
	return transportFault(err).text
}

func unknownAgent(id session.ID) *fault {
	return &fault{status: http.StatusNotFound, text: "no such agent: " + id.String() + "; the path is /{platform}/{login}/…"}
}

// bodyFault is what a request body that cannot be read means.
func bodyFault(err error) *fault {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return &fault{status: http.StatusRequestEntityTooLarge, why: listener.Body, text: "the request's body is longer than 32 MiB"}
	case errors.Is(err, errManyLarge):
		return busy("too many requests with large bodies at once")
	case slow(err), errors.Is(err, errSlowBody):
		return &fault{status: http.StatusRequestTimeout, why: listener.Slow, text: "the request's body did not arrive in time"}
	}
	return &fault{status: http.StatusBadRequest, text: "the request's body could not be read"}
}

// transportFault is what a request without an answer means.
func transportFault(err error) *fault {
	var long *http.MaxBytesError
	var timed net.Error
	switch {
	case errors.As(err, &long), errors.Is(err, errSlowBody):
		return bodyFault(err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return &fault{status: http.StatusGatewayTimeout, text: "the platform did not answer in time"}
	}
	return &fault{status: http.StatusBadGateway, text: "the platform could not be reached, or broke off"}
}
