package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

func TestRateIsEvenWithoutBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Rate = 20
		f := newFake()
		p := blocking(New(Options{Settings: s}), f)
		time.Sleep(time.Minute) // idleness saves nothing up
		begin := time.Since(f.begin)
		fleet(t.Context(), p, 0, 100, time.Second).Wait()
		for n, c := range f.seen() {
			if want := begin + time.Duration(n)*50*time.Millisecond; c.at != want {
				t.Fatalf("sign-in %d left at %v, want %v", n, c.at, want)
			}
		}
	})
}

func TestRateMakesUpForALateWakeUpOnly(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	s := wide()
	s.Rate = 10
	g := New(Options{Settings: s})
	for _, step := range []struct{ admitted, next int }{
		{0, 100}, {105, 200}, {210, 300}, {311, 411}, {2000, 2100},
	} {
		g.admit(at(step.admitted), false)
		if !g.next.Equal(at(step.next)) {
			t.Errorf("after a sign-in at %d ms the next may go at %v, want %d ms",
				step.admitted, g.next.Sub(begin), step.next)
		}
	}
}

func TestConcurrentOperationsAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Concurrent = 4
		f := newFake()
		f.takes = time.Second
		p := blocking(New(Options{Settings: s}), f)
		live := signIn(t, p, "live", session.OK)
		wg := fleet(t.Context(), p, 0, 20, time.Second)
		synctest.Wait()
		wg.Go(func() { _ = live.SignOut(t.Context()) })
		wg.Wait()
		if got := f.peak(); got != 4 {
			t.Errorf("%d operations in flight, want 4", got)
		}
		if got, want := time.Since(f.begin), 7*time.Second; got < want {
			t.Errorf("22 operations of 1 s, four at a time, done after %v", got)
		}
	})
}

func TestSignOutsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Concurrent = 1
		f := newFake()
		g := New(Options{Settings: s})
		p := blocking(g, f)
		live := signIn(t, p, "live", session.OK)
		f.takes = time.Second
		wg := fleet(t.Context(), p, 0, 5, time.Second)
		synctest.Wait()
		time.Sleep(time.Millisecond)
		wg.Go(func() { _ = live.SignOut(t.Context()) })
		wg.Wait()
		if got := f.signOuts[0].at.Round(time.Millisecond); got != time.Second {
			t.Errorf("the sign-out left at %v, want right after the sign-in in flight, at 1s", got)
		}
	})
}

func TestSignOutsAreHeldByNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := New(Options{})
		p := blocking(g, f)
		live := signIn(t, p, "live", session.OK)
		f.answer = always(errRefused)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.Refused)
		}
		g.SetStore(errDisk)
		if !g.Snapshot().Quarantined {
			t.Fatal("not quarantined after three refusals")
		}
		before := time.Now()
		if err := live.SignOut(t.Context()); err != nil || time.Since(before) != 0 {
			t.Errorf("the sign-out took %v: %v", time.Since(before), err)
		}
	})
}

func TestQueueIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := blocking(New(Options{}), f)
		var wg sync.WaitGroup
		var want []string
		for n := range 30 {
			want = append(want, agent(n).ID.Login)
			wg.Go(func() { _, _ = p.SignIn(t.Context(), agent(n), false) })
			synctest.Wait() // queued before the next comes
		}
		wg.Wait()
		var got []string
		for _, c := range f.seen() {
			got = append(got, c.login)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("not first come, first served:\n" + diff)
		}
	})
}

func TestCutInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Rate = 1
		f := newFake()
		g := New(Options{Settings: s})
		p := blocking(g, f)
		signIn(t, p, "first", session.OK)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n := range 10 { // the even ones, the head among them, are cut
			own := t.Context()
			if n%2 == 0 {
				own = ctx
			}
			wg.Go(func() {
				if _, err := p.SignIn(own, agent(n), false); own == ctx && !errors.Is(err, context.Canceled) {
					t.Errorf("a cut sign-in returned %v", err)
				}
			})
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		if got := g.Snapshot().Queue; got != 5 {
			t.Errorf("%d in the queue after the cut, want 5", got)
		}
		wg.Wait()
		if got := len(f.seen()); got != 6 {
			t.Errorf("%d sign-ins were sent, want 6", got)
		}
		if got := time.Since(f.begin); got != 5*time.Second {
			t.Errorf("the rest took %v, want 5s", got)
		}
	})
}

func TestEndedContextSendsNothing(t *testing.T) {
	f := newFake()
	g := New(Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	p := blocking(g, f)
	if _, err := p.SignIn(ctx, named("a"), false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	s, err := p.Adopt(named("a"), session.NewKey([]byte("k")))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SignOut(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	if len(f.signIns)+len(f.signOuts) != 0 || g.Snapshot().Queue != 0 {
		t.Error("something was sent or left in the queue")
	}
}

func TestUpdateActsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Concurrent = 1
		f := newFake()
		f.takes = time.Minute
		g := New(Options{Settings: s})
		p := blocking(g, f)
		wg := fleet(t.Context(), p, 0, 5, time.Second)
		synctest.Wait()
		g.Update(wide())
		time.Sleep(time.Millisecond)
		if got := g.Snapshot(); got.InFlight != 5 || got.Queue != 0 {
			t.Errorf("after the cap was raised: %+v", got)
		}
		wg.Wait()
	})
}

// A higher rate ends the pause that the old one began.
func TestHigherRateActsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Rate = 0.01
		f := newFake()
		g := New(Options{Settings: s})
		p := blocking(g, f)
		wg := fleet(t.Context(), p, 0, 3, time.Second)
		time.Sleep(10 * time.Second)
		s.Rate = 1
		g.Update(s)
		wg.Wait()
		if got, want := intervals(f.seen()), []time.Duration{11 * time.Second, time.Second}; !slices.Equal(got, want) {
			t.Errorf("intervals %v, want %v", got, want)
		}
	})
}

// A sign-in that panics frees its place and counts as unanswered.
func TestPanicFreesThePlace(t *testing.T) {
	f := newFake()
	f.answer = func(string) error { panic("adapter") }
	g := New(Options{})
	func() {
		defer func() { _ = recover() }()
		_, _ = blocking(g, f).SignIn(t.Context(), named("a"), false)
	}()
	if got := g.Snapshot().InFlight; got != 0 {
		t.Errorf("%d in flight after a panic", got)
	}
	if len(g.service.guard.unanswered) != 1 {
		t.Error("the panicked sign-in does not count as unanswered")
	}
}

