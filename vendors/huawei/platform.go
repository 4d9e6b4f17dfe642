package huawei

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

const probeTimeout = 5 * time.Second // the platform refuses a probe at once

// platform is one gateway.
type platform struct {
	transport *wire.Transport
	timeout   time.Duration // of one operation
	inboxes   inboxes       // of the agents whose events are pushed
	idle      idle          // what a poll without events is answered
}

var _ session.Receiver = (*platform)(nil)

// newPlatform makes the adapter for one gateway. It does no I/O.
func newPlatform(p wire.Place) session.Platform {
	return &platform{transport: wire.NewTransport(p), timeout: p.Timeout()}
}

// SignIn implements session.Platform by one PUT on a new connection, which then
// serves the polls.
func (p *platform) SignIn(ctx context.Context, a session.Account, force bool) (session.Session, error) {
	s := p.agent(a)
	if s.push.On() {
		s.listen(a.Token.Reveal())
	}
	if fault := s.signIn(ctx, a, force); fault != nil {
		_ = s.Close()
		return nil, fault
	}
	return s, nil
}

// signIn sends the request and takes over what its answer brings. Retcode 0 proves
// the session: gateways that know no Guid ask for none later.
func (s *agent) signIn(ctx context.Context, a session.Account, force bool) *session.Fault {
	r := wire.Request{Method: http.MethodPut, Path: s.path("onlineagent"), Body: s.signInBody(a), Timeout: s.platform.timeout, Fresh: true}
	if force {
		r.Path += "/forcelogin"
	}
	answer, err := s.ask(ctx, r)
	if err != nil {
		return wire.Fault(err, true)
	}
	e, fault := read(code.SignIn, answer, s.clean)
	if fault != nil {
		return fault
	}
	s.begin(e.grant(), time.Now())
	return nil
}

// signInBody is a sign-in's body. With both of the last two fields the platform
// pushes events (vendor page: push).
func (s *agent) signInBody(a session.Account) []byte {
	body, err := json.Marshal(struct {
		Password string `json:"password"`
		Phonenum string `json:"phonenum"`
		Fields
		CallBackURI  string `json:"callBackUri,omitempty"`
		ServiceToken string `json:"serviceToken,omitempty"`
	}{a.Password.Reveal(), a.Number, option.Settings[Settings](a, decode, window).Fields, s.push.CallbackURL, s.key.Token})
	if err != nil {
		panic("huawei: a sign-in of plain text cannot be encoded") // not reachable; the error might quote the password
	}
	return body
}

// Adopt implements session.Platform. The first poll, or what keeps the session
// without polls, proves the key; callbacks are taken from now on.
func (p *platform) Adopt(a session.Account, stored session.Key) (session.Session, error) {
	k, ok := decodeKey(stored)
	if !ok {
		return nil, codes.Fault(code.KeepAlive, codeKey, "")
	}
	s := p.agent(a)
	s.key = k
	if now := time.Now(); now.Before(k.GuidSince) { // written by a clock that was ahead of this one
		s.key.GuidSince = now
	}
	if s.listen(k.Token); s.box == nil {
		s.push = Push{} // as the session was made
	}
	s.keyChanged()
	s.box.begin()
	return s, nil
}

// Probe implements session.Platform by asking for the agent's status without a
// Guid, which the gateway refuses in its own words: any envelope proves that it
// answers. It touches no session; a poll would, where the gateway knows no Guid,
// and would take an event with it.
func (p *platform) Probe(ctx context.Context, a session.Account) error {
	client := p.transport.Client(a)
	defer client.Close()
	s := p.agent(a)
	answer, err := client.Do(ctx, wire.Request{
		Method: http.MethodGet, Path: s.path("onlineagent") + "/agentstatus", Timeout: probeTimeout,
		Header: http.Header{"Content-Type": ccgateway.ContentType},
	})
	if err != nil {
		return wire.Fault(err, false)
	}
	if fault := ccgateway.Answers(answer); fault != nil {
		return fault
	}
	return nil
}

// agent returns a session that is not signed in yet.
func (p *platform) agent(a session.Account) *agent {
	set := option.Settings[Settings](a, decode, window)
	s := &agent{
		platform: p, client: p.transport.Client(a), workNo: a.ID.Login,
		polls: polls{pause: set.PollPause, timeout: set.PollTimeout}, forceOut: set.ForceOut, push: set.Push,
	}
	s.skills.path = skillsPath(set)
	s.keyChanged()
	return s
}
