package gate

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"agentkeeper/session"
)

// Options are what a Gate is made from.
type Options struct {
	// Name is the platform's.
	Name     string
	Settings Settings
	// Service is what the platform shares with others at its address. nil: the
	// platform has a service of its own, which keeps nothing.
	Service *Service
	// Unanswered is how many sign-ins the process before had sent without
	// seeing the answer (stored records with an open intent or in doubt). They
	// may have been refused: the first sign-in goes alone, and beyond
	// Lockout.Failures it waits for a back-off, so that a crash loop is no
	// login loop.
	Unanswered int
	// Notify is told about every Change in order, one call at a time, by the
	// goroutine that caused it, which may be another platform's of the same
	// service; nil tells nobody. It may call Snapshot, and must not block for
	// long.
	Notify func(Change)
	// Rand makes the jitter; nil takes a random seed.
	Rand *rand.Rand
}

// Gate holds back what one platform must not be sent now. All methods are safe
// for concurrent use.
type Gate struct {
	name    string
	service *Service // its mutex guards all that is below
	notify  func(Change)

	queues

	settings Settings
	inFlight int       // operations
	signIns  int       // those of them that are sign-ins
	next     time.Time // earliest next sign-in by rate
	breaker  breaker
	pace     pace
	mass     int // mass changes of secrets so far
	proven   int // the last of them that a successful sign-in came after
	store    error

	news    []Change
	telling bool

	forbidden forbidden

	failed     int       // requests of live sessions, since the last complaint
	complained time.Time // when that was
}

// New returns a gate and adds it to its service, until Leave.
func New(o Options) *Gate {
	s := o.Settings.normal()
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if o.Service == nil {
		o.Service = NewService(ServiceOptions{Lockout: s.Lockout})
	}
	g := &Gate{
		name: o.Name, service: o.Service, notify: o.Notify, settings: s, pace: pace{rules: s.Backoff, rand: o.Rand},
	}
	now := time.Now()
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	g.service.join(g)
	if err := g.service.forgot; err != nil {
		g.mass++
		g.tell(Change{Kind: Forgot, Text: "the lock-out budget starts anew, one sign-in goes first: " + err.Error()})
	}
	if now.Before(g.service.guard.until) {
		g.tellQuarantine() // this process's log has not told of it
	}
	g.unanswered(o.Unanswered, now)
	return g
}

// unlock ends a critical section.
func (g *Gate) unlock(ctx context.Context) { g.service.unlock(ctx, g) }

// Leave takes the gate out of its service: its platform is there no longer, or
// elsewhere. What still waits or is in flight goes on under the service's rules.
func (g *Gate) Leave() {
	s := g.service
	s.mu.Lock()
	defer g.unlock(context.Background())
	s.gates = slices.DeleteFunc(slices.Clone(s.gates), func(other *Gate) bool { return other == g })
	s.agree()
	s.poke(g)
}

