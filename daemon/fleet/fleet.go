package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/gate"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/waiting"
	"agentkeeper/vendors"
	"agentkeeper/vendors/trace"
)

// Store is what the fleet needs to survive a restart.
type Store interface {
	keeper.Store
	store.Values
	Load(ctx context.Context) (map[session.ID]session.Record, error)
	Forget(ctx context.Context, id session.ID) error
	Hash(secret session.Secret) string
	// Damage tells what of that was lost to damage on disk.
	Damage() store.Damage
	Err() error
	Changed() <-chan struct{}
}

// Observer counts what the fleet does.
type Observer interface {
	keeper.Observer
	// SetPlatforms announces the platforms that there are from now on.
	SetPlatforms(windows map[string]time.Duration)
}

// Options are what a Fleet is made from. Store, Sink and Observer are required.
type Options struct {
	Store    Store
	Sink     keeper.Sink
	Observer Observer
	Log      *slog.Logger
	Vendors  map[string]vendors.Vendor // nil: vendors.Table
	// Dial replaces the network, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Pending is as keeper.Site's.
	Pending func(id session.ID) []session.Event
	// Traces says whose exchange is written down; nil: nobody's.
	Traces *trace.Traces
	// Asleep returns for how long the machine has slept since it was switched on;
	// ok is false where that cannot be told now. nil: it never sleeps.
	Asleep func() (d time.Duration, ok bool)
	// Room makes the room where the agents wait; they are woken when its context
	// ends. nil: waiting.Goroutines.
	Room func(context.Context) (waiting.Room, error)
	// Seed makes every agent's jitter repeatable; 0: random.
	Seed uint64
}

// Fleet is the set of agents of one process. Create it with New, fill it with
// Apply, end it with Stop or HandOver. Its methods may be called from any
// goroutine; Apply calls are carried out one after the other.
type Fleet struct {
	surroundings
	loops
	stored
	files
	census census

	applying sync.Mutex // serialises Apply

	mu        sync.Mutex // never held over I/O or a wait, nor for more than a few milliseconds
	platforms map[string]*platform
	services  map[string]*gate.Service // by address; they stay when their platforms go
	wishes    map[session.ID]Override
	roll
	finale
}

// surroundings are what the fleet works with. They stay as they are.
type surroundings struct {
	store    Store
	site     *keeper.Site // of all keepers
	observer *adoptions   // in front of the one that counts
	log      *slog.Logger
	vendors  map[string]vendors.Vendor
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	traces   *trace.Traces
	asleep   func() (time.Duration, bool)
	seed     uint64
}

// loops are what goes on beside the agents.
type loops struct {
	ctx        context.Context // of the keepers; ends last
	cancel     context.CancelFunc
	room       waiting.Room
	agentsDone sync.WaitGroup
	running    sync.WaitGroup
	nudge      chan struct{} // to the loop that compares wishes and orders
	starts     chan struct{} // to the loop that starts newcomers
	clock      clock         // of the comparing loop alone
}

// stored is what the process before left, beside records and wishes; it is Apply's.
type stored struct {
	left   leftBehind
	places map[string][]byte // what is stored of the platforms
	gates  map[string][]byte // what was stored of the services, and of platforms by an earlier version, at the start
	damage store.Damage      // of the store, as it was at the start
}

// files are the credential files that are to be written.
type files struct {
	pendingMu sync.Mutex
	pending   map[session.ID]bool
	obsolete  []string      // those to be removed
	write     chan struct{} // to the loop that writes them
}

// roll is the agents; mu guards it.
type roll struct {
	agents    map[session.ID]*agent
	sorted    []*agent                      // the same, by name
	newcomers []newcomer                    // enlisted and not started yet, in the order in which they will be
	records   map[session.ID]session.Record // loaded and not yet handed to a keeper
	beat      time.Time                     // of the comparing loop
}

