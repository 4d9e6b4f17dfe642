package ecss

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

const (
	connectLimit = 10 * time.Second // for dialling and both handshakes
	replyLimit   = 10 * time.Second // for an answer to a request that is no login
	closeLimit   = 2 * time.Second  // for the platform's part of a close
	frameLimit   = session.MessageLimit
)

// platform is one proxy: how to reach it, and whose log-ins it refused for
// unknown reasons.
type platform struct {
	place           wire.Place
	transport       *wire.Transport // for logins by POST
	unknownRefusals unknownRefusals
}

// newPlatform makes the adapter for the proxy at p. It does no I/O.
func newPlatform(p wire.Place) session.Platform {
	p.DialContext = p.Dialer()
	if p.TLS == nil && (p.URL.Scheme == "wss" || p.URL.Scheme == "https") {
		p.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: p.URL.Hostname()}
	}
	return &platform{place: p, transport: wire.NewTransport(p)}
}

// Adopt always answers Lost: authentication sticks to a connection, and no
// command to resume a session is documented. The session ended with the process
// that held it.
func (p *platform) Adopt(session.Account, session.Key) (session.Session, error) {
	return nil, ended(codeNoResume, nil)
}

// Probe opens a websocket and closes it again without logging in. A proxy that
// refuses the upgrade answers, too.
func (p *platform) Probe(ctx context.Context, a session.Account) error {
	o := option.Settings[*settings](a, decode, time.Hour)
	conn, err := p.dial(ctx, o, p.socketURL(o), nil, p.tracer(a))
	var status *socket.StatusError
	switch {
	case errors.As(err, &status) && status.Status < http.StatusInternalServerError:
		return nil
	case err != nil:
		return p.dialFault(err)
	}
	_ = conn.Close(socket.CodeNormal, time.Now().Add(closeLimit)) // it answered; that is all
	return nil
}

// socketURL is where the websocket opens.
func (p *platform) socketURL(o *settings) *url.URL {
	u := *p.place.URL
	u.Path, u.RawQuery = "/", ""
	if !o.byPost {
		if path, err := url.Parse(o.path); err == nil {
			u.Path = path.Path
			u.RawPath = path.RawPath
			u.RawQuery = path.RawQuery
		}
	}
	return &u
}

func (p *platform) dial(ctx context.Context, o *settings, u *url.URL, header http.Header, t *tracer) (*socket.Conn, error) {
	leave, err := p.place.Dials.Enter(ctx, true)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if header == nil {
		header = http.Header{}
	}
	if o.origin != "" {
		header.Set("Origin", o.origin)
	}
	return socket.Dial(ctx, socket.Target{
		URL: u, Header: header, TLS: p.place.TLS, DialContext: p.lined, Wrap: wire.Slim, Limit: frameLimit, Trace: t.trace,
	})
}

// lined makes a connection that can be read without waiting.
func (p *platform) lined(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.place.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return wire.Lined(conn), nil
}

// dialFault says why no websocket could be opened. Nothing was asked of the
// platform yet.
func (p *platform) dialFault(err error) *session.Fault {
	var status *socket.StatusError
	if errors.As(err, &status) {
		answer, says := wire.Answer{Status: status.Status, Header: status.Header}, code.Body{}
		if answer.OK() { // of a server that speaks no websocket
			says.Code = code.Status(answer.Status)
		}
		f := codes.Read(code.SignIn, answer, says)
		f.Kind = session.Outage // nothing was asked yet
		return f
	}
	return networkFault(p.place.URL.Host, err)
}

// networkFault classifies what went wrong below the websocket, as package wire does.
func networkFault(host string, err error) *session.Fault {
	var handshake *socket.HandshakeError
	otherwise := wire.Closed
	switch {
	case errors.As(err, &handshake):
		otherwise = wire.Handshake
	case socket.Malformed(err):
		otherwise = wire.Malformed
	}
	return wire.NewError(host, err, otherwise).Fault(false)
}
