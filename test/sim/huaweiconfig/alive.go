package huaweiconfig

import "time"

// Alive reports whether a Guid would be accepted now. It uses nothing up.
func (s *Sim) Alive(value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, a := range s.accounts {
		for _, g := range a.guids {
			if g.value == value {
				return !g.ended && now.Sub(g.used) <= time.Duration(s.cfg().Window)
			}
		}
	}
	return false
}
