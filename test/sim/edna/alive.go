package edna

import "time"

// Living reports whether a token would be accepted now. It uses nothing up.
func (s *Sim) Living(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, a := range s.accounts {
		if t := a.find(text); t != nil {
			return !s.cfg().DeadToken && !t.dead && now.Sub(t.born) < span(s.cfg().Life)
		}
	}
	return false
}
