package edna

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/token"
	"agentkeeper/vendors/wire"
)

// bearer is one account's token; it implements session.Session.
type bearer struct {
	platform *platform
	id       session.ID
	settings Settings
	password session.Secret // only to keep it out of the platform's texts
	key      key

	checkAt    time.Time // of the next probe, or of the next look without one
	aliveAt    time.Time // of the last good probe; zero: none by this process
	asking     token.Asking
	asked403   bool // the probe was answered 403 though it was answered well before, and a renewal was asked for
	ageUnknown bool // the clock was set since the token was stored: its age is not known, so its renewal is due

	stored session.Key // key encoded; zero: to be encoded
}

var _ session.Session = (*bearer)(nil)

// begin takes over what a log-in's answer brought. The first probe is due at
// once.
func (s *bearer) begin(w grant, date, now time.Time) {
	s.key = newKey(w, date, now)
	s.key.Life = s.platform.memory.of(s.id, now)
	s.checkAt = now
	if !s.probing() {
		s.plan(now, token.NextCheck(now, s.platform.window))
	}
}

// clean makes the platform's text fit to show: no secrets, one line.
func (s *bearer) clean(text string) string {
	return wire.Plain(wire.Redact(text, s.key.Token, s.password.Reveal()))
}

// Key implements session.Session.
func (s *bearer) Key() session.Key {
	if s.stored.IsZero() {
		s.stored = s.key.encode()
	}
	return s.stored
}

// probing reports whether a probe is configured that was not shown unfit.
func (s *bearer) probing() bool { return s.settings.Probe != "" && s.key.Unfit != s.settings.Probe }

// Step implements session.Session. With a probe it waits until the next one is
// due (the first at once after a log-in or an adoption, then two or three in a
// window, and when renewal is due), sends it and returns its outcome. When
// renewal is due the batch says so, and again with later probes until somebody
// closes the session for a new one.
//
// Without a probe (none configured, or it was shown unfit) nothing is asked: Step
// returns as if it had, and Lost when the latest plausible end of the token is
// over. Such a contact proves nothing.
func (s *bearer) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	if wait, err := session.Rest(ctx, s.checkAt); err != nil || !wait.None() {
		return session.Batch{}, wait, err
	}
	batch, err := s.check(ctx)
	return batch, session.Wait{}, err
}

// check looks at the token now.
func (s *bearer) check(ctx context.Context) (session.Batch, error) {
	prove := s.assume
	if s.probing() {
		prove = s.prove
	}
	if fault := prove(ctx); fault != nil {
		return s.unproven(ctx, fault)
	}
	now := time.Now()
	s.plan(now, token.NextCheck(now, s.platform.window))
	return session.Batch{Renew: s.asking.Ask(now, s.renewal(), token.AskAgain)}, nil
}

// plan has the session look at its token at the instant at, or when its renewal is
// due or, without a probe, its latest plausible end is over, if that is sooner.
func (s *bearer) plan(now, at time.Time) {
	s.checkAt = at
	if renewal := s.renewal(); renewal.After(now) && renewal.Before(s.checkAt) {
		s.checkAt = renewal
	}
	if latest := s.latest(); !s.probing() && latest.Before(s.checkAt) {
		s.checkAt = latest
	}
}

func (s *bearer) renewal() time.Time {
	if s.ageUnknown {
		return s.key.Issued
	}
	return s.key.renewal(s.settings.MaxAge)
}

func (s *bearer) latest() time.Time { return s.key.latest(s.settings.MaxAge) }

// assume is a check without a probe.
func (s *bearer) assume(context.Context) *session.Fault {
	if time.Now().Before(s.latest()) {
		return nil
	}
	return codes.Fault(code.KeepAlive, codeExpired, "")
}

// prove sends the probe and learns from its answer. It also returns nil for a
// probe that was shown unfit just now.
func (s *bearer) prove(ctx context.Context) *session.Fault {
	status, fault := s.ask(ctx)
	now := time.Now()
	switch {
	case fault == nil && status == http.StatusForbidden && s.key.Proven && !s.key.Forbidden:
		return codes.Fault(code.KeepAlive, codeBarred, "")
	case fault == nil:
		s.markAlive(now, status == http.StatusForbidden)
	case s.fresh(now) && (fault.Kind == session.Lost || fault.Cause.Answered()):
		s.key.Unfit = s.settings.Probe
		s.key.UnfitCode = fault.Code
		s.stored = session.Key{}
		return nil
	case fault.Kind == session.Lost:
		return s.markDead(now, fault)
	}
	return fault
}

// fresh reports whether the token cannot have ended though nothing has shown it
// alive.
func (s *bearer) fresh(now time.Time) bool {
	return !s.key.Proven && now.Sub(s.key.Issued) < token.FreshFor
}

