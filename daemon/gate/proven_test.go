package gate

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
)

// come signs accounts in at once and returns how long that takes.
func come(t *testing.T, p session.Platform, n int, account func(int) session.Account) time.Duration {
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, _ = p.SignIn(t.Context(), account(i), false) })
	}
	wg.Wait()
	return time.Since(begin)
}

// A fleet whose secrets have signed in before comes back as fast as rate and
// concurrent allow; one that never did has no more in flight than may be refused.
func TestProvenFleetComesBackAtFullSpeed(t *testing.T) {
	for name, test := range map[string]struct {
		account func(int) session.Account
		atMost  time.Duration
		peak    int
	}{
		"a return":      {proven, 7500 * time.Millisecond, 10},
		"a first start": {agent, 21 * time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.takes = 600 * time.Millisecond
				p := blocking(New(Options{Settings: Settings{Rate: 20, Concurrent: 10}}), f)
				if took := come(t, p, 100, test.account); took > test.atMost || f.peak() != test.peak {
					t.Errorf("it takes %v, %d in flight at most; want %v and %d", took, f.most, test.atMost, test.peak)
				}
			})
		})
	}
}

// Where the platform has changed every password, though each has signed in
// before, it is asked no more often than the budget allows: trust is earned by
// those that succeed, and gone when one is refused.
func TestProvenSecretsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes, f.answer = 600*time.Millisecond, always(errRefused)
		g := New(Options{Settings: Settings{Rate: 20, Concurrent: 10}})
		for n := range 100 {
			go func() { _, _ = blocking(g, f).SignIn(t.Context(), proven(n), false) }()
		}
		time.Sleep(time.Minute)
		if n := len(f.seen()); n != 3 || !g.Snapshot().Quarantined {
			t.Errorf("%d log-ins went: %+v", n, g.Snapshot())
		}
	})
}

// One account whose password was changed does not slow the others down, and an
// agent whose secret never signed in holds up none whose secret did.
func TestProvenPassTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes, f.answer = 600*time.Millisecond, refusing("00050")
		g := New(Options{Settings: Settings{Rate: 20, Concurrent: 10}})
		p := blocking(g, f)
		if took := come(t, p, 100, proven); took > 10*time.Second {
			t.Errorf("with one refused it takes %v", took)
		}
		f.takes = time.Minute
		for _, login := range []string{"x", "y", "z"} {
			go func() { _, _ = p.SignIn(t.Context(), named(login), false) }()
		}
		time.Sleep(time.Second)
		before := len(f.seen())
		for n := range 3 {
			go func() { _, _ = p.SignIn(t.Context(), proven(n), false) }()
			time.Sleep(time.Second)
		}
		if n := len(f.seen()) - before; n != 3 {
			t.Errorf("%d of 3 proven ones passed; %+v", n, g.Snapshot())
		}
		time.Sleep(5 * time.Minute) // for all to come to an end
	})
}

// Trust that is older than the budget's time is gone.
func TestTrustAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := New(Options{Settings: Settings{Rate: 1000, Concurrent: 100}})
		p := blocking(g, f)
		come(t, p, 50, proven)
		time.Sleep(11 * time.Minute)
		f.takes, f.most = time.Second, 0
		for n := range 50 {
			go func() { _, _ = p.SignIn(t.Context(), proven(n), false) }()
		}
		time.Sleep(500 * time.Millisecond)
		if n := f.peak(); n != 3 {
			t.Errorf("%d at once, long after the last success", n)
		}
		time.Sleep(time.Minute)
	})
}
