package huaweiconfig

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/token"
	"agentkeeper/vendors/wire"
)

// login is one configuration login; it implements session.Session. All runs on
// the caller's goroutine.
type login struct {
	platform *platform
	client   *wire.Client
	password session.Secret // for the login, and to keep it out of the vendor's texts
	set      Settings

	key    key
	stored session.Key // key encoded; zero: to be encoded

	due        time.Time      // the next keep-alive, or look without one; zero: at once
	asking     token.Asking   // for renewals
	proven     bool           // adopted, or a keep-alive showed the Guid alive
	probeFault *session.Fault // why the last keep-alive's own request failed; nil: it did not
}

var _ session.Session = (*login)(nil)

// Step implements session.Session. With a probe it waits until the next
// keep-alive is due, sends it and returns its outcome. Without one it waits
// until a renewal is due or half the window is over, and proves nothing.
func (s *login) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	if !s.probing() {
		return s.rest(ctx)
	}
	if wait, err := session.Rest(ctx, s.due); err != nil || !wait.None() {
		return session.Batch{}, wait, err
	}
	return session.Batch{}, session.Wait{}, s.keepAlive(ctx)
}

// probing reports whether there is a request that can keep the Guid alive.
func (s *login) probing() bool { return s.set.Path != "" && s.key.Unfit != s.probe() }

func (s *login) probe() string { return s.set.Method + " " + s.set.Path }

// firstDue is when Step returns first after a login: at once with a probe.
func (s *login) firstDue(now time.Time) time.Time {
	if s.probing() {
		return time.Time{}
	}
	return now.Add(s.pause())
}

// pause draws the time to the next contact: two thirds up to the whole of
// keep_alive, and less than half the window, the request's own time included.
func (s *login) pause() time.Duration {
	longest := min(s.set.KeepAlive, part(s.set.Window, 0.46))
	return part(longest, (2+rand.Float64())/3)
}

// keepAlive sends one keep-alive. After a failed one the next is due at once;
// the driver spreads them within the window.
func (s *login) keepAlive(ctx context.Context) error {
	answer, err := s.ask(ctx)
	if err != nil && interrupted(ctx) {
		return ctx.Err()
	}
	fault := s.read(answer, err)
	s.client.Heed(fault)
	switch judge(fault) {
	case alive:
		s.markAlive(nil)
		return nil
	case failing:
		s.markAlive(fault)
		return nil
	case dead:
		if s.fresh() {
			s.switchOff(fault)
			return nil
		}
		if fault.Kind != session.Lost && s.platform.Probe(ctx, session.Account{}) != nil {
			return fault // a server before the gateway answers everybody so
		}
		fault.Kind, fault.Cause = session.Lost, session.CauseExpired
	case unsuited:
		if s.fresh() {
			s.switchOff(fault)
			return nil
		}
		fault.Cause = session.CauseAnswered
	case none:
	}
	return fault
}

// interrupted reports whether ctx ended. The connection's time limit, which is
// the deadline of ctx, may be noticed a moment before that of ctx itself.
func interrupted(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// ask sends the request, and takes over the key that its answer brings before
// anybody looks at the rest of it.
func (s *login) ask(ctx context.Context) (wire.Answer, error) {
	used := s.key.Guid
	r := wire.Request{Method: s.set.Method, Path: ccgateway.Base + s.set.Path, Header: s.key.header(), Timeout: s.probeLimit()}
	if r.Method == http.MethodPost {
		r.Body = []byte("{}")
	}
	answer, err := s.client.Do(ctx, r)
	if s.key.update(used, guidOf(answer), answer.Header, time.Now()) {
		s.stored = session.Key{}
	}
	return answer, err
}

// probeLimit bounds one keep-alive so that several fit into the window.
func (s *login) probeLimit() time.Duration { return min(10*time.Second, s.set.Window/6) }

func (s *login) read(a wire.Answer, err error) *session.Fault {
	if err != nil {
		return wire.Fault(err, false)
	}
	_, fault := ccgateway.Read(code.KeepAlive, a, s.clean)
	return fault
}

func (s *login) markAlive(probeFault *session.Fault) {
	s.proven = true
	s.probeFault = probeFault
	s.due = time.Now().Add(s.pause())
}

// fresh reports whether the Guid cannot have lapsed though no keep-alive has
// shown it alive: then "dead" is a word about the request.
func (s *login) fresh() bool {
	return !s.proven && time.Since(s.key.GuidSince) < token.ShareFrom.Of(s.set.Window)
}

// switchOff ends the keep-alives of this login.
func (s *login) switchOff(f *session.Fault) {
	s.key.Unfit = s.probe()
	s.key.UnfitCode = f.Code
	s.stored = session.Key{}
	s.due = time.Now().Add(s.pause())
}

// rest waits without a keep-alive for whatever comes first: the Guid's end, the
// time to ask for a renewal, half the window.
func (s *login) rest(ctx context.Context) (session.Batch, session.Wait, error) {
	renew := s.asking.At(s.key.Renew)
	if wait, err := session.Rest(ctx, first(s.key.Expires, renew, s.due)); err != nil || !wait.None() {
		return session.Batch{}, wait, err
	}
	now := time.Now()
	s.due = now.Add(s.pause())
	if !now.Before(s.key.Expires) {
		return session.Batch{}, session.Wait{}, codes.Fault(code.KeepAlive, codeLapsed, "")
	}
	return session.Batch{Renew: s.asking.Ask(now, s.key.Renew, token.AskAgain)}, session.Wait{}, nil
}

func first(times ...time.Time) time.Time {
	earliest := times[0]
	for _, t := range times[1:] {
		if t.Before(earliest) {
			earliest = t
		}
	}
	return earliest
}

// SignOut implements session.Session without a request: the vendor has no
// logout, the Guid lapses by itself.
func (s *login) SignOut(context.Context) error { return nil }

// Key implements session.Session.
func (s *login) Key() session.Key {
	if s.stored.IsZero() {
		s.stored = s.key.encode()
	}
	return s.stored
}

// Info implements session.Session. When the Guid ends is not known: each request
// with it, by whomever, makes its life longer.
func (s *login) Info() session.Info {
	return session.Info{
		Warnings: s.warnings(),
		Credential: session.Credential{
			Header: s.key.credential(), Token: session.NewSecret(s.key.Guid), IssuedAt: s.key.GuidSince,
		},
	}
}

func (s *login) warnings() []session.Warning {
	switch {
	case s.set.Path != "" && !s.probing():
		return []session.Warning{{
			Code:   "probe_off",
			Text:   "the probe cannot keep the Guid alive (a fresh one was answered " + s.key.UnfitCode + "), so the program logs in anew before every window ends",
			Action: "set probe to a query that this account may send",
		}}
	case s.probeFault != nil:
		return []session.Warning{{
			Code:   "probe_fails",
			Text:   "the probe keeps the Guid alive but fails: " + s.probeFault.Code + ": " + s.probeFault.Text,
			Action: "set probe to a query that succeeds",
		}}
	}
	return nil
}

// Close implements session.Session.
func (s *login) Close() error {
	s.client.Close()
	return nil
}
