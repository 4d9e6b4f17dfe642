package huawei

import (
	"context"
	"errors"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// listen makes the session one whose events are pushed, for callbacks that
// carry token; without a token it does nothing.
func (s *agent) listen(token string) {
	if token == "" {
		return
	}
	if s.push.Every <= 0 { // a session of former options
		s.push.KeepAlive = handshake
		s.push.Every = keepEvery
		s.push.Timeout = keepTimeout
	}
	s.key.Token = token
	s.box = newInbox(s.workNo, token)
	s.platform.inboxes.open(s.box)
}

// attend is Step where events are pushed: it returns what callbacks brought, or the
// answer to the request that keeps the session, which leaves at once after a sign-in
// or an adoption and again well within half the window. Nothing is asked for while
// events come: they are returned as they are.
func (s *agent) attend(ctx context.Context) (session.Batch, session.Wait, error) {
	for {
		s.startSkills()
		s.box.signal.Clear()
		if batch, over, err := s.keep(ctx); over {
			return batch, session.Wait{}, err
		}
		if s.collectSkills(false) && s.stored.IsZero() {
			return session.Batch{Unasked: true}, session.Wait{}, nil // there is a key to be saved
		}
		if batch := s.box.take(); batch.Settled != nil {
			batch, err := s.pushed(batch)
			return batch, session.Wait{}, err
		}
		wait, err := session.Rest(ctx, s.next())
		if err != nil {
			return session.Batch{}, session.Wait{}, err
		}
		if !wait.None() {
			wait.Signal = &s.box.signal
			return session.Batch{}, wait, nil
		}
	}
}

// keep sends what is due. It goes before what was pushed, for events cannot keep a
// session. over means that there is something to return.
func (s *agent) keep(ctx context.Context) (batch session.Batch, over bool, err error) {
	due := !time.Now().Before(s.due)
	if ended(ctx) || (!due && !s.missesGuid()) {
		return session.Batch{}, false, nil
	}
	if s.renew(ctx) {
		return session.Batch{Unasked: true}, true, nil
	}
	if !due {
		return session.Batch{}, false, nil
	}
	batch, err = s.keepAlive(ctx)
	return batch, !errors.Is(err, errAskAgain), err
}

// ended reports whether the step was interrupted; whoever called it tells why.
func ended(ctx context.Context) bool { return ctx.Err() != nil }

// missesGuid reports whether a Guid is to be asked for now.
func (s *agent) missesGuid() bool {
	s.guidMissed = s.box.stranger() || s.guidMissed
	at := s.askForGuidAt()
	return !at.IsZero() && !time.Now().Before(at)
}

// next returns when there is something to do though nothing comes.
func (s *agent) next() time.Time {
	next := s.due
	if at := s.askForGuidAt(); !at.IsZero() {
		next = earlier(next, at)
	}
	if s.skills.wanted && !s.skills.underWay() {
		next = earlier(next, s.skills.begin)
	}
	return next
}

// askForGuidAt returns when a Guid is to be asked for because a new one seems to
// have been missed, zero while none does.
func (s *agent) askForGuidAt() time.Time {
	at := s.key.overdueAt(s.push.Every)
	if s.guidMissed {
		at = s.renewed
	}
	if again := s.renewed.Add(renewEvery); !at.IsZero() && at.Before(again) {
		return again
	}
	return at
}

// pushed returns what callbacks brought. A report of the end of a session that
// does not say which one is checked at once.
func (s *agent) pushed(batch session.Batch) (session.Batch, error) {
	batch.Unasked = true
	err := s.ended(batch.Events)
	for _, e := range batch.Events {
		if e.Type == codeShutdown && err == nil {
			s.due = time.Time{}
		}
	}
	return batch, err
}

// keepAlive sends one request that keeps the session.
func (s *agent) keepAlive(ctx context.Context) (session.Batch, error) {
	used := s.key.Guid
	answer, err := s.ask(ctx, s.lifeSign())
	s.collectSkills(false)
	if err != nil {
		var e *wire.Error
		s.answerLost = s.answerLost || (errors.As(err, &e) && e.Sent)
		err = s.unanswered(ctx, err)
		s.due = time.Now().Add(s.polls.rest)
		return s.box.take(), err
	}
	if _, fault := read(code.KeepAlive, answer, s.clean); fault != nil {
		err := s.missed(used, fault)
		s.due = time.Now().Add(s.polls.rest)
		if errors.Is(err, errAskAgain) {
			return session.Batch{}, err
		}
		return s.box.take(), err
	}
	s.races, s.noRightOnce = 0, false
	s.due = time.Now().Add(s.push.Every)
	s.guidMissed = s.guidMissed || (s.answerLost && s.key.Guid == used)
	s.answerLost = false
	batch := s.box.take()
	return batch, s.ended(batch.Events)
}

// lifeSign is the request that keeps a session without polls (vendor page:
// handshake). The handshake repeats the service token, which the vendor leaves
// to us: gateways that let it expire stay in the know.
func (s *agent) lifeSign() wire.Request {
	r := wire.Request{Method: http.MethodPut, Path: s.path("onlineagent") + "/" + s.push.KeepAlive, Timeout: s.push.Timeout, Repeatable: true}
	if s.push.KeepAlive == handshake {
		r.Method, r.Header = http.MethodPost, s.key.header()
		r.Header["service_token"] = []string{s.key.Token}
	}
	return r
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// unpushedAfter is how long after a sign-in its first events are waited for.
const unpushedAfter = time.Minute

// unpushed warns of a session that works but whose events go nowhere: a sign-in
// is always followed by some.
func (s *agent) unpushed() (w session.Warning, ok bool) {
	if s.box == nil || s.signedIn.IsZero() || time.Since(s.signedIn) < unpushedAfter || s.box.wasHeard() {
		return session.Warning{}, false
	}
	return session.Warning{
		Code: "no_events_pushed", Text: "the platform has sent no event to callback_url since the sign-in, though a sign-in always brings some",
		Action: "check that the platform reaches callback_url and trusts the certificate shown there, and look for refused callbacks in the log",
	}, true
}
