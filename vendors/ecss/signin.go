package ecss

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// authorize is the action of a first message that shows a token. It is a name
// of ours: the vendor documents none.
const authorize = "authorize"

// SignIn opens a websocket and logs in over it, or logs in by POST and opens
// the websocket with the token. A login that left and was not answered is in
// doubt, and its socket is closed. There is no login by force.
func (p *platform) SignIn(ctx context.Context, a session.Account, _ bool) (session.Session, error) {
	o := option.Settings[*settings](a, decode, time.Hour)
	l, fault := p.signIn(ctx, a, o)
	fault = p.unknownRefusals.pace(a.ID, fault)
	if fault != nil {
		return nil, fault
	}
	return l, nil
}

func (p *platform) signIn(ctx context.Context, a session.Account, o *settings) (*live, *session.Fault) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(p.place.OperationTimeout, replyLimit))
		defer cancel()
	}
	if o.byPost {
		return p.signInByPost(ctx, a, o)
	}
	t := p.tracer(a)
	conn, err := p.dial(ctx, o, p.socketURL(o), nil, t)
	if err != nil {
		return nil, p.dialFault(err)
	}
	l := newLive(t, o, conn)
	g, fault := l.logIn(ctx, a)
	if fault != nil {
		_ = conn.Close(socket.CodeNormal, time.Now().Add(closeLimit)) // the fault says more
		return nil, fault
	}
	l.begin(g, a.ID.Login)
	return l, nil
}

func payloadOf(a session.Account, o *settings) loginPayload {
	return loginPayload{
		Login: a.ID.Login, Password: a.Password.Reveal(), Number: a.Number,
		Profile: o.profile, Domain: o.domain, Role: o.role,
	}
}

// logIn sends the login over the new socket and waits for its answer.
func (l *live) logIn(ctx context.Context, a session.Account) (grant, *session.Fault) {
	e, fault := l.ask(ctx, "login", payloadOf(a, l.options))
	if fault != nil {
		return grant{}, fault
	}
	return granted(e, l.options, a.Password.Reveal())
}

// granted judges the answer to a login.
func granted(e envelope, o *settings, secrets ...string) (grant, *session.Fault) {
	g := e.grant()
	switch {
	case e.thrown: // whatever else it holds
	case e.good(), e.status == 0 && g.token != "":
		return g, nil
	case e.status == 0 && e.failure() == "":
		return grant{}, ended(code.Unreadable, nil)
	}
	return grant{}, rejected(e, o.takenRetry, append(secrets, g.token)...)
}

// ask sends one request before the session has begun and waits for its answer.
// Other frames that come in between are kept as events.
func (l *live) ask(ctx context.Context, action string, payload any) (envelope, *session.Fault) {
	deadline, _ := ctx.Deadline()
	id := l.nextID()
	if err := l.conn.Write(request{action, id, payload}.encode(), deadline); err != nil {
		return envelope{}, networkFault(l.tracer.place.URL.Host, err)
	}
	crossed := false // the action was answered, but under no requestId of ours
	for {
		m, err := l.conn.Read(ctx, deadline)
		if err != nil {
			return envelope{}, l.unanswered(err, crossed)
		}
		e, ok := l.open(m)
		crossed = crossed || (ok && e.action == action)
		switch {
		case ok && e.answers(action, id, true):
			return e, nil
		case ok && len(l.events) == maxBatch:
			return envelope{}, ended(code.Unreadable, nil)
		case ok:
			l.keep(e)
		}
	}
}

// unanswered is an operation whose request left: in doubt, unless the platform
// closed the socket with one of its texts for a reason. The text says what
// came in the place of the answer.
func (l *live) unanswered(err error, crossed bool) *session.Fault {
	var closed *socket.CloseError
	if errors.As(err, &closed) {
		if name := known([]string{closed.Reason}, false); name != "" {
			return failed(name, l.options.takenRetry)
		}
	}
	name, came := code.Unreadable, ""
	switch {
	case socket.Malformed(err):
		came = err.Error()
	case crossed:
		came = "it has another requestId, or none"
	case l.unreadable > 0:
		came = "a frame that is no text with a JSON object came in its place"
	default:
		name = codeNoAnswer
	}
	fault := ended(name, err)
	if came != "" {
		fault.Text += ": " + came
	}
	return fault
}

// signInByPost logs in by POST, then opens the websocket with the token. Once
// the login succeeded, a socket that cannot be opened leaves it in doubt.
func (p *platform) signInByPost(ctx context.Context, a session.Account, o *settings) (*live, *session.Fault) {
	g, fault := p.post(ctx, a, o)
	if fault != nil {
		return nil, fault
	}
	t := p.tracer(a)
	t.token = session.NewSecret(g.token)
	u, header := p.socketURL(o), http.Header{}
	switch o.tokenIn {
	case inHeader:
		header.Set("Authorization", "Bearer "+g.token)
	case inQuery:
		u.RawQuery = url.Values{"token": {g.token}}.Encode()
	}
	conn, err := p.dial(ctx, o, u, header, t)
	if err != nil {
		fault := p.dialFault(err)
		fault.Kind = session.Doubt
		return nil, fault
	}
	l := newLive(t, o, conn)
	if fault := l.show(ctx, g.token); fault != nil {
		_ = conn.Close(socket.CodeNormal, time.Now().Add(closeLimit)) // the fault says more
		return nil, fault
	}
	l.begin(g, a.ID.Login)
	return l, nil
}

func (p *platform) post(ctx context.Context, a session.Account, o *settings) (grant, *session.Fault) {
	client := p.transport.Client(a)
	defer client.Close()
	answer, err := client.Do(ctx, wire.Request{
		Method: http.MethodPost, Path: o.path, Fresh: true, Timeout: p.place.OperationTimeout, Limit: frameLimit,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Connection": {"close"}},
		Body:   request{"login", 1, payloadOf(a, o)}.encode(),
	})
	var lost *wire.Error
	switch {
	case errors.As(err, &lost):
		return grant{}, lost.Fault(true)
	case err != nil:
		return grant{}, ended(codeNoAnswer, err)
	}
	e, ok := open(answer.Body)
	if ok && e.status == 0 {
		e.status = answer.Status
	}
	if !ok || (e.status >= 300 && e.all["status"] == nil && len(e.texts()) == 0) {
		// Behind a gateway's failure or an unreadable success the login may be done.
		return grant{}, codes.Read(code.SignIn, answer, code.Body{})
	}
	return granted(e, o, a.Password.Reveal())
}

// show presents the token on the new socket where token_in asks for a message.
func (l *live) show(ctx context.Context, token string) *session.Fault {
	if l.options.tokenIn != inMessage {
		return nil
	}
	e, fault := l.ask(ctx, authorize, map[string]string{"token": token})
	switch {
	case fault != nil:
		fault.Kind = session.Doubt // the login itself was done
		return fault
	case e.good():
		return nil
	}
	fault = rejected(e, l.options.takenRetry, token)
	if fault.Kind == session.Outage {
		fault.Kind = session.Doubt
	}
	return fault
}