// finale is the fleet's end; mu guards it.
type finale struct {
	ending  bool
	handing bool         // the end is a hand-over
	final   keeper.Order // of the end
}

// New loads what the process before left. It starts nothing but the loops.
func New(ctx context.Context, o Options) (*Fleet, error) {
	f := &Fleet{
		surroundings: surroundings{store: o.Store, log: o.Log, vendors: o.Vendors, dial: o.Dial, traces: o.Traces, asleep: o.Asleep, seed: o.Seed},
		loops:        loops{nudge: make(chan struct{}, 1), starts: make(chan struct{}, 1)},
		files:        files{pending: map[session.ID]bool{}, write: make(chan struct{}, 1)},
		census:       newCensus(),
		platforms:    map[string]*platform{}, services: map[string]*gate.Service{},
		roll: roll{agents: map[session.ID]*agent{}, beat: time.Now()},
	}
	if f.vendors == nil {
		f.vendors = vendors.Table
	}
	if f.asleep == nil {
		f.asleep = func() (time.Duration, bool) { return 0, true }
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.observer = &adoptions{Observer: o.Observer, log: f.log, ready: f.wake, open: map[string]*adoption{}}
	f.site = &keeper.Site{Store: f.store, Sink: o.Sink, Observer: f.observer, Log: f.log, Pending: o.Pending}
	if err := f.load(ctx); err != nil {
		return nil, err
	}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	f.room = waiting.Goroutines()
	if o.Room != nil {
		room, err := o.Room(f.ctx)
		if err != nil {
			f.cancel()
			return nil, err
		}
		f.room = room
	}
	f.running.Go(f.compareLoop)
	f.running.Go(f.startLoop)
	f.running.Go(f.storeLoop)
	f.running.Go(f.secretLoop)
	f.running.Go(f.credentialLoop)
	return f, nil
}

func (f *Fleet) load(ctx context.Context) (err error) {
	if f.records, err = f.store.Load(ctx); err != nil {
		return fmt.Errorf("load the agents' records: %w", err)
	}
	if f.gates, err = f.store.All(ctx, store.Gates); err != nil {
		return fmt.Errorf("load the platforms' budgets: %w", err)
	}
	if f.places, err = f.store.All(ctx, store.Platforms); err != nil {
		return fmt.Errorf("load the platforms' settings: %w", err)
	}
	f.left = decodePlaces(f.places, f.vendors, f.log)
	raw, err := f.store.All(ctx, store.Wishes)
	if err != nil {
		return fmt.Errorf("load the overrides: %w", err)
	}
	f.wishes = decodeOverrides(raw, time.Now(), f.log)
	f.damage = f.store.Damage()
	f.holdUnknown(ctx)
	return nil
}

// Apply makes cfg the fleet's configuration and returns what that changes. It
// does not wait for the changes. by is for the audit log.
func (f *Fleet) Apply(cfg *config.Config, by string) Plan {
	f.applying.Lock()
	defer f.applying.Unlock()
	windows := map[string]time.Duration{}
	for _, p := range cfg.Platforms {
		windows[p.Name] = p.Window
	}
	f.observer.SetPlatforms(windows)
	f.storePlaces(cfg)
	plan := f.diff(cfg)
	f.launch(f.carryOut(cfg, plan, by))
	f.forgetStrangers()
	f.wake()
	return plan
}

// carryOut applies a plan and returns the agents that are to be launched. It gives
// mu up now and then; when the fleet's end begins meanwhile, the rest of the plan
// is left.
func (f *Fleet) carryOut(cfg *config.Config, plan Plan, by string) (fresh []newcomer) {
	unanswered := f.unanswered()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending {
		return nil
	}
	f.setPlatforms(cfg, unanswered)
	f.tellMassChanges(cfg)
	b := f.hold()
	for _, i := range plan.order {
		if f.ending {
			return fresh
		}
		c := &cfg.Agents[i]
		if a := f.agents[c.ID]; a != nil {
			f.change(a, c, plan.kinds[c.ID], by)
		} else {
			fresh = append(fresh, f.start(c, by))
		}
		b.take()
	}
	for _, id := range plan.Stop {
		if a := f.agents[id]; a != nil && !f.ending {
			f.remove(a, by)
		}
		b.take()
	}
	for name, p := range f.platforms {
		if _, ok := cfg.Platform(name); !ok {
			p.leaving = true
			f.dropIdlePlatform(name)
		}
	}
	return append(fresh, f.signOutLeft(by)...)
}

// wake makes the comparing loop look at once.
func (f *Fleet) wake() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

// Stop signs every agent out and waits until all are; what is left shortly
// before ctx's deadline is handed over. It returns the agents that were still
// signed in, before the deadline.
func (f *Fleet) Stop(ctx context.Context, by string) (left []Agent) {
	f.end(keeper.Order{Wish: session.Leave, End: true, By: by, Why: "the service stops"})
	if !f.waitMost(ctx) {
		left = f.signedIn()
	}
	f.quit(ctx, by)
	return left
}

// HandOver ends every keeper and leaves the agents signed in. Polls in
// progress end by themselves, because cutting one may lose its event; ctx
// bounds the wait for them. Meanwhile, and afterwards, the agents are shown
// with the wishes that they had before: the next process goes on with those.
func (f *Fleet) HandOver(ctx context.Context, by string) {
	f.end(keeper.Order{Wish: session.Quit, By: by, Why: "hand-over"})
	f.waitMost(ctx)
	f.quit(ctx, by)
}

// lastWait is how long the end waits at most for what should end at once.
const lastWait = time.Second

// waitMost is wait, but ends so long before ctx's deadline that there is time
// for quit.
func (f *Fleet) waitMost(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-min(lastWait, time.Until(deadline)/8)))
		defer cancel()
	}
	return f.wait(ctx)
}

