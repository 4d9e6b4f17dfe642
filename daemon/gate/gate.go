package gate

import (
	"container/list"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Options are what a Gate is made from.
type Options struct {
	Settings Settings
	// Save makes the gate's state durable before it returns; nil keeps nothing.
	// It is called by the agents' own goroutines, one call at a time, and with
	// a time limit. It holds no secret.
	Save func(ctx context.Context, state []byte) error
	// Saved is what the last Save of the process before was given; nil at the
	// first start. Bytes that cannot be read are told as Forgot, and make the
	// first sign-in a trial.
	Saved []byte
	// Unanswered is how many sign-ins the process before had sent without
	// seeing the answer (stored records with an open intent or in doubt). They
	// may have been refused: the first sign-in goes alone, and beyond
	// Lockout.Failures it waits for a back-off, so that a crash loop is no
	// login loop.
	Unanswered int
	// Notify is told about every Change in order, one call at a time, by the
	// goroutine that caused it; nil tells nobody. It may call Snapshot, and
	// must not block for long.
	Notify func(Change)
	// Refused is called after a refused log-in of this platform was counted, by
	// the goroutine that made it and without a lock; nil tells nobody.
	Refused func()
	// Rand makes the jitter; nil takes a random seed.
	Rand *rand.Rand
}

// Gate holds back what one platform must not be sent now. All methods are safe
// for concurrent use. It needs no closing.
type Gate struct {
	save    func(context.Context, []byte) error
	notify  func(Change)
	refused func()

	mu       sync.Mutex
	settings Settings
	ins      list.List // of *ticket: sign-ins waiting, oldest first
	outs     list.List // of *ticket: sign-outs waiting
	inFlight int       // operations
	signIns  int       // those of them that are sign-ins
	next     time.Time // earliest next sign-in by rate
	guard    guard
	breaker  breaker
	pace     pace
	mass     int // mass changes of secrets so far
	proven   int // the last of them that a successful sign-in came after
	store    error

	saved     uint64 // the guard's version that is durable
	saving    bool
	saveErr   error
	saveAgain time.Time
	news      []Change
	counted   bool // a refusal was counted that Refused is to be told of
	telling   bool

	forbidden forbidden

	failed     int       // requests of live sessions, since the last complaint
	complained time.Time // when that was
}

// New returns a gate that goes on where Saved ended.
func New(o Options) *Gate {
	s := o.Settings.normal()
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	g := &Gate{
		save: o.Save, notify: o.Notify, refused: o.Refused, settings: s,
		guard: guard{rules: s.Lockout}, pace: pace{rules: s.Backoff, rand: o.Rand},
	}
	now := time.Now()
	g.mu.Lock()
	defer g.unlock(context.Background())
	if err := g.guard.restore(o.Saved, now); err != nil {
		g.mass++
		g.tell(Change{Kind: Forgot, Text: "the lock-out budget starts anew, one sign-in goes first: " + err.Error()})
	}
	if now.Before(g.guard.until) {
		g.tellQuarantine() // this process's log has not told of it
	}
	g.unanswered(o.Unanswered, now)
	return g
}

func (g *Gate) unanswered(n int, now time.Time) {
	for range min(n, g.settings.Lockout.Failures) {
		g.guard.doubt(now)
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
	g.mu.Lock()
	defer g.unlock(context.Background())
	g.settings = s.normal()
	g.pace.rules = g.settings.Backoff
	g.guard.obey(g.settings.Lockout, time.Now())
	g.poke()
}

// ClockSet tells that the wall clock was set, or that the machine slept for
// slept while its monotonic clock stood still: what is on record is written anew
// by the new clock, and the sleep counts as time that passed. It blocks for the
// saving of the state.
func (g *Gate) ClockSet(slept time.Duration) {
	g.mu.Lock()
	defer g.unlock(context.Background())
	now := time.Now()
	times := []*time.Time{&g.next, &g.guard.until, &g.breaker.since, &g.breaker.reached, &g.pace.next, &g.pace.good}
	for _, list := range [][]time.Time{g.guard.refused, g.guard.unanswered} {
		for i := range list {
			times = append(times, &list[i])
		}
	}
	for _, t := range times {
		if !t.IsZero() {
			*t = now.Add(t.Sub(now) - slept)
		}
	}
	if len(g.guard.refused) > 0 || g.guard.quarantined() {
		g.guard.version++
	}
	g.poke()
}

// SetStore closes the gate for sign-ins while the store cannot be written, and
// opens it again with nil.
func (g *Gate) SetStore(trouble error) {
	g.mu.Lock()
	defer g.unlock(context.Background())
	g.store = trouble
	g.poke()
}

// NoteRefusal counts a log-in that was refused at another platform of the same
// host: what the host counts against our address, it counts for all. It blocks
// for the saving of the state.
func (g *Gate) NoteRefusal(ctx context.Context) {
	g.mu.Lock()
	defer g.unlock(ctx)
	if g.guard.refuse(time.Now()) {
		g.tellQuarantine()
	}
}

// MassChange says that the secrets of many agents have changed, or that what was
// known of refused ones is lost: sign-ins go one by one until one that begins
// from now on has succeeded.
func (g *Gate) MassChange() {
	g.mu.Lock()
	defer g.unlock(context.Background())
	g.mass++
}

// attempt is one admitted operation.
type attempt struct {
	start  time.Time
	canary bool // it went alone
	mass   int  // mass changes before it
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
	return g.guard.quarantined() || g.breaker.out || g.breaker.suspect(now) ||
		g.mass != g.proven || g.guard.spent(now) >= g.settings.Lockout.Failures
}

// obstacle returns what stands before a sign-in, and until when; a zero time
// means that only a change of the gate can help.
func (g *Gate) obstacle(now time.Time) (obstacle, time.Time) {
	trial := g.trial(now)
	switch {
	case g.store != nil:
		return storeDown, time.Time{}
	case g.saving:
		return unsaved, time.Time{}
	case g.unsaved():
		return unsaved, g.saveAgain
	case now.Before(g.guard.until):
		return quarantined, g.guard.until
	case trial && g.signIns > 0:
		return alone, time.Time{}
	case trial && now.Before(g.pace.next):
		return pausing, g.pace.next
	case g.inFlight >= g.settings.Concurrent || g.outs.Len() > 0:
		return full, time.Time{}
	case !trial && g.guard.spent(now)+g.signIns >= g.settings.Lockout.Failures:
		return spent, g.guard.eases(now)
	case now.Before(g.next):
		return tooSoon, g.next
	}
	return nothing, time.Time{}
}

// admit counts a sign-in in; the caller found no obstacle.
func (g *Gate) admit(now time.Time) attempt {
	a := attempt{start: now, canary: g.trial(now), mass: g.mass}
	g.inFlight++
	g.signIns++
	step := g.settings.interval()
	if late := now.Sub(g.next); late > step/10 {
		g.next = now // idle before, or far too late: no catching up in a burst
	}
	g.next = g.next.Add(step)
	return a
}
