package gate

import (
	"context"
	"errors"
	"time"

	"agentkeeper/session"
)

// Platform decorates inner, the one platform that the gate is for, for one agent,
// whose calls do not overlap.
//
//   - SignIn waits in the queue until it may go, and calls inner in the same call
//     and with the same context as it learns that. When ctx ends in the queue its
//     error is returned, as it is, and nothing was sent. Inner decides what cuts an
//     operation once it was sent.
//   - SignOut of its sessions waits only for a place among the operations in
//     flight, with the same rule for ctx.
//   - A log-in whose answer may mean a refusal of the account or a ban of our
//     address (session.CauseForbidden) is not repeated before it is known which
//     of the two it was: until then SignIn returns that answer again without
//     sending anything, and Refused once it is the account's.
//   - Probe passes at once, but in a quarantine: then it waits in the queue of
//     the sign-ins, and goes like one of them. An error that is ctx's then means
//     that nothing was sent.
//   - Adopt, Step and the rest pass through. What Step and Probe are answered
//     teaches the gate.
func (g *Gate) Platform(inner session.Platform) session.Guarded {
	return &platform{gate: g, inner: inner}
}

type platform struct {
	gate   *Gate
	inner  session.Platform
	ticket *ticket // of the operation that waits for its turn; nil: none does
}

// SignIn implements session.Guarded.
func (p *platform) SignIn(ctx context.Context, a session.Account, force bool) (session.GuardedSession, session.Wait, error) {
	if p.ticket == nil {
		if f := p.gate.decided(ctx, a); f != nil {
			return nil, session.Wait{}, f
		}
	}
	at, wait, err := p.enter(ctx, a.Proven)
	if err != nil || !wait.None() {
		return nil, wait, err
	}
	if f := p.gate.decided(ctx, a); f != nil { // while it waited
		p.gate.leave(ctx, at, func(time.Time) {})
		return nil, session.Wait{}, f
	}
	s, err := p.signIn(ctx, at, a, force)
	if err != nil {
		return nil, session.Wait{}, err
	}
	return p.wrap(a.ID, s), session.Wait{}, nil
}

// enter asks for the turn of a sign-in, or of a probe that goes like one.
func (p *platform) enter(ctx context.Context, proven bool) (at attempt, wait session.Wait, err error) {
	if at, p.ticket, err = p.gate.enter(ctx, p.ticket, proven); p.ticket != nil {
		wait = p.ticket.wait()
	}
	return at, wait, err
}

// signIn sends a sign-in that was let through.
func (p *platform) signIn(ctx context.Context, at attempt, a session.Account, force bool) (session.Session, error) {
	var err error = &session.Fault{Kind: session.Doubt, Text: "the sign-in did not return"} // if inner panics
	defer func() {
		p.gate.leave(ctx, at, func(now time.Time) {
			if !cut(ctx, err) {
				p.gate.judge(at, a, err, now)
			}
		})
	}()
	s, err := p.inner.SignIn(ctx, a, force)
	if f := session.AsFault(err); f != nil && f.Kind == session.Outage && f.Cause == session.CauseForbidden {
		err = undecided(f, recheck)
	}
	return s, err
}

// Adopt implements session.Guarded.
func (p *platform) Adopt(a session.Account, k session.Key) (session.GuardedSession, error) {
	s, err := p.inner.Adopt(a, k)
	if err != nil {
		return nil, err
	}
	return p.wrap(a.ID, s), nil
}

// Probe implements session.Guarded.
func (p *platform) Probe(ctx context.Context, a session.Account) (session.Wait, error) {
	if p.ticket == nil && !p.gate.holdsProbes() {
		start := time.Now()
		err := p.inner.Probe(ctx, a)
		p.gate.learn(ctx, a.ID, start, err)
		return session.Wait{}, err
	}
	at, wait, err := p.enter(ctx, false)
	if err != nil || !wait.None() {
		return wait, err
	}
	err = &session.Fault{Kind: session.Outage, Text: "the probe did not return"} // if inner panics
	defer func() {
		p.gate.leave(ctx, at, func(now time.Time) {
			if !cut(ctx, err) {
				p.gate.glance(a.ID, at.start, at.canary, err, now)
			}
		})
	}()
	err = p.inner.Probe(ctx, a)
	return session.Wait{}, err
}

func (p *platform) wrap(id session.ID, s session.Session) session.GuardedSession {
	return &guarded{Session: s, gate: p.gate, id: id}
}

// guarded is a session whose answers teach the gate.
type guarded struct {
	session.Session
	gate   *Gate
	id     session.ID
	ticket *ticket // of a sign-out that waits for its turn; nil: none does
}

// Unwrap returns the session inside, see session.CommanderOf.
func (s *guarded) Unwrap() session.Live { return s.Session }

// Step implements session.Live.
func (s *guarded) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	batch, wait, err := s.Session.Step(ctx)
	if wait.None() {
		s.gate.learn(ctx, s.id, time.Time{}, err)
	}
	return batch, wait, err
}

// SignOut implements session.GuardedSession.
func (s *guarded) SignOut(ctx context.Context) (wait session.Wait, err error) {
	if s.ticket, err = s.gate.enterOut(ctx, s.ticket); s.ticket != nil {
		return s.ticket.wait(), nil
	}
	if err != nil {
		return wait, err
	}
	defer s.gate.leaveOut(ctx)
	return wait, s.Session.SignOut(ctx)
}

// Close implements session.Live.
func (s *guarded) Close() error {
	s.gate.giveUp(s.ticket)
	s.ticket = nil
	return s.Session.Close()
}

// learn takes note of the answer to a Next or a Probe begun at start; zero
// stands for now: a poll is held by the platform, so its start says nothing.
func (g *Gate) learn(ctx context.Context, id session.ID, start time.Time, err error) {
	if cut(ctx, err) {
		return
	}
	g.service.mu.Lock()
	defer g.unlock(ctx)
	now := time.Now()
	if start.IsZero() {
		start = now
	}
	g.glance(id, start, false, err, now)
}

// cut reports whether err says only that the caller ended ctx: no answer, and
// nobody's fault.
func cut(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() == nil {
		return false
	}
	var f *session.Fault
	return !errors.As(err, &f) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