// quit ends what still runs and joins it. An operation whose answer is still
// out cannot be cut: it is left to end with the process; its intent is on
// record.
func (f *Fleet) quit(ctx context.Context, by string) {
	f.walk(func(a *agent) { a.order(keeper.Order{Wish: session.Quit, By: by, Why: "hand-over"}) })
	f.cancel()
	ctx, cancel := context.WithTimeout(ctx, lastWait)
	defer cancel()
	f.wait(ctx)
	f.room.Close()
	f.running.Wait()
}

// end gives every agent its last order. From its first moment nobody else gives
// one.
func (f *Fleet) end(o keeper.Order) {
	f.mu.Lock()
	f.ending, f.handing = true, o.Wish == session.Quit
	f.final = o
	f.warnOfQuarantines(f.handing)
	f.mu.Unlock()
	f.walk(f.endOne)
	f.wakeStarter()
}

// endOne gives an agent its last order, once. The caller holds mu.
func (f *Fleet) endOne(a *agent) {
	if a.ended {
		return
	}
	wished := a.keeper.Order()
	if !a.removed {
		wished = f.orderFor(a, false)
	}
	a.wished, a.next = &wished, nil
	a.ended = true
	a.order(f.final)
	f.noteWish(a, f.moment())
}

// wait reports whether every keeper ended before ctx did.
func (f *Fleet) wait(ctx context.Context) bool {
	done := make(chan struct{})
	go func() { // ends with the last keeper
		f.agentsDone.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *Fleet) signedIn() (left []Agent) {
	for _, a := range f.Agents() {
		if !a.View.Started.IsZero() {
			left = append(left, a)
		}
	}
	return left
}

// Moving reports whether the loop that turns wishes into orders moved lately;
// it is what liveness means.
func (f *Fleet) Moving() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.beat) < 3*compareEvery
}

// Pulse makes that loop move and returns when it did so last; it is what feeds
// the watchdog.
func (f *Fleet) Pulse() time.Time {
	f.wake()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beat
}
