package sessiontest

import (
	"context"

	"agentkeeper/session"
)

// Open returns p behind a gate that holds nothing back.
func Open(p session.Platform) session.Guarded { return open{p} }

type open struct{ platform session.Platform }

func (o open) SignIn(ctx context.Context, a session.Account, force bool) (_ session.GuardedSession, w session.Wait, err error) {
	s, err := o.platform.SignIn(ctx, a, force)
	if err != nil {
		return nil, w, err
	}
	return openSession{s}, w, nil
}

func (o open) Adopt(a session.Account, k session.Key) (session.GuardedSession, error) {
	s, err := o.platform.Adopt(a, k)
	if err != nil {
		return nil, err
	}
	return openSession{s}, nil
}

func (o open) Probe(ctx context.Context, a session.Account) (w session.Wait, err error) {
	return w, o.platform.Probe(ctx, a)
}

type openSession struct{ session.Session }

// Unwrap returns the session inside, see session.CommanderOf.
func (s openSession) Unwrap() session.Live { return s.Session }

func (s openSession) SignOut(ctx context.Context) (w session.Wait, err error) {
	return w, s.Session.SignOut(ctx)
}

// Blocking returns a platform that stands in the place of those who wait behind a
// gate: guarded makes what one agent sees of that.
func Blocking(guarded func() session.Guarded) session.Platform { return blocking(guarded) }

type blocking func() session.Guarded

func (b blocking) SignIn(ctx context.Context, a session.Account, force bool) (session.Session, error) {
	for p := b(); ; {
		s, w, err := p.SignIn(ctx, a, force)
		switch {
		case !w.None():
			w.Block(ctx)
		case err != nil:
			return nil, err
		default:
			return blockingSession{s}, nil
		}
	}
}

func (b blocking) Adopt(a session.Account, k session.Key) (session.Session, error) {
	s, err := b().Adopt(a, k)
	if err != nil {
		return nil, err
	}
	return blockingSession{s}, nil
}

func (b blocking) Probe(ctx context.Context, a session.Account) error {
	for p := b(); ; {
		w, err := p.Probe(ctx, a)
		if w.None() {
			return err
		}
		w.Block(ctx)
	}
}

type blockingSession struct{ session.GuardedSession }

// Unwrap returns the session inside, see session.CommanderOf.
func (s blockingSession) Unwrap() session.Live { return s.GuardedSession }

func (s blockingSession) SignOut(ctx context.Context) error {
	for {
		w, err := s.GuardedSession.SignOut(ctx)
		if w.None() {
			return err
		}
		w.Block(ctx)
	}
}
