package edna

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
	probeTimeout = 30 * time.Second // of a request that only proves something, at most
	bodyLimit    = 4 << 20          // of an answer; more is not read
	loginPath    = "/api/auth/login"
)

// platform is one installation.
type platform struct {
	transport *wire.Transport
	base      string        // before every path; "" for most
	timeout   time.Duration // of one operation
	window    time.Duration
	memory    memory
}

// newPlatform makes the adapter for one platform. It does no I/O.
func newPlatform(p wire.Place) session.Platform {
	o := &platform{
		transport: wire.NewTransport(p), base: strings.TrimRight(p.URL.EscapedPath(), "/"),
		timeout: p.Timeout(), window: p.Window,
	}
	if o.window <= 0 {
		o.window = window
	}
	return o
}

// send sends one request for a on a connection of its own.
func (p *platform) send(ctx context.Context, a session.Account, r wire.Request) (wire.Answer, error) {
	client := p.transport.Client(a)
	defer client.Close()
	r.Path, r.Limit = p.base+r.Path, bodyLimit
	return client.Do(ctx, r)
}

// SignIn implements session.Platform by one log-in. There is nothing to force:
// whether a log-in ends the account's other tokens is not documented.
func (p *platform) SignIn(ctx context.Context, a session.Account, _ bool) (session.Session, error) {
	s := p.session(a)
	if fault := s.logIn(ctx, a); fault != nil {
		return nil, fault
	}
	return s, nil
}

// logIn sends the request and takes over the token that its answer brings. A
// refusal is one by its status, though its body broke off.
func (s *bearer) logIn(ctx context.Context, a session.Account) *session.Fault {
	answer, err := s.platform.send(ctx, a, wire.Request{
		Method: http.MethodPost, Path: loginPath, Timeout: s.platform.timeout,
		Header: http.Header{"Content-Type": {jsonType}, "Accept": {jsonType}},
		Body:   credentials(a, s.settings.Locale),
	})
	if err != nil && (answer.Status == 0 || answer.OK()) {
		return wire.Fault(err, true)
	}
	if fault := refusal(code.SignIn, answer, s.clean); fault != nil {
		return fault
	}
	w := grantOf(answer)
	switch {
	case w.token != "":
	case isPage(answer), isBinary(answer):
		return code.Unclassified.Judge(codes.Fault(code.SignIn, codeNoToken, ""))
	default:
		return codes.Fault(code.SignIn, codeNoToken, "")
	}
	s.begin(w, answer.Date(), time.Now())
	return nil
}

const jsonType = "application/json"

// credentials is a log-in's body (vendor page: log-in).
func credentials(a session.Account, locale string) []byte {
	body, err := json.Marshal(struct {
		Login    string `json:"login"`
		Password string `json:"password"`
		Locale   string `json:"locale,omitempty"`
	}{a.ID.Login, a.Password.Reveal(), locale})
	if err != nil {
		panic("edna: a log-in of plain text cannot be encoded") // not reachable; the error might quote the password
	}
	return body
}

// Adopt implements session.Platform. The first Step asks at once, where there is
// a probe.
func (p *platform) Adopt(a session.Account, stored session.Key) (session.Session, error) {
	k, ok := decodeKey(stored)
	if !ok {
		return nil, codes.Fault(code.KeepAlive, codeKey, "")
	}
	p.memory.recall(a.ID, k.Life)
	s := p.session(a)
	s.key, s.checkAt = k, time.Now()
	if s.ageUnknown = s.checkAt.Before(k.Issued); s.ageUnknown {
		s.key.Issued = s.checkAt
	}
	return s, nil
}

// Probe implements session.Platform by asking for the log-in's address without
// logging in: no account is named, so nothing counts as a failed attempt. Every
// answer proves that the platform answers but one that asks to slow down, one of
// a server before the platform that wants a login of its own, or
// that of a server that says itself that it does not work: 500 and 501 are what
// some say to a method that they do not know.
func (p *platform) Probe(ctx context.Context, a session.Account) error {
	answer, err := p.send(ctx, a, wire.Request{
		Method: http.MethodGet, Path: loginPath, Header: http.Header{"Accept": {jsonType}}, Timeout: p.probeLimit(),
	})
	if err != nil && answer.Status == 0 {
		return wire.Fault(err, false)
	}
	if wire.Intercepted(answer.Status) {
		return code.Intercepted(answer.Status)
	}
	if !code.Works(answer.Status) {
		return refusal(code.KeepAlive, wire.Answer{Status: answer.Status, Header: answer.Header}, wire.Plain)
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
