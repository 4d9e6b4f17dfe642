package huawei

import (
	"context"
	"strconv"

	"agentkeeper/test/sim"
)

// signOut is the polite one: it does nothing in a call.
func (s *Sim) signOut(ctx context.Context, q *request) sim.Reply { return s.leave(ctx, q, false) }

// forceSignOut cuts the call.
func (s *Sim) forceSignOut(ctx context.Context, q *request) sim.Reply { return s.leave(ctx, q, true) }

func (s *Sim) forceSignOutWithReason(ctx context.Context, q *request) sim.Reply {
	if n, err := strconv.Atoi(q.values("reason")); err != nil || n < 1 || n > 255 {
		return s.failure("100-005")
	}
	return s.leave(ctx, q, true)
}

func (s *Sim) leave(ctx context.Context, q *request, force bool) sim.Reply {
	if q.overlap {
		return s.failure("000-007")
	}
	s.spend(ctx, s.cfg().OperationTime)
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, code := s.authenticate(q)
	if n == nil && code == NotSignedIn && a != nil && a.last != nil && a.last.signedOut {
		code = "100-008"
	}
	if n == nil {
		return s.failure(code)
	}
	if len(a.calls) > 0 && !force {
		return s.keepIn()
	}
	s.end(a, NotSignedIn, "signed out")
	a.last.signedOut = true
	return s.success(struct{}{})
}

func (s *Sim) keepIn() sim.Reply {
	if s.cfg().InCall == InCallIgnored {
		return s.success(struct{}{})
	}
	return s.failure(s.cfg().InCall)
}
