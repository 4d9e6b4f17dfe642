package ecss

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ecss/socket"
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
	place     wire.Place
	transport *wire.Transport // for logins by POST
	puzzles   puzzles
}

// Open makes the adapter for the proxy at p. It does no I/O.
func Open(p wire.Place) session.Platform {
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
	return nil, noted(session.Lost, session.CauseRestart, codeNoResume, nil)
}

// Probe opens a websocket and closes it again without logging in. A proxy that
// refuses the upgrade answers, too.
func (p *platform) Probe(ctx context.Context, a session.Account) error {
	o := optionsOf(a)
	conn, err := p.dial(ctx, o, p.socketURL(o), nil, p.tap(a))
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

// optionsOf returns the account's options, the defaults where it has none.
func optionsOf(a session.Account) *settings {
	if s, ok := a.Options.(*settings); ok {
		return s
	}
	s, _, _ := Decode(nil, time.Hour)
	return s.(*settings)
}

// socketURL is where the websocket opens.
func (p *platform) socketURL(o *settings) *url.URL {
	u := *p.place.URL
	u.Path, u.RawQuery = "/", ""
	if !o.byPost {
		if path, err := url.Parse(o.path); err == nil {
			u.Path, u.RawPath, u.RawQuery = path.Path, path.RawPath, path.RawQuery
		}
	}
	return &u
}

func (p *platform) dial(ctx context.Context, o *settings, u *url.URL, header http.Header, t *tap) (*socket.Conn, error) {
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
		return httpFault(status.Status, status.Header)
	}
	return networkFault(p.place.URL.Host, err)
}

func networkFault(host string, err error) *session.Fault {
	code := reason(err)
	text, action, _ := wire.Explain(code)
	if t, ok := wire.TLSTrouble(err); ok {
		code, text, action = t.Code, t.Text, t.Action
	}
	if from, ok := wire.Source(err); ok {
		text += " (from " + from.String() + ")"
	}
	return &session.Fault{Kind: session.Outage, Code: code, Text: host + ": " + text, Action: action, Err: err}
}

// httpFault is an HTTP status where the vendor's protocol was expected.
func httpFault(status int, h http.Header) *session.Fault {
	f := &session.Fault{Kind: session.Outage, Code: "http " + strconv.Itoa(status)}
	f.Text, f.Action, _ = Explain(f.Code)
	if to := (wire.Answer{Status: status, Header: h}).Redirect(); to != "" {
		f.Text = to
	}
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f.Cause, f.After = session.CauseThrottled, wire.RetryAfter(h, time.Now(), restLimit)
	case http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusInternalServerError:
	default:
		f.Cause = session.CauseAnswered
	}
	return f
}

// restLimit bounds what a Retry-After can ask for.
const restLimit = time.Hour

// reason names a failure below the websocket as package wire does.
func reason(err error) string {
	var dns *net.DNSError
	var handshake *socket.HandshakeError
	var timeout net.Error
	trouble, _ := wire.TLSTrouble(err)
	switch {
	case errors.As(err, &dns):
		return wire.Unresolved.String()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return wire.Timeout.String()
	case errors.Is(err, syscall.ECONNREFUSED):
		return wire.Refused.String()
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return wire.NoAddress.String()
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return wire.Unreachable.String()
	case trouble.Certificate:
		return wire.Certificate.String()
	case errors.As(err, &handshake):
		return wire.Handshake.String()
	case socket.Malformed(err):
		return wire.Malformed.String()
	}
	return wire.Closed.String()
}
