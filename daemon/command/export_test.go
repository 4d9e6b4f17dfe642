package command

import (
	"strconv"
	"time"

	"agentkeeper/session"
)

// Fill makes requests with an ID known, as many as are kept, that were done just now
// and are not in the store.
func Fill(s *Service, id session.ID) {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	for n := range keepMost {
		key := idKey{id, strconv.Itoa(n)}
		s.ids.all[key] = &claim{key: key, at: time.Now(), result: Result{Outcome: Done, HTTP: 200}}
	}
	s.ids.sweepLocked()
}

// Idle reports whether nothing is kept of agents that nobody asks anything of.
func Idle(s *Service) bool {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.effects.mu.Lock()
	defer s.effects.mu.Unlock()
	return len(s.lanes.all) == 0 && len(s.effects.all) == 0 && s.effects.count.Load() == 0
}
