package huawei

import (
	"context"
	"errors"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// listen makes the session one whose events are pushed, for callbacks that
// carry token; without a token it does nothing.
func (s *agent) listen(token string) {
	if token == "" {
		return
	}
	if s.push.Every <= 0 { // a session of former options
		s.push.KeepAlive, s.push.Every, s.push.Timeout = handshake, keepEvery, keepTimeout
	}
	s.key.Token = token
	s.box = newInbox(s.workNo, token)
	s.platform.doors.open(s.box)
}

// cause is why attend wakes up.
type cause uint8

const (
	causeEnd    cause = iota // of the context
	causeDue                 // the session must be kept
	causeEvents              // callbacks came
	causeKey                 // the key changed and must be saved
	causeMissed              // a new Guid was announced unheard
)

// attend implements Next where events are pushed: it returns what callbacks
// brought, or the answer to the request that keeps the session, which leaves at
// once after a sign-in or an adoption and again well within half the window.
// Nothing is asked for while events come: they are returned as they are.
func (s *agent) attend(ctx context.Context) (session.Batch, error) {
	for {
		s.startSkills()
		switch s.await(ctx) {
		case causeEnd:
			return session.Batch{}, ctx.Err()
		case causeEvents:
			if batch := s.box.take(); batch.Settled != nil {
				return s.pushed(batch)
			}
		case causeKey:
			return session.Batch{Unasked: true}, nil
		case causeMissed:
			if s.renew(ctx) {
				return session.Batch{Unasked: true}, nil
			}
		case causeDue:
			if s.renew(ctx) {
				return session.Batch{Unasked: true}, nil
			}
			batch, err := s.keepAlive(ctx)
			if !errors.Is(err, errUnsure) {
				return batch, err
			}
		}
	}
}

// await blocks until there is something to do. What is due goes first: events
// cannot keep a session.
func (s *agent) await(ctx context.Context) cause {
	now := time.Now()
	if !now.Before(s.due) {
		return causeDue
	}
	s.guidMissed = s.box.stranger() || s.guidMissed
	next := s.due
	if ask := s.askForGuidAt(); !ask.IsZero() {
		if next = earlier(next, ask); !now.Before(next) {
			return causeMissed
		}
	}
	if s.skills.wanted && !s.skills.underWay() {
		next = earlier(next, s.skills.begin)
	}
	timer := time.NewTimer(next.Sub(now))
	defer timer.Stop()
	select {
	case <-s.box.wake:
		return causeEvents
	case result := <-s.skills.result:
		return s.lookAfterSkills(result)
	case <-timer.C:
		return causeEvents
	case <-ctx.Done():
		return causeEnd
	}
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

func (s *agent) lookAfterSkills(result skillResult) cause {
	if s.finishSkills(result); s.stored.IsZero() {
		return causeKey
	}
	return causeEvents
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
		s.unheard = s.unheard || errors.As(err, &e) && e.Sent
		err = s.unanswered(ctx, err)
		s.due = time.Now().Add(s.rest)
		return s.box.take(), err
	}
	if _, fault := read(ccgateway.Poll, answer, s.clean); fault != nil {
		err := s.missed(used, fault)
		s.due = time.Now().Add(s.rest)
		if errors.Is(err, errUnsure) {
			return session.Batch{}, err
		}
		return s.box.take(), err
	}
	s.races, s.unsure = 0, false
	s.due = time.Now().Add(s.push.Every)
	s.guidMissed = s.guidMissed || s.unheard && s.key.Guid == used
	s.unheard = false
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