// EndQuarantine lets one sign-in of the service try at once, whoever asks for
// one next, instead of when the quiet time is over. ended is false where there
// is no quarantine. It blocks for the saving of the state; err says that it
// could not be saved, which is tried again before any sign-in.
func (g *Gate) EndQuarantine(ctx context.Context) (ended bool, err error) {
	s := g.service
	s.mu.Lock()
	early := time.Now().Before(s.guard.until)
	if ended = s.guard.end(time.Now()); ended {
		for _, other := range s.gates {
			other.pace.next = time.Time{}
			if early {
				other.tell(Change{Kind: Eased, Text: "the quarantine's quiet time was ended by a person: one log-in tries next"})
			}
		}
		s.poke(g)
	}
	g.unlock(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return ended, s.saveErr
}

func (g *Gate) unanswered(n int, now time.Time) {
	for range min(n, g.settings.Lockout.Failures) {
		g.service.guard.doubt(session.ID{Platform: g.name}, now)
	}
	if n > 0 {
		g.mass++
	}
	if extra := n - g.settings.Lockout.Failures; extra > 0 {
		g.pace.fails = extra - 1
		g.pace.fail(now, 0)
	}
}

// Update takes new settings. Who waits goes on waiting under them; a running
// quarantine is only ever shortened.
func (g *Gate) Update(s Settings) {
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	g.settings = s.normal()
	if soonest := time.Now().Add(g.settings.interval()); g.next.After(soonest) {
		g.next = soonest // the pause by the old rate may last for minutes
	}
	g.pace.rules = g.settings.Backoff
	g.service.agree()
	g.service.poke(g)
}

// ClockSet tells that the wall clock was set, or that the machine slept for
// slept while its monotonic clock stood still: what is on record is written anew
// by the new clock, and the sleep counts as time that passed. It blocks for the
// saving of the state.
func (g *Gate) ClockSet(slept time.Duration) {
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	now := time.Now()
	times := []*time.Time{&g.next, &g.breaker.since, &g.breaker.reached, &g.pace.next, &g.pace.good}
	if all := g.service.gates; len(all) == 0 || all[0] == g { // once for all of them
		times = append(times, g.service.guard.instants()...)
		g.service.guard.touch()
	}
	for _, t := range times {
		if !t.IsZero() {
			*t = now.Add(t.Sub(now) - slept)
		}
	}
	g.service.poke(g)
}

// SetStore closes the gate for sign-ins while the store cannot be written, and
// opens it again with nil.
func (g *Gate) SetStore(trouble error) {
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	g.store = trouble
	g.service.poke(g)
}

// MassChange says that the secrets of many agents have changed, or that what was
// known of refused ones is lost: sign-ins go one by one until one that begins
// from now on has succeeded.
func (g *Gate) MassChange() {
	g.service.mu.Lock()
	defer g.unlock(context.Background())
	g.mass++
}

// attempt is one admitted operation.
type attempt struct {
	start  time.Time
	canary bool // it went alone
	mass   int  // mass changes before it
	proven bool // its secret has signed in before
}

// obstacle is what keeps the head of the sign-ins' queue waiting.
type obstacle uint8

const (
	nothing     obstacle = iota
	storeDown            // the store cannot be written
	unsaved              // the budget is not durable yet
	quarantined          // the quarantine runs
	alone                // a trial is due and somebody is still in flight
	pausing              // a trial is due, after the back-off
	full                 // too many operations in flight
	spent                // the lock-out budget is in flight
	tooSoon              // by rate
)

// trial reports whether sign-ins must go one at a time.
func (g *Gate) trial(now time.Time) bool {
	return g.sharedTrial(now) || g.breaker.out || g.breaker.suspect(now) || g.mass != g.proven
}

// sharedTrial reports whether they must go one at a time for the whole service.
func (g *Gate) sharedTrial(now time.Time) bool {
	s := g.service
	return s.guard.quarantined() || s.guard.spent(now) >= s.guard.rules.Failures
}

// tried reports whether the one that goes alone is in flight.
func (g *Gate) tried(now time.Time) bool {
	return g.signIns > 0 || (g.sharedTrial(now) && g.service.flights.all > 0)
}

// risky reports whether a sign-in could make more refusals than the budget has.
// One with a proven secret adds no risk while those before it are trusted.
func (g *Gate) risky(now time.Time, proven bool) bool {
	s := g.service
	s.flights.age(now, s.guard.rules.Within)
	if proven && s.flights.proven < s.flights.trust {
		return false
	}
	return s.guard.spent(now)+s.flights.risk() >= s.guard.rules.Failures
}

// obstacle returns what stands before a sign-in, and until when; a zero time
// means that only a change of the gate can help. proven tells that its secret
// has signed in before.
func (g *Gate) obstacle(now time.Time, proven bool) (obstacle, time.Time) {
	s, trial := g.service, g.trial(now)
	switch {
	case g.store != nil:
		return storeDown, time.Time{}
	case s.saving:
		return unsaved, time.Time{}
	case s.unsaved():
		return unsaved, s.saveAgain
	case now.Before(s.guard.until):
		return quarantined, s.guard.until
	case trial && g.tried(now):
		return alone, time.Time{}
	case trial && now.Before(g.pace.next):
		return pausing, g.pace.next
	case g.inFlight >= g.settings.Concurrent || g.outs.Len() > 0:
		return full, time.Time{}
	case !trial && g.risky(now, proven):
		return spent, s.guard.eases(now)
	case now.Before(g.next):
		return tooSoon, g.next
	}
	return nothing, time.Time{}
}

// admit counts a sign-in in; the caller found no obstacle.
func (g *Gate) admit(now time.Time, proven bool) attempt {
	a := attempt{start: now, canary: g.trial(now), mass: g.mass, proven: proven}
	g.inFlight++
	g.signIns++
	g.service.flights.add(1, proven)
	step := g.settings.interval()
	if late := now.Sub(g.next); late > step/10 {
		g.next = now // idle before, or far too late: no catching up in a burst
	}
	g.next = g.next.Add(step)
	return a
}