func TestAdoptPassesThrough(t *testing.T) {
	f := newFake()
	f.poll = func(login string) error {
		if login == "a" {
			return errLost
		}
		return nil
	}
	p := blocking(New(Options{}), f)
	if _, err := p.Adopt(named("a"), session.Key{}); session.KindOf(err) != session.Lost {
		t.Errorf("a key that cannot be adopted: %v", err)
	}
	s, err := p.Adopt(named("a"), session.NewKey([]byte("k")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessiontest.Next(t.Context(), s); !errors.Is(err, errLost) {
		t.Errorf("Next returned %v, want the session's own error", err)
	}
}

// intervals returns the distances between the calls.
func intervals(calls []call) []time.Duration {
	var out []time.Duration
	for n := 1; n < len(calls); n++ {
		out = append(out, calls[n].at-calls[n-1].at)
	}
	return out
}

func shortest(ds []time.Duration) time.Duration { return slices.Min(ds) }

// Whoever waits for a turn holds no goroutine, and sends nothing before it has come.
// The head of the queue is told by the gate's clock, or as soon as whoever stood
// before it gives its place up, its turn included.
func TestWaitingForATurnHoldsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Rate = 1
		f, g := newFake(), New(Options{Settings: s})
		before := sessiontest.InBubbles()
		if before == 0 {
			t.Fatal("the goroutines of this bubble are not counted")
		}
		q := lineUp(t, g, f, 100)
		if n := sessiontest.InBubbles(); n != before {
			t.Errorf("%d goroutines more while 99 sign-ins wait", n-before)
		}
		if n := g.Snapshot().Queue; n != 99 {
			t.Errorf("%d in the queue", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for n := 1; n < 4; n++ { // each one's turn has come when it is cut
			if told := q.told(); !slices.Equal(told, []int{n}) {
				t.Fatalf("told are %v, want the head, %d", told, n)
			}
			if _, w, err := q.waiting[n].SignIn(ended, agent(n), false); !errors.Is(err, context.Canceled) || !w.None() {
				t.Fatalf("a cut sign-in returned %v, %v", w, err)
			}
		}
		if told := q.told(); !slices.Equal(told, []int{4}) {
			t.Fatalf("told are %v, want 4", told)
		}
		if _, w, err := q.waiting[5].SignIn(t.Context(), agent(5), false); err != nil || w.None() {
			t.Errorf("out of turn: %v, %v", w, err)
		}
		if _, w, err := q.waiting[4].SignIn(t.Context(), agent(4), false); err != nil || !w.None() {
			t.Errorf("in its turn: %v, %v", w, err)
		}
		if n := len(f.seen()); n != 2 {
			t.Errorf("%d sign-ins were sent, want 2", n)
		}
	})
}

// line is a queue of sign-ins whose agents are stepped by hand.
type line struct {
	waiting []session.Guarded
	signals []*session.Signal
}

// lineUp has n agents ask for a turn, of which the first one gets it.
func lineUp(t *testing.T, g *Gate, f *fake, n int) *line {
	t.Helper()
	q := &line{}
	for n := range n {
		p := g.Platform(f)
		_, w, err := p.SignIn(t.Context(), agent(n), false)
		if err != nil || w.None() != (n == 0) || (n > 0 && (w.Signal == nil || !w.Until.IsZero())) {
			t.Fatalf("sign-in %d: %+v, %v", n, w, err)
		}
		q.waiting, q.signals = append(q.waiting, p), append(q.signals, w.Signal)
	}
	return q
}

// told returns whom the gate told to look since the last call.
func (q *line) told() (list []int) {
	for n, signal := range q.signals {
		if signal != nil && signal.Clear() {
			list = append(list, n)
		}
	}
	return list
}

// Sign-outs wait in the same way. A session that is closed gives its place up.
func TestWaitingSignOuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wide()
		s.Concurrent = 1
		f, g := newFake(), New(Options{Settings: s})
		var live []session.GuardedSession
		for n := range 4 {
			one, err := g.Platform(f).Adopt(agent(n), session.NewKey([]byte("k")))
			if err != nil {
				t.Fatal(err)
			}
			live = append(live, one)
		}
		f.takes = time.Second
		var done sync.WaitGroup
		done.Go(func() { _, _ = live[0].SignOut(t.Context()) })
		synctest.Wait()
		var signals []*session.Signal
		for _, one := range live[1:] {
			w, err := one.SignOut(t.Context())
			if err != nil || w.Signal == nil {
				t.Fatalf("%+v, %v", w, err)
			}
			signals = append(signals, w.Signal)
		}
		done.Wait()
		for n, signal := range signals[:2] {
			if !signal.Clear() || signals[2].Clear() {
				t.Fatalf("sign-out %d was not told, or one out of turn was", n+1)
			}
			_ = live[1+n].Close()
		}
		if w, err := live[3].SignOut(t.Context()); err != nil || !w.None() {
			t.Errorf("%+v, %v", w, err)
		}
		if n := len(f.signOuts); n != 2 || g.Snapshot().InFlight != 0 {
			t.Errorf("%d sign-outs, %d in flight", n, g.Snapshot().InFlight)
		}
	})
}
