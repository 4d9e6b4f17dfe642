package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"agentkeeper/session"
)

// ServiceOptions are what a Service is made from.
type ServiceOptions struct {
	// Address, host and port, is for people.
	Address string
	// Save makes the service's state durable before it returns; nil keeps
	// nothing. It is called by the agents' own goroutines, one call at a time,
	// and with a time limit. It holds no secret.
	Save func(ctx context.Context, state []byte) error
	// Saved is what the last Save of the process before was given; nil at the
	// first start. Bytes that cannot be read are told as Forgot by every gate,
	// and make its first sign-in a trial.
	Saved []byte
	// Older are the states of platforms that an earlier version kept one by one.
	// They count where Saved is nil, the worst of them, and are made durable as
	// one before the first sign-in.
	Older [][]byte
	// Lockout is what Saved is read by, until the first gate joins.
	Lockout Lockout
}

// Service is one address, host and port, and what it counts against us: the
// lock-out budget and the quarantine of all platforms that are reached there.
// Its methods are safe for concurrent use.
type Service struct {
	address string
	save    func(context.Context, []byte) error

	mu      sync.Mutex // of the service and of all its gates
	gates   []*Gate
	guard   guard
	flights flights
	forgot  error // why Saved could not be read

	saved     uint64 // the guard's version that is durable
	saving    bool
	saveErr   error
	saveAgain time.Time
}

// flights counts the sign-ins in flight, and those that may be refused.
type flights struct {
	all    int
	proven int // with a secret that has signed in before
	// trust is how many of those are no risk: it grows with each of them that
	// succeeds, and is gone when one is refused, or none came for long.
	trust int
	last  time.Time // when trust grew
}

// risk is how many sign-ins in flight must be reckoned refused.
func (f flights) risk() int { return f.all - f.proven + max(0, f.proven-f.trust) }

// add counts a sign-in in (n 1) or out (n -1).
func (f *flights) add(n int, proven bool) {
	f.all += n
	if proven {
		f.proven += n
	}
}

// age lets trust go that is older than within.
func (f *flights) age(now time.Time, within time.Duration) {
	if f.trust > 0 && now.Sub(f.last) >= within {
		f.trust = 0
	}
}

// succeeded and refused note how a sign-in with a proven secret ended.
func (f *flights) succeeded(now time.Time) { f.trust, f.last = f.trust+1, now }
func (f *flights) refused()                { f.trust = 0 }

// NewService returns a service that goes on where Saved ended.
func NewService(o ServiceOptions) *Service {
	s := &Service{address: o.Address, save: o.Save, guard: guard{rules: Settings{Lockout: o.Lockout}.normal().Lockout}}
	now := time.Now()
	if o.Saved != nil || len(o.Older) == 0 {
		s.forgot = s.guard.restore(o.Saved, now)
		return s
	}
	for _, old := range o.Older {
		g := guard{rules: s.guard.rules}
		if err := g.restore(old, now); err != nil {
			s.forgot = err
			continue
		}
		s.guard.worse(g)
	}
	s.guard.version++
	return s
}

// join adds a gate. The caller holds mu.
func (s *Service) join(g *Gate) {
	s.gates = append(s.gates, g)
	s.agree()
}

// agree makes the strictest of the platforms' rules those of the service: it
// has one patience, whatever the platforms call it. The caller holds mu.
func (s *Service) agree() {
	if len(s.gates) == 0 {
		return
	}
	rules := s.gates[0].settings.Lockout
	for _, g := range s.gates[1:] {
		other := g.settings.Lockout
		rules.Failures = min(rules.Failures, other.Failures)
		rules.Within = max(rules.Within, other.Within)
		rules.Quiet = max(rules.Quiet, other.Quiet)
	}
	s.guard.obey(rules, time.Now())
}

// neighbours returns the other platforms of g's service. The caller holds mu.
func (s *Service) neighbours(g *Gate) (names []string) {
	for _, other := range s.gates {
		if other != g && other.name != g.name {
			names = append(names, other.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// poke makes whoever may go in any of the queues look again. Whatever may let
// somebody go calls it under the mutex, so the ones it finds at the heads are
// the ones that have to look.
func (s *Service) poke(g *Gate) {
	g.pokeHeads()
	for _, other := range s.gates {
		if other != g {
			other.pokeHeads()
		}
	}
}

// tellQuarantine has every gate tell its platform's. The caller holds mu.
func (s *Service) tellQuarantine(g *Gate) {
	told := s.gates
	if !slices.Contains(told, g) {
		told = append(slices.Clip(told), g)
	}
	for _, other := range told {
		other.tellQuarantine()
	}
}

// refuse counts a refused log-in of an agent of g's. The caller holds mu.
func (s *Service) refuse(g *Gate, id session.ID, now time.Time) {
	if s.guard.refuse(id, now) {
		s.tellQuarantine(g)
	}
}

// undecided reports whether a log-in of another account than id was turned away,
// and it is not known yet what that means. The caller holds mu.
func (s *Service) undecided(id session.ID) bool {
	for _, g := range s.gates {
		for other := range g.forbidden.open {
			if other != id {
				return true
			}
		}
	}
	return false
}

// unsaved reports whether the guard has changed since it was last durable.
func (s *Service) unsaved() bool { return s.save != nil && s.saved != s.guard.version }

// unlock ends a critical section, and then does what must not be done inside:
// it saves what changed and tells what happened.
func (s *Service) unlock(ctx context.Context, g *Gate) {
	save := s.unsaved() && !s.saving && !time.Now().Before(s.saveAgain)
	var tell []*Gate
	for _, other := range s.gates {
		if other != g && len(other.news) > 0 {
			tell = append(tell, other)
		}
	}
	if len(g.news) > 0 {
		tell = append(tell, g)
	}
	s.mu.Unlock()
	for save {
		save = s.saveOnce(ctx, g)
	}
	for _, other := range tell {
		other.broadcast()
	}
}

// saveOnce makes the guard durable and reports whether it has changed again
// meanwhile. A failed save is tried again by the heads of the queues.
func (s *Service) saveOnce(ctx context.Context, g *Gate) bool {
	s.mu.Lock()
	if s.saving || !s.unsaved() {
		s.mu.Unlock()
		return false
	}
	s.saving = true
	version, bytes := s.guard.version, s.guard.encode(time.Now())
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	err := s.save(ctx, bytes)
	cancel()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.saving, s.saveErr = false, err
	s.saveAgain = time.Time{}
	if err == nil {
		s.saved = version
	} else {
		s.saveAgain = time.Now().Add(saveRetry)
	}
	s.poke(g)
	return err == nil && s.unsaved()
}
