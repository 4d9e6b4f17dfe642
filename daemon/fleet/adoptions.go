package fleet

import (
	"log/slog"
	"sync"
	"time"

	"agentkeeper/session"
)

// adoptions sums up, for the log, what a start made of the sessions that were
// stored: one line per platform instead of one per agent. It is the keepers'
// Observer, and hands all on to another one.
type adoptions struct {
	Observer
	log   *slog.Logger
	ready func() // tell has something to say; must not block

	mu   sync.Mutex           // never held over I/O
	open map[string]*adoption // by platform
}

type adoption struct {
	began      time.Time
	sessions   int // that were stored
	live, lost int // of those that were asked about
}

// patienceWithAdoptions is how long the sum waits for platforms that do not
// answer, and for agents that are not polled because they are to sign out.
const patienceWithAdoptions = time.Minute

// expect counts a stored session that a keeper goes on with.
func (s *adoptions) expect(platform string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[platform] == nil {
		s.open[platform] = &adoption{began: time.Now()}
	}
	s.open[platform].sessions++
}

// Adopted implements keeper.Observer. An outage decides nothing: it is asked
// again.
func (s *adoptions) Adopted(platform string, result session.Kind) {
	s.Observer.Adopted(platform, result)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.open[platform]
	if a == nil {
		return
	}
	switch result {
	case session.OK:
		a.live++
	case session.Lost, session.Taken:
		a.lost++
	default:
		return
	}
	if a.complete() {
		s.ready()
	}
}

// left returns how many sessions nothing is known of yet.
func (s *adoptions) left() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.open {
		n += max(a.sessions-a.live-a.lost, 0)
	}
	return n
}

// tell logs the sums that are complete, or waited long enough.
func (s *adoptions) tell(now time.Time) {
	s.mu.Lock()
	ready := map[string]adoption{}
	for platform, a := range s.open {
		if a.complete() || now.Sub(a.began) >= patienceWithAdoptions {
			ready[platform] = *a
			delete(s.open, platform)
		}
	}
	s.mu.Unlock()
	for platform, a := range ready {
		s.log.Info("sessions adopted", "platform", platform, "adopted", a.live, "lost", a.lost,
			"not_yet", a.sessions-a.live-a.lost, "after", now.Sub(a.began).Round(time.Millisecond).String())
	}
}

func (a *adoption) complete() bool { return a.live+a.lost >= a.sessions }
