package runtel

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
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

	checkAt    time.Time // of the next probe, or of the next check of the age where there is none
	aliveAt    time.Time // of the last good probe; zero: none by this process
	asking     token.Asking
	ageUnknown bool // the clock was set since the token was stored: its age is not known, so its renewal is due
	ended      bool // logged out, or known to be dead
	asked403   bool // the probe was answered 403 though it was answered well before, and a renewal was asked for

	stored  session.Key // key encoded; zero: to be encoded
	learned int         // version of the memory that stored holds
}

var _ session.Session = (*bearer)(nil)

// anyToken matches what may be a token, for those that are not (or no longer)
// the session's.
var anyToken = regexp.MustCompile(`[A-Za-z0-9._~+/=-]{32,}`)

// clean makes the platform's text fit to show: no secrets, one line.
func (s *bearer) clean(text string) string {
	text = wire.Redact(text, s.key.Token, s.password.Reveal())
	return wire.Plain(anyToken.ReplaceAllString(text, session.Redacted))
}

// Key implements session.Session.
func (s *bearer) Key() session.Key {
	known, version := s.platform.memory.now()
	if s.stored.IsZero() || s.learned != version {
		s.key.Lessons, s.learned = known, version
		s.stored = s.key.encode()
	}
	return s.stored
}

// probing reports whether a probe is configured that was not shown unfit.
func (s *bearer) probing() bool {
	_, ok := s.settings.params(s.key.UserID)
	return ok && s.settings.Probe.Action != "" && s.key.Unfit == ""
}

// ends returns the token's earliest and latest plausible end.
func (s *bearer) ends() (earliest, latest time.Time) {
	known, _ := s.platform.memory.now()
	plausible := known.plausible(s.key.Readings)
	return s.key.earliest(plausible, s.probing() && s.platform.retired.loginsRevoke()), s.key.latest(plausible)
}

// Step implements session.Session. It waits until the token is to be looked at:
// two or three times in a window, just after each plausible end of its life,
// and when its renewal is due. Then it sends the probe, the first time at once.
// Batch.Renew is set when renewal is due and, until somebody closes the session
// for a new one, again after 10 s, 20 s and so on.
//
// Without a probe (none configured, or it was shown unfit) nothing is asked: Step
// returns as if it had, and Lost when every plausible end is over. Such a contact
// proves nothing.
func (s *bearer) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	if wait, err := s.wait(ctx); err != nil || !wait.None() {
		return session.Batch{}, wait, err
	}
	batch, err := s.check(ctx)
	return batch, session.Wait{}, err
}

// check looks at the token now.
func (s *bearer) check(ctx context.Context) (session.Batch, error) {
	if s.probing() {
		if err := s.prove(ctx); err != nil {
			return session.Batch{Renew: s.renewAfter403(err)}, err
		}
	} else if err := s.assume(); err != nil {
		return session.Batch{}, err
	}
	now := time.Now()
	s.checkAt = token.NextCheck(now, s.platform.window)
	return session.Batch{Renew: s.asking.Ask(now, s.renewal(), askMost)}, nil
}

// wait returns what lets time pass until there is something to do, and hears the
// account's witness meanwhile.
func (s *bearer) wait(ctx context.Context) (session.Wait, error) {
	for {
		due := s.due()
		probe, watched := s.platform.retired.due(s.id)
		if !watched || !probe.Before(due) {
			return session.Rest(ctx, due)
		}
		if wait, err := session.Rest(ctx, probe); err != nil || !wait.None() {
			return wait, err
		}
		s.platform.retired.probe(ctx, s.id)
	}
}

// probeMargin is how long after a plausible end the probe is sent: the platform's
// clock may differ by what clockTolerance allows.
const probeMargin = clockTolerance + time.Second

// due returns when there is something to do next.
func (s *bearer) due() time.Time {
	_, latest := s.ends()
	at := s.checkAt
	if again := s.asking.At(s.renewal()); again.Before(at) {
		at = again
	}
	if !s.probing() {
		if latest.Before(at) {
			at = latest
		}
		return at
	}
	for _, r := range s.key.Readings {
		if end := r.Expires.Add(probeMargin); end.After(s.aliveAt) && end.Before(at) {
			at = end
		}
	}
	return at
}

// askMost is the longest pause between two requests for a renewal.
const askMost = 10 * time.Minute

// renewal returns when the token is to be renewed.
func (s *bearer) renewal() time.Time {
	if s.ageUnknown {
		return s.key.Issued
	}
	earliest, _ := s.ends()
	return s.key.renewal(earliest)
}

// assume is a check without a probe.
func (s *bearer) assume() error {
	if _, latest := s.ends(); !time.Now().Before(latest) {
		return codes.Fault(code.KeepAlive, codeExpired, "")
	}
	return nil
}

