package huaweiconfig

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// loginPath is the login's, below the gateway's base (vendor page:
// configuration login).
const loginPath = "/config/login"

const probeTimeout = 5 * time.Second

// platform is one gateway.
type platform struct {
	transport *wire.Transport
	timeout   time.Duration // of one login
}

// newPlatform makes the adapter for one gateway. It does no I/O.
func newPlatform(p wire.Place) session.Platform {
	return &platform{transport: wire.NewTransport(p), timeout: p.Timeout()}
}

// SignIn implements session.Platform by one POST on a new connection, which then
// serves the keep-alives. There is nobody to displace: force is ignored.
func (p *platform) SignIn(ctx context.Context, a session.Account, _ bool) (session.Session, error) {
	id, ok := agentID(a.ID.Login)
	if !ok {
		return nil, codes.Fault(code.SignIn, codeLogin, "")
	}
	s := p.login(a)
	if fault := s.signIn(ctx, id); fault != nil {
		s.client.Close()
		return nil, fault
	}
	return s, nil
}

// agentID reads a login: a number without sign or leading zero. What range is
// good the gateway knows.
func agentID(login string) (id uint32, ok bool) {
	n, err := strconv.ParseUint(login, 10, 31)
	return uint32(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == login
}

// wrongLogin says what is wrong with a login that is no agentId, "" for one that
// is.
func wrongLogin(login string) string {
	if _, ok := agentID(login); ok {
		return ""
	}
	return "is no agentId; write its number, that of a VDN account with 100000 added (newer gateways: 1000000)"
}

// signIn sends the request and takes over what its answer brings.
func (s *login) signIn(ctx context.Context, id uint32) *session.Fault {
	answer, err := s.client.Do(ctx, wire.Request{
		Method: http.MethodPost, Path: ccgateway.Base + loginPath, Header: s.key.header(),
		Body: loginBody(id, s.password), Timeout: s.platform.timeout, Fresh: true,
	})
	guid := ccgateway.GuidIn(answer.Header)
	s.key.update("", guid, answer.Header, time.Now())
	if err != nil {
		return wire.Fault(err, true)
	}
	e, fault := ccgateway.Read(code.SignIn, answer, s.clean)
	if fault != nil {
		return banned(fault)
	}
	if guid == "" {
		s.key.update("", e.Guid(), nil, time.Now())
	}
	if s.key.Guid == "" {
		return codes.Fault(code.SignIn, codeNoGuid, "")
	}
	s.key.begin(time.Now(), s.set.Window)
	s.due = s.firstDue(time.Now())
	return nil
}

// banned marks the refusal of a server before the gateway as what it may be.
func banned(f *session.Fault) *session.Fault {
	if f.Code == code.Status(http.StatusForbidden) {
		f.Cause = session.CauseBan
	}
	return f
}

func loginBody(id uint32, password session.Secret) []byte {
	body, err := json.Marshal(struct {
		AgentID  uint32 `json:"agentId"`
		Password string `json:"password"`
	}{id, password.Reveal()})
	if err != nil {
		panic("huaweiconfig: a login of plain text cannot be encoded") // not reachable; the error might quote the password
	}
	return body
}

// Adopt implements session.Platform. The first keep-alive proves the key.
func (p *platform) Adopt(a session.Account, stored session.Key) (session.Session, error) {
	k, ok := decodeKey(stored)
	if !ok {
		return nil, codes.Fault(code.KeepAlive, codeKey, "")
	}
	s := p.login(a)
	s.key, s.proven = k, true
	s.key.adjustClock(time.Now(), s.set.Window)
	return s, nil
}

// Probe implements session.Platform by asking for the login's address with a
// method that logs nobody in. Whatever a server says to that (no such method, no
// such page, with 500 and 501 among the ways to say so) proves that it answers,
// but for those that say it does not work.
func (p *platform) Probe(ctx context.Context, a session.Account) error {
	client := p.transport.Client(a)
	defer client.Close()
	answer, err := client.Do(ctx, wire.Request{
		Method: http.MethodGet, Path: ccgateway.Base + loginPath, Timeout: probeTimeout,
		Header: http.Header{"Content-Type": ccgateway.ContentType},
	})
	if err != nil {
		return wire.Fault(err, false)
	}
	if answer.Status >= 400 && !wire.Intercepted(answer.Status) && answer.Status <= http.StatusNotImplemented && answer.Status != http.StatusTooManyRequests {
		return nil
	}
	if fault := ccgateway.Answers(answer); fault != nil {
		return fault
	}
	return nil
}

// login returns a session that is not signed in yet.
func (p *platform) login(a session.Account) *login {
	return &login{platform: p, client: p.transport.Client(a), password: a.Password, set: option.Settings[Settings](a, decode, window)}
}

// clean makes the vendor's text fit to show: no secrets, one line.
func (s *login) clean(text string) string {
	text = wire.Redact(text, append(s.key.secrets(), s.password.Reveal())...)
	return wire.Plain(ccgateway.HideGuids(text))
}

// guidOf returns the Guid that the answer to a keep-alive carries: in a header,
// or in a body that names one of the gateway's (not just any object's).
func guidOf(a wire.Answer) string {
	if guid := ccgateway.GuidIn(a.Header); guid != "" {
		return guid
	}
	if e, err := ccgateway.Parse(a.Body); err == nil && strings.Contains(e.Guid(), ".AgentGateway") {
		return e.Guid()
	}
	return ""
}
