package runtel

import "time"

// Alive reports whether a token would be accepted now. It uses nothing up.
func (s *Sim) Alive(value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive(s.tokens[value], time.Now())
}
