package keeper_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// world is the site, the disk, and one process after the other.
type world struct {
	*testing.T
	site *site
	disk *disk
	sink *sink

	mu     sync.Mutex
	keeper *keeper.Keeper
	order  keeper.Order
	seed   uint64
}

func (w *world) set(o keeper.Order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order = o
	w.tell(o)
}

// tell hands an order to the process, if one is not about to end.
func (w *world) tell(o keeper.Order) {
	if w.keeper != nil {
		w.keeper.Set(o)
	}
}

func (w *world) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.order
	o.Resume = true
	w.tell(o)
}

func (w *world) update() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keeper != nil {
		w.keeper.Update(&setup{account: account("new"), policy: policy()}, w.seed%2 == 0)
	}
}

// live runs one process for d, and ends it in one of three ways.
func (w *world) live(rng *rand.Rand, d time.Duration) {
	p := &process{w.site, w.disk, make(chan struct{})}
	w.mu.Lock()
	w.seed++
	queue := time.Duration(rng.Int64N(int64(3 * time.Second)))
	w.keeper = keeper.New(keeper.Config{Setup: &setup{account: account("old"), policy: policy()}, Record: w.disk.durable(),
		Platform: &keeper.Platform{Adapter: p, Gate: gateFor(queue, queue)}, Site: &keeper.Site{Store: p, Sink: w.sink, Observer: &counts{}}, Seed: w.seed})
	w.keeper.Set(w.order)
	k := w.keeper
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	time.Sleep(d)
	w.mu.Lock()
	w.keeper = nil
	w.mu.Unlock()
	switch rng.IntN(4) {
	case 0:
		k.Set(quit)
	case 1:
		cancel()
	default:
		close(p.dead)
		cancel()
	}
	<-done
}

// trouble orders this and that until the day is over.
func (w *world) trouble(ctx context.Context, rng *rand.Rand) {
	for queue(ctx, time.Duration(rng.ExpFloat64()*float64(3*time.Minute))) == nil {
		switch rng.IntN(6) {
		case 0, 1:
			w.set(stay)
		case 2, 3:
			w.set(leave)
		case 4:
			w.resume()
		case 5:
			w.update()
		}
	}
}

// days lets several people and crashes loose on one agent.
func (w *world) days(rng *rand.Rand, d time.Duration) {
	ctx, cancel := context.WithTimeout(w.Context(), d)
	defer cancel()
	var people sync.WaitGroup
	for range 3 {
		own := rand.New(rand.NewPCG(rng.Uint64(), 1))
		people.Go(func() { w.trouble(ctx, own) })
	}
	for ctx.Err() == nil {
		w.live(rng, time.Duration(rng.ExpFloat64()*float64(20*time.Minute)))
	}
	people.Wait()
}

// calm checks that the wish comes true once everybody is kind.
func (w *world) calm(rng *rand.Rand) {
	w.site.mu.Lock()
	w.site.mood = 0
	w.site.mu.Unlock()
	for _, o := range []keeper.Order{leave, stay, leave, stay} {
		w.mu.Lock()
		w.order = o
		w.order.Resume = true
		w.mu.Unlock()
		w.live(rng, 30*time.Minute)
		w.site.mu.Lock()
		w.site.settle()
		if w.site.alive != (o.Wish == session.Stay) {
			w.Errorf("signed in: %v, though %q is wished", w.site.alive, o.Wish)
		}
		w.site.mu.Unlock()
	}
}

func randomDays(t *testing.T, seed uint64, mood float64) (signIns, adoptions int) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 0))
		d := &disk{}
		w := &world{T: t, disk: d, sink: &sink{}, order: stay, seed: seed,
			site: &site{rng: rand.New(rand.NewPCG(seed, 2)), mood: mood, stored: d.durable}}
		w.days(rng, 4*24*time.Hour)
		w.calm(rng)
		for i, fault := range w.site.faults {
			if i < 5 {
				t.Errorf("seed %d, mood %v: %s", seed, mood, fault)
			}
		}
		rising(t, w.sink.all())
		signIns, adoptions = w.site.signIns, w.site.adoptions
	})
	return signIns, adoptions
}

// Orders, updates, faults, crashes and restarts at random, for days: never two
// operations at once, by the platform's own count; sessions on record are
// gone on with, not made again; and in the end everybody gets their wish.
// KEEPER_SEED repeats a run.
func TestRandomDays(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("KEEPER_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	for n, mood := range []float64{0, 0.05, 0.3, 0.6, 0.9} {
		signIns, adoptions := randomDays(t, seed+uint64(n), mood)
		t.Logf("seed %d, mood %v: %d sign-ins, %d adoptions", seed+uint64(n), mood, signIns, adoptions)
		if signIns == 0 || adoptions == 0 {
			t.Errorf("seed %d, mood %v: %d sign-ins, %d adoptions", seed+uint64(n), mood, signIns, adoptions)
		}
	}
}
