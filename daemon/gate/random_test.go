package gate

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

var seed = flag.Uint64("seed", 0, "of the random test; 0 takes a random one")

// Whatever happens in whatever order, nobody waits for ever: once the platform
// and the store work, everybody gets in. The limits hold all the time.
func TestNobodyIsForgotten(t *testing.T) {
	begin := *seed
	if begin == 0 {
		begin = rand.Uint64()
	}
	for n := range uint64(40) {
		t.Logf("seed %d", begin+n)
		synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(begin+n, 1))) })
		if t.Failed() {
			t.Fatalf("repeat with -seed %d", begin+n)
		}
	}
}

// weather is a platform and a store that misbehave until they are told to stop.
type weather struct {
	mu   sync.Mutex
	rand *rand.Rand
	calm bool
}

func (w *weather) pick(bad ...error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return nil
	}
	return bad[w.rand.IntN(len(bad))]
}

func (w *weather) upTo(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.rand.Int64N(int64(d)))
}

func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
}

func chaos(t *testing.T, r *rand.Rand) {
	s := Settings{Rate: 1 + r.Float64()*50, Concurrent: 1 + r.IntN(5), Lockout: Lockout{Failures: 1 + r.IntN(5)}}
	w := &weather{rand: r}
	f := newFake()
	f.takes = w.upTo(3 * time.Second)
	f.answer = func(string) error {
		time.Sleep(w.upTo(time.Second))
		return w.pick(nil, nil, nil, errGone, errDoubt, errTaken, errStore, errRefused, errBan)
	}
	f.poll = func(string) error { return w.pick(nil, nil, nil, errGone, errLost, errRefused) }
	g := New(Options{
		Settings: s, Rand: rand.New(rand.NewPCG(r.Uint64(), 2)), Unanswered: r.IntN(4), Notify: func(Change) {},
		Service: NewService(ServiceOptions{Save: func(context.Context, []byte) error {
			time.Sleep(w.upTo(time.Second))
			return w.pick(nil, errDisk)
		}}),
	})
	p := blocking(g, f)
	storm, calm := context.WithTimeout(t.Context(), time.Hour)
	defer calm()
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() { restless(t.Context(), storm, p, agent(n), w) })
	}
	wg.Go(func() { meddle(storm, g, s, w) })
	wg.Go(func() { watch(storm, t, g, f, s) })
	<-storm.Done()
	w.clear()
	g.SetStore(nil)
	g.Update(s)
	time.Sleep(2 * time.Hour)
	if st := g.Snapshot(); st.Queue != 0 || st.InFlight != 0 {
		t.Errorf("two hours after the storm: %+v", st)
	}
	wg.Wait()
	if st := g.Snapshot(); st.Out || st.Quarantined || st.Held != "" {
		t.Errorf("at the end: %+v", st)
	}
}

// restless signs in, polls, signs out and gives up waiting, as it pleases,
// until the storm is over; then it stays for one good sign-in.
func restless(ctx, storm context.Context, p session.Platform, a session.Account, w *weather) {
	for storm.Err() == nil {
		patience, cancel := context.WithTimeout(storm, w.upTo(10*time.Minute))
		s, err := p.SignIn(patience, a, false)
		cancel()
		for err == nil && storm.Err() == nil {
			time.Sleep(w.upTo(30 * time.Second))
			_, err = sessiontest.Next(ctx, s)
		}
		if s != nil {
			_ = s.SignOut(ctx)
		}
		_ = p.Probe(ctx, a)
		time.Sleep(w.upTo(10 * time.Second))
	}
	if _, err := p.SignIn(ctx, a, false); err != nil {
		panic("a sign-in in calm weather failed: " + err.Error())
	}
}

// meddle does what a daemon does to a gate.
func meddle(storm context.Context, g *Gate, s Settings, w *weather) {
	for storm.Err() == nil {
		time.Sleep(w.upTo(time.Minute))
		switch w.upTo(4) {
		case 0:
			g.MassChange()
		case 1:
			g.SetStore(w.pick(nil, errDisk))
		case 2:
			other := s
			other.Rate, other.Concurrent = s.Rate/2, s.Concurrent+1
			g.Update(other)
			time.Sleep(w.upTo(time.Minute))
			g.Update(s)
		case 3:
			g.Snapshot()
		}
	}
}

// watch checks the limits while the storm lasts.
func watch(storm context.Context, t *testing.T, g *Gate, f *fake, s Settings) {
	for storm.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		most := f.peak()
		g.service.mu.Lock()
		counted, signIns := len(g.service.guard.recent(g.service.guard.refused, time.Now())), g.signIns
		g.service.mu.Unlock()
		if most > s.Concurrent+1 || signIns > s.Lockout.Failures {
			t.Errorf("%d operations at once, %d log-ins in flight, %d refused: %+v", most, signIns, counted, s)
			return
		}
	}
}
