package gate

import (
	"context"
	"errors"
	"time"

	"agentkeeper/session"
)

// Platform decorates inner, the one platform that the gate is for.
//
//   - SignIn blocks in the queue until it may go, then calls inner with the
//     same context. When ctx ends in the queue its error is returned, as it
//     is, and nothing was sent. Inner decides what cuts an operation once it
//     was sent.
//   - SignOut of its sessions blocks only for a place among the operations in
//     flight, with the same rule for ctx.
//   - A log-in whose answer may mean a refusal of the account or a ban of our
//     address (session.CauseForbidden) is not repeated before it is known which
//     of the two it was: until then SignIn returns that answer again without
//     sending anything, and Refused once it is the account's.
//   - Probe passes at once, but in a quarantine: then it waits in the queue of
//     the sign-ins, and goes like one of them. An error that is ctx's then means
//     that nothing was sent.
//   - Adopt, Next and the rest pass through. What Next and Probe are answered
//     teaches the gate.
func (g *Gate) Platform(inner session.Platform) session.Platform {
	return &platform{gate: g, inner: inner}
}

type platform struct {
	gate  *Gate
	inner session.Platform
}

func (p *platform) SignIn(ctx context.Context, a session.Account, force bool) (session.Session, error) {
	if f := p.gate.decided(ctx, a); f != nil {
		return nil, f
	}
	at, err := p.gate.enter(ctx, a.Proven)
	if err != nil {
		return nil, err
	}
	if f := p.gate.decided(ctx, a); f != nil { // while it waited
		p.gate.leave(ctx, at, func(time.Time) {})
		return nil, f
	}
	err = &session.Fault{Kind: session.Doubt, Text: "the sign-in did not return"} // if inner panics
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
	if err != nil {
		return nil, err
	}
	return p.wrap(a.ID, s), nil
}

func (p *platform) Adopt(a session.Account, k session.Key) (session.Session, error) {
	s, err := p.inner.Adopt(a, k)
	if err != nil {
		return nil, err
	}
	return p.wrap(a.ID, s), nil
}

func (p *platform) Probe(ctx context.Context, a session.Account) error {
	if !p.gate.holdsProbes() {
		start := time.Now()
		err := p.inner.Probe(ctx, a)
		p.gate.learn(ctx, a.ID, start, err)
		return err
	}
	at, err := p.gate.enter(ctx, false)
	if err != nil {
		return err
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
	return err
}

func (p *platform) wrap(id session.ID, s session.Session) session.Session {
	return &guarded{Session: s, gate: p.gate, id: id}
}

// guarded is a session whose answers teach the gate.
type guarded struct {
	session.Session
	gate *Gate
	id   session.ID
}

// Step implements session.Session.
func (s *guarded) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	batch, wait, err := s.Session.Step(ctx)
	if wait.None() {
		s.gate.learn(ctx, s.id, time.Time{}, err)
	}
	return batch, wait, err
}

func (s *guarded) SignOut(ctx context.Context) error {
	if err := s.gate.enterOut(ctx); err != nil {
		return err
	}
	defer s.gate.leaveOut(ctx)
	return s.Session.SignOut(ctx)
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
