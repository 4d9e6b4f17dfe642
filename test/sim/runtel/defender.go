package runtel

import (
	"net/http"
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// host is what the Defender knows of one address.
type host struct {
	failures []time.Time
	until    time.Time // blocked until then
	triggers int
	knocks   int // requests while it was blocked
}

// suspect counts a failed log-in and blocks the host where there were too many.
// With the lock held.
func (s *Sim) suspect(from string) {
	w, now := s.cfg(), time.Now()
	h := s.host(from)
	h.failures = slices.DeleteFunc(h.failures, func(t time.Time) bool { return now.Sub(t) >= time.Duration(w.FailWithin) })
	h.failures = append(h.failures, now)
	if w.WhiteList || len(h.failures) < w.FailLimit {
		return
	}
	h.failures, h.until = nil, now.Add(time.Duration(w.BanTime))
	h.triggers++
	s.log("host blocked", nobody, "host", from)
}

func (s *Sim) host(address string) *host {
	h := s.hosts[address]
	if h == nil {
		h = &host{}
		s.hosts[address] = h
	}
	return h
}

// blocked reports whether the host is, and counts the request if so.
func (s *Sim) blocked(from string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[from]
	if h == nil || s.cfg().WhiteList || !time.Now().Before(h.until) {
		return false
	}
	h.knocks++
	return true
}

// turnAway is what a blocked host sees.
func (s *Sim) turnAway(w http.ResponseWriter, r *http.Request, q *request) {
	switch s.cfg().Ban {
	case BanHTTP:
		s.dated(sim.HTML(http.StatusForbidden)).Write(w)
	case BanCode:
		s.dated(sim.JSON(s.envelope(q, http.StatusForbidden, struct{}{}, texts[http.StatusForbidden]))).Write(w)
	case BanDrop:
		<-r.Context().Done()
		sim.Abort(w)
	default:
		sim.Abort(w)
	}
}

// Ban blocks the host for d, or for the switch BanTime where d is 0.
func (s *Sim) Ban(address string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d == 0 {
		d = time.Duration(s.cfg().BanTime)
	}
	h := s.host(address)
	h.until = time.Now().Add(d)
	h.triggers++
}

// Unban ends every block and forgets failed log-ins.
func (s *Sim) Unban() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.hosts)
}

// HostState is one line of the Defender's list.
type HostState struct {
	Failures     int       `json:"failures"` // within the time that they count in, as of the latest
	BlockedUntil time.Time `json:"blocked_until,omitzero"`
	Triggers     int       `json:"triggers"`
	Knocks       int       `json:"knocks"` // requests while it was blocked
}

// Defender returns what the Defender knows, by address.
func (s *Sim) Defender() map[string]HostState {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make(map[string]HostState, len(s.hosts))
	for address, h := range s.hosts {
		state := HostState{Failures: len(h.failures), Triggers: h.triggers, Knocks: h.knocks}
		if time.Now().Before(h.until) {
			state.BlockedUntil = h.until
		}
		states[address] = state
	}
	return states
}