// ask sends the probe once. The verdict needs no more than the status, so a body
// that is too long or breaks off does not matter.
func (s *bearer) ask(ctx context.Context) (status int, fault *session.Fault) {
	answer, err := s.platform.send(ctx, session.Account{ID: s.id, Password: s.password}, wire.Request{
		Method: http.MethodGet, Path: s.settings.Probe, Header: s.key.header(), Timeout: s.platform.probeLimit(),
	})
	if err != nil && answer.Status == 0 {
		return 0, wire.Fault(err, false)
	}
	switch fault = refusal(code.KeepAlive, answer, s.clean); {
	case fault == nil && isPage(answer):
		fault = codes.Fault(code.KeepAlive, codePage, "")
	case fault != nil && fault.Kind == session.Lost && isPage(answer) && !s.fresh(time.Now()) && s.platform.Probe(ctx, session.Account{}) != nil:
		fault = code.Intercepted(answer.Status) // whoever sent the page sends it to everybody
	}
	return answer.Status, fault
}

// markAlive notes that the token answered.
func (s *bearer) markAlive(now time.Time, forbidden bool) {
	s.aliveAt, s.asked403 = now, false
	known := s.platform.memory.learn(s.id, func(l life) life { return l.outlived(now.Sub(s.key.Issued)) })
	if s.key.Proven && s.key.Forbidden == forbidden && s.key.Life.equal(known) {
		return
	}
	s.key.Proven = true
	s.key.Forbidden = forbidden
	s.key.Life = known
	s.stored = session.Key{}
}

// markDead notes that the token is dead. Only a death between two probes of this
// process shows at what age it happened.
func (s *bearer) markDead(now time.Time, f *session.Fault) *session.Fault {
	if s.aliveAt.IsZero() || now.Sub(s.aliveAt) > s.platform.window {
		return f
	}
	d := death{Alive: s.aliveAt.Sub(s.key.Issued), Dead: now.Sub(s.key.Issued)}
	known := s.platform.memory.learn(s.id, func(l life) life { return l.died(d, now) })
	if known.Young >= 2 {
		return codes.Fault(code.KeepAlive, codeContested, "")
	}
	return f
}

// unproven is a check that did not show the token alive. A token that was good
// and is answered 403 asks for one renewal: some platforms answer so to a token
// that died. A platform that answers
// but cannot carry out the probe must not keep the token from being renewed: the
// renewal is asked for once all the same.
func (s *bearer) unproven(ctx context.Context, f *session.Fault) (session.Batch, error) {
	if ctx.Err() != nil && f.Kind != session.Lost {
		return session.Batch{}, ctx.Err()
	}
	now := time.Now()
	s.plan(now, now.Add(token.RetryPause))
	if f.Code == codeBarred {
		first := !s.asked403
		s.asked403 = true
		return session.Batch{Renew: first}, f
	}
	if f.Kind != session.Lost && platformAnswered(f) && s.asking.None() && s.asking.Ask(now, s.renewal(), token.AskAgain) {
		return session.Batch{Renew: true}, nil
	}
	return session.Batch{}, f
}

// platformAnswered reports whether the platform itself gave the answer.
func platformAnswered(f *session.Fault) bool {
	return f.Cause == session.CauseAnswered || f.Code == code.Status(http.StatusInternalServerError)
}

// SignOut implements session.Session without a request: the vendor has no
// log-out, the token lapses by itself.
func (s *bearer) SignOut(context.Context) error { return nil }

// Info implements session.Session. The credential's ExpiresAt is the
// exp of a token that is a JWT, zero for any other.
func (s *bearer) Info() session.Info {
	return session.Info{
		Warnings: s.warnings(),
		Credential: session.Credential{
			Header: session.Headers{{Name: "Authorization", Value: scheme + " " + s.key.Token}}, Token: session.NewSecret(s.key.Token),
			IssuedAt: s.key.Issued, ExpiresAt: s.key.expires(),
		},
	}
}

func (s *bearer) warnings() []session.Warning {
	var list []session.Warning
	if s.settings.Probe != "" && !s.probing() {
		list = append(list, session.Warning{
			Code:   "probe_off",
			Text:   fmt.Sprintf("the probe is switched off: with a fresh token it was answered %s; a token that dies early is not noticed", s.key.UnfitCode),
			Action: "set probe to a path that answers 200 or 404 to this account's token, for example /api/v1/threads/1",
		})
	}
	if s.probing() && s.key.Forbidden {
		list = append(list, session.Warning{
			Code: "probe_forbidden", Text: "the probe is answered 403: the token lives, but the account's role does not allow the request",
			Action: "check the account's role (INTEGRATOR, given by the vendor's support), or set probe to a path that the role allows",
		})
	}
	if s.key.Mismatch {
		list = append(list, session.Warning{
			Code: "token_mismatch", Text: "the log-in's answer carried one token in its body and another in its header; the body's is used",
			Action: "ask the platform's support which of them counts if requests with it are refused",
		})
	}
	return list
}

// Close implements session.Session. There is nothing to free, and the token
// stays alive: others may use it.
func (s *bearer) Close() error { return nil }
