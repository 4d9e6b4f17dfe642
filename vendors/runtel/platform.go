package runtel

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/token"
	"agentkeeper/vendors/wire"
)

const (
	bodyLimit = 4 << 20 // a list as probe may be long
)

// platform is one installation.
type platform struct {
	transport *wire.Transport
	path      string        // of the API
	timeout   time.Duration // of one operation
	window    time.Duration
	memory    memory
	retired   retired
}

// newPlatform makes the adapter for one platform. It does no I/O.
func newPlatform(p wire.Place) session.Platform {
	o := &platform{
		transport: wire.NewTransport(p), path: strings.TrimRight(p.URL.EscapedPath(), "/") + "/api/",
		timeout: p.Timeout(), window: p.Window,
	}
	if o.window <= 0 {
		o.window = window
	}
	return o
}

// send sends one request on a connection of its own and returns its answer.
func (s *bearer) send(ctx context.Context, c call, h http.Header, timeout time.Duration) (wire.Answer, error) {
	client := s.platform.transport.Client(session.Account{ID: s.id, Password: s.password})
	defer client.Close()
	return client.Do(ctx, wire.Request{
		Method: http.MethodPost, Path: s.platform.path, Header: h, Body: c.encode(), Timeout: timeout, Limit: bodyLimit,
	})
}

// SignIn implements session.Platform by one auth. There is nothing to force:
// whether another log-in of the account ends its tokens is not documented.
func (p *platform) SignIn(ctx context.Context, a session.Account, _ bool) (session.Session, error) {
	s := p.session(a)
	if fault := s.logIn(ctx, a); fault != nil {
		return nil, fault
	}
	return s, nil
}

// logIn sends the request and takes over what its answer brings.
func (s *bearer) logIn(ctx context.Context, a session.Account) *session.Fault {
	c := newCall("auth", "User", credentials(a))
	answer, err := s.send(ctx, c, http.Header{"Content-Type": contentType}, s.platform.timeout)
	if err != nil {
		return wire.Fault(err, true)
	}
	now := time.Now()
	e, fault := read(code.SignIn, c, answer, s.clean)
	if fault != nil {
		return fault
	}
	w, ok := e.grant()
	if !ok {
		return codes.Fault(code.SignIn, codeNoToken, "")
	}
	s.key = newKey(w, answered{at: now, date: answer.Date()}, s.settings)
	s.checkAt = now
	if !s.probing() {
		s.checkAt = token.NextCheck(now, s.platform.window)
	}
	return nil
}

func credentials(a session.Account) json.RawMessage {
	params, err := json.Marshal(struct {
		Login    string `json:"login"`
		Password string `json:"password"`
	}{a.ID.Login, a.Password.Reveal()})
	if err != nil {
		panic("runtel: a log-in of plain text cannot be encoded") // not reachable; the error might quote the password
	}
	return params
}

// Adopt implements session.Platform. The first Step asks at once, where there is
// a probe.
func (p *platform) Adopt(a session.Account, stored session.Key) (session.Session, error) {
	k, ok := decodeKey(stored)
	if !ok {
		return nil, codes.Fault(code.KeepAlive, codeKey, "")
	}
	p.memory.recall(k.Lessons)
	s := p.session(a)
	s.key, s.checkAt = k, time.Now()
	if s.ageUnknown = s.checkAt.Before(k.Issued); s.ageUnknown {
		s.key.move(s.checkAt.Sub(k.Issued))
	}
	return s, nil
}

// probeTimeout is the longest that a request which only proves something may
// take, beside a part of the window.
const probeTimeout = 30 * time.Second

// Probe implements session.Platform by OPTIONS on the API's address, which needs
// no account and so cannot feed the Defender (the platform allows the method,
// vendor page: auth). Everything proves that it answers but a ban, a server before
// the API that wants a login of its own, or a server
// that says itself that it does not work: 500 and 501 are what some say to a
// method that they do not know.
func (p *platform) Probe(ctx context.Context, a session.Account) error {
	client := p.transport.Client(a)
	defer client.Close()
	answer, err := client.Do(ctx, wire.Request{Method: http.MethodOptions, Path: p.path, Timeout: p.probeLimit()})
	if err != nil {
		return wire.Fault(err, false)
	}
	if wire.Intercepted(answer.Status) {
		return code.Intercepted(answer.Status)
	}
	if !code.Works(answer.Status) || answer.Status == http.StatusForbidden {
		return codes.Read(code.KeepAlive, wire.Answer{Status: answer.Status, Header: answer.Header}, code.Body{})
	}
	return nil
}

// probeLimit is the time-out of a probe: several fit into the window.
func (p *platform) probeLimit() time.Duration {
	return token.ProbeTimeout(p.window, min(probeTimeout, p.timeout))
}

// session returns a session that is not signed in yet.
func (p *platform) session(a session.Account) *bearer {
	return &bearer{platform: p, id: a.ID, settings: option.Settings[Settings](a, decode, window), password: a.Password}
}