// prove sends the probe and learns from its answer. It also returns nil for a
// probe that was shown unfit just now.
func (s *bearer) prove(ctx context.Context) error {
	fault := s.ask(ctx)
	now := time.Now()
	switch {
	case fault == nil:
		s.markAlive(now)
		return nil
	case ctx.Err() != nil && fault.Kind != session.Lost:
		return ctx.Err()
	case !s.key.Proven && now.Sub(s.key.Issued) < token.FreshFor && (fault.Kind == session.Lost || fault.Cause.Answered()):
		s.key.Unfit, s.stored = fault.Code, session.Key{}
		return nil
	case fault.Kind == session.Lost:
		s.markDead(now)
		return fault
	}
	s.checkAt = now.Add(token.RetryPause)
	if _, latest := s.ends(); now.After(latest.Add(probeMargin)) && !s.aliveAt.After(latest) {
		return codes.Fault(code.KeepAlive, codeExpired, "")
	}
	return fault
}

// renewAfter403 reports whether a token that was good is answered 403 for the first
// time: some platforms answer so to one that died, others to a host that they
// ban. One log-in shows which, and a second one is not asked for.
func (s *bearer) renewAfter403(err error) bool {
	f := session.AsFault(err)
	if s.asked403 || !s.key.Proven || (f.Cause != session.CauseForbidden && f.Cause != session.CauseBan) {
		return false
	}
	s.asked403 = true
	return true
}

// ask sends the probe once.
func (s *bearer) ask(ctx context.Context) *session.Fault {
	params, _ := s.settings.params(s.key.UserID)
	c := newCall(s.settings.Probe.Action, s.settings.Probe.Obj, params)
	answer, err := s.send(ctx, c, s.key.header(), s.platform.probeLimit())
	if err != nil {
		return wire.Fault(err, false)
	}
	_, fault := read(code.KeepAlive, c, answer, s.clean)
	if fault == nil || fault.Kind != session.Lost {
		return fault
	}
	// Only an envelope is certainly the API's. Whoever sends anything else may
	// send it to everybody.
	if _, err := parse(answer.Body); err != nil && s.platform.Probe(ctx, session.Account{}) != nil {
		return code.Intercepted(answer.Status)
	}
	return fault
}

// markAlive notes that the token answered.
func (s *bearer) markAlive(now time.Time) {
	s.aliveAt, s.asked403 = now, false
	if !s.key.Proven {
		s.key.Proven, s.stored = true, session.Key{}
	}
	s.platform.memory.outlived(s.key.Readings, now)
}

// markDead notes that the token is dead. Only a death between two probes of this
// process shows when it happened.
func (s *bearer) markDead(now time.Time) {
	s.ended = true
	if !s.aliveAt.IsZero() && now.Sub(s.aliveAt) <= s.platform.window {
		s.platform.memory.died(s.key.Readings, s.aliveAt, now)
	}
}

// SignOut implements session.Session by one logout. Whether it ends the
// account's other tokens too is not documented.
func (s *bearer) SignOut(ctx context.Context) error {
	c := newCall("logout", "User", json.RawMessage("{}"))
	answer, err := s.send(ctx, c, s.key.header(), s.platform.timeout)
	if err != nil {
		return wire.Fault(err, true)
	}
	if _, fault := read(code.SignOut, c, answer, s.clean); fault != nil {
		return fault
	}
	s.ended = true
	return nil
}

// Info implements session.Session. The credential's ExpiresAt is the earliest
// plausible end that is still to come, zero where the platform names none.
func (s *bearer) Info() session.Info {
	info := session.Info{Credential: session.Credential{
		Header: session.Headers{{Name: "Authorization", Value: "Bearer " + s.key.Token}},
		Token:  session.NewSecret(s.key.Token), IssuedAt: s.key.Issued, ExpiresAt: s.expiresAt(time.Now()),
	}}
	if w, ok := s.warning(); ok {
		info.Warnings = append(info.Warnings, w)
	}
	return info
}

func (s *bearer) expiresAt(now time.Time) time.Time {
	known, _ := s.platform.memory.now()
	for _, r := range known.plausible(s.key.Readings) {
		if r.Expires.After(now) {
			return s.key.limited(r.Expires)
		}
	}
	return time.Time{}
}

// warning returns the warning about a probe that is off; ok is false for none.
func (s *bearer) warning() (w session.Warning, ok bool) {
	if s.settings.Probe.Action == "" || s.probing() {
		return session.Warning{}, false
	}
	text := "the probe is switched off: the log-in's answer names no user_id to ask for"
	if s.key.Unfit != "" {
		text = fmt.Sprintf("the probe is switched off: with a fresh token it was answered %s", s.key.Unfit)
	}
	return session.Warning{
		Code: "probe_off", Text: text + "; a token that dies early is not noticed",
		Action: "set probe to a request that the account's role allows, and domain_id for an account of the platform's operator",
	}, true
}

// Close implements session.Session. There is nothing to free. The token stays
// alive, for others may use it, and may bear witness to how long it lives.
func (s *bearer) Close() error {
	if s.probing() && s.key.Proven && !s.ended {
		s.platform.retired.watch(s)
	}
	return nil
}
