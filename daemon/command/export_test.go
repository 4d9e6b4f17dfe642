package command

import "agentkeeper/session"

// Claim records an outcome of a request, as if it had been done.
func Claim(s *Service, id session.ID, r Request) {
	c, _ := s.ids.claim(&order{id: id, request: r})
	s.ids.settle(c, Result{Outcome: Done, HTTP: 200})
}

// Idle reports whether nothing is kept of agents that nobody asks anything of.
func Idle(s *Service) bool {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.effects.mu.Lock()
	defer s.effects.mu.Unlock()
	return len(s.lanes.all) == 0 && len(s.effects.all) == 0 && s.effects.count.Load() == 0
}
