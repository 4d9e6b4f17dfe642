package command

import "agentkeeper/session"

// Claim records an outcome of a request, as if it had been done.
func Claim(s *Service, id session.ID, r Request) {
	c, _ := s.ids.claim(&order{id: id, request: r})
	s.ids.settle(c, Result{Outcome: Done, HTTP: 200})
}
