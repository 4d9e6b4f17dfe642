package gate

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// When is a platform out? Each step is what an agent met, at a second.
func TestBreakerRules(t *testing.T) {
	type step struct {
		at    float64
		login string
		from  float64 // the attempt's begin; 0: at
		bad   bool
	}
	miss := func(at float64, login string) step { return step{at: at, login: login, bad: true} }
	good := func(at float64) step { return step{at: at} }
	tests := map[string]struct {
		steps []step
		want  bool
	}{
		"nothing yet":                      {nil, false},
		"three in a row":                   {[]step{miss(1, "a"), miss(1, "b"), miss(1, "c")}, true},
		"two in a row":                     {[]step{miss(1, "a"), miss(1, "b")}, false},
		"one, three times":                 {[]step{miss(1, "a"), miss(1.1, "a"), miss(1.2, "a")}, false},
		"one for two seconds":              {[]step{miss(1, "a"), miss(3, "a")}, true},
		"one attempt of two seconds":       {[]step{{at: 3, login: "a", from: 1, bad: true}}, true},
		"the same, with a success inside":  {[]step{good(2), {at: 3, login: "a", from: 1, bad: true}}, false},
		"a success in between, three":      {[]step{miss(1, "a"), miss(1, "b"), good(1), miss(1, "c")}, false},
		"a success in between, two second": {[]step{miss(1, "a"), good(2), miss(3, "a")}, false},
		"back":                             {[]step{miss(1, "a"), miss(1, "b"), miss(1, "c"), good(1)}, false},
		"out, back and out again":          {[]step{miss(1, "a"), miss(3, "a"), good(4), miss(5, "a"), miss(7, "a")}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
			var b breaker
			began, ended := 0, 0
			for _, s := range tt.steps {
				if !s.bad {
					ended += count(b.reach(at(s.at)))
					continue
				}
				if s.from == 0 {
					s.from = s.at
				}
				began += count(b.miss(session.ID{Login: s.login}, false, at(s.from), at(s.at)))
			}
			if b.out != tt.want || began-ended != count(tt.want) {
				t.Errorf("out: %v, want %v; began %d times, ended %d times", b.out, tt.want, began, ended)
			}
		})
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Which answers open the breaker, which close it, and which prove nothing.
func TestAnswersAndTheBreaker(t *testing.T) {
	signIn := map[error]string{
		nil: "closes", errRefused: "closes", errSetting: "closes", errTaken: "closes", errBusy: "closes",
		errLost: "proves nothing", errStore: "proves nothing",
		errGone: "opens", errDoubt: "opens", err503: "opens", errBan: "opens", io.EOF: "opens",
	}
	other := map[error]string{
		nil: "closes", errRefused: "closes",
		errTaken: "proves nothing", errBusy: "proves nothing", errLost: "proves nothing", errStore: "proves nothing",
		errGone: "opens", errDoubt: "opens", err503: "opens", errBan: "opens", io.EOF: "opens",
	}
	attempts := map[string]struct {
		try  func(f *fake, p session.Platform, login string, err error)
		want map[error]string
	}{
		"SignIn": {func(f *fake, p session.Platform, login string, err error) {
			f.answer = always(err)
			_, _ = p.SignIn(context.Background(), named(login), false)
		}, signIn},
		"Probe": {func(f *fake, p session.Platform, login string, err error) {
			f.probe = err
			_ = p.Probe(context.Background(), named(login))
		}, other},
		"Next": {func(f *fake, p session.Platform, login string, err error) {
			f.poll = always(err)
			s, _ := p.Adopt(named(login), session.NewKey([]byte("k")))
			_, _ = sessiontest.Next(context.Background(), s)
		}, other},
	}
	for name, a := range attempts {
		for err, want := range a.want {
			t.Run(name, func(t *testing.T) {
				if got := effect(t, a.try, err); got != want {
					t.Errorf("%v: %s the breaker, want: %s", err, got, want)
				}
			})
		}
	}
}

func effect(t *testing.T, try func(*fake, session.Platform, string, error), err error) string {
	var opened, closed bool
	for _, out := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := wide()
			s.Backoff = Backoff{Initial: time.Millisecond, Max: time.Millisecond}
			g := New(Options{Settings: s})
			f := newFake()
			p := blocking(g, f)
			for _, login := range []string{"a", "b", "c"} {
				if out {
					try(f, p, login, errGone)
				} else {
					try(f, p, login, err)
				}
			}
			if !out {
				opened = g.Snapshot().Out
				return
			}
			try(f, p, "d", err)
			closed = !g.Snapshot().Out
		})
	}
	switch {
	case opened:
		return "opens"
	case closed:
		return "closes"
	}
	return "proves nothing"
}

// An outage of ten minutes under 10,000 agents: a handful of canaries, then
// all of them by rate.
func TestFleetComesBackInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const agents = 10_000
		f := newFake()
		f.takes = 10 * time.Millisecond
		var up atomic.Bool
		f.answer = func(string) error {
			if up.Load() {
				return nil
			}
			return errGone
		}
		s := Settings{Rate: 200, Concurrent: 10, Lockout: Lockout{Failures: 10}}
		var changes []ChangeKind
		g := New(Options{Settings: s, Rand: seeded(3), Notify: func(c Change) { changes = append(changes, c.Kind) }})
		wg := fleet(t.Context(), blocking(g, f), 0, agents, time.Second)
		time.Sleep(10 * time.Minute)
		during := f.seen()
		if n := len(during); n < 10 || n > 40 {
			t.Errorf("%d sign-ins in ten minutes of outage", n)
		}
		if st := g.Snapshot(); !st.Out || st.OutSince.Sub(f.begin) > time.Second || st.NextCanary.IsZero() || st.Held == "" {
			t.Errorf("in the outage: %+v", st)
		}
		f.peak()
		up.Store(true)
		wg.Wait()

		after := f.seen()[len(during):]
		if got := shortest(intervals(after)); got < 5*time.Millisecond {
			t.Errorf("two sign-ins are only %v apart after the outage", got)
		}
		if first := after[1].at - after[0].at; first < f.takes {
			t.Errorf("the second sign-in left %v after the canary, before its answer", first)
		}
		if got := time.Since(f.begin) - 10*time.Minute; got > time.Minute+agents*5*time.Millisecond+time.Second {
			t.Errorf("the fleet was back after %v", got)
		}
		if most := f.peak(); len(after) != agents || most > 10 {
			t.Errorf("%d sign-ins for %d agents, %d at once", len(after), agents, most)
		}
		if diff := cmp.Diff([]ChangeKind{Out, Back}, changes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGoodPollOpensTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := wide()
		s.Backoff = Backoff{Initial: time.Hour, Max: time.Hour}
		g := New(Options{Settings: s})
		p := blocking(g, f)
		live := signIn(t, p, "live", session.OK)
		f.answer = always(errGone)
		for n := range 3 {
			signIn(t, p, agent(n).ID.Login, session.Outage)
		}
		f.answer = nil
		wg := fleet(t.Context(), p, 0, 50, time.Second)
		time.Sleep(time.Minute)
		if got := g.Snapshot().Queue; got != 50 {
			t.Fatalf("%d wait for the canary, want all 50", got)
		}
		if _, err := sessiontest.Next(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		wg.Wait()
		if got := time.Since(before); got > time.Second {
			t.Errorf("the queue went on %v after the good poll", got)
		}
	})
}

// Whoever is cut short by its own side says nothing about the platform.
func TestCutsProveNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake()
	g := New(Options{Settings: wide()})
	p := blocking(g, f)
	f.answer = func(string) error { cancel(); return ctx.Err() }
	_, _ = p.SignIn(ctx, named("a"), false)
	for _, login := range []string{"b", "c", "d"} {
		s, err := p.Adopt(named(login), session.NewKey([]byte("k")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sessiontest.Next(ctx, s); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if !g.breaker.since.IsZero() || g.breaker.out {
		t.Errorf("cuts count as failures: %+v", g.breaker)
	}
}

// A failure that stood for two seconds lets sign-ins go one by one before the
// platform is called out.
func TestSuspicionSendsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := New(Options{})
		p := blocking(g, f)
		f.answer = always(errGone)
		signIn(t, p, "a", session.Outage)
		time.Sleep(2 * time.Second)
		f.answer, f.takes = nil, time.Second
		wg := fleet(t.Context(), p, 0, 3, time.Second)
		time.Sleep(500 * time.Millisecond)
		if most := f.peak(); most != 1 || g.Snapshot().Out {
			t.Errorf("%d in flight, out: %v", most, g.Snapshot().Out)
		}
		wg.Wait()
		if most := f.peak(); most != 2 {
			t.Errorf("%d at most in flight after the answer, want 2", most)
		}
	})
}

func TestRetryAfterPutsTheCanaryOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = always(&session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, After: 40 * time.Second})
		g := New(Options{})
		p := blocking(g, f)
		for n := range 3 {
			signIn(t, p, agent(n).ID.Login, session.Outage)
		}
		if got := time.Until(g.Snapshot().NextCanary); got != 40*time.Second {
			t.Errorf("the next canary goes in %v, want 40s", got)
		}
	})
}

func TestPace(t *testing.T) {
	now := time.Now()
	p := pace{rules: Backoff{Initial: time.Second, Max: time.Minute}, rand: seeded(5)}
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		want *= time.Second
		p.fail(now, 0)
		if got := p.next.Sub(now); got < want/2 || got > want*8/10 {
			t.Errorf("pause %d is %v, want %v less 20 to 50 %%", n, got, want)
		}
	}
	p.ease(now)
	p.fail(now.Add(59*time.Second), 0)
	if got := p.next.Sub(now); got < time.Minute {
		t.Errorf("a success of 59 s reset the back-off: %v", got)
	}
	p.ease(now)
	p.ease(now.Add(time.Minute))
	p.fail(now.Add(time.Minute), 0)
	if got := p.next.Sub(now.Add(time.Minute)); got > time.Second {
		t.Errorf("a success of a minute did not reset the back-off: %v", got)
	}
	p.fail(now, time.Hour)
	if got := p.next.Sub(now); got != time.Minute {
		t.Errorf("a platform that asks for an hour gets %v, want Max", got)
	}
}

func TestVanished(t *testing.T) {
	op := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	tests := []struct {
		fault session.Fault
		want  bool
	}{
		{session.Fault{Text: "no code, no answer"}, true},
		{session.Fault{Code: "connect", Err: op}, true},
		{session.Fault{Code: "connect", Err: syscall.ECONNRESET}, true},
		{session.Fault{Code: "read", Err: io.ErrUnexpectedEOF}, true},
		{session.Fault{Code: "read", Err: os.ErrDeadlineExceeded}, true},
		{session.Fault{Code: "http 403", Cause: session.CauseBan}, true},
		{session.Fault{Code: "http 502"}, false},
		{session.Fault{Cause: session.CauseThrottled}, false},
		{session.Fault{Cause: session.CauseStore}, false},
		{session.Fault{Cause: session.CauseAnswered, Text: "nonsense"}, false},
	}
	for _, tt := range tests {
		if got := vanished(&tt.fault); got != tt.want {
			t.Errorf("vanished(%+v) = %v", tt.fault, got)
		}
	}
}

// "Cannot be reached" is said only where nothing answered.
func TestOutThoughSomethingAnswers(t *testing.T) {
	op := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, tt := range []struct {
		fault session.Fault
		want  string
	}{
		{session.Fault{Kind: session.Outage, Text: "no code, no answer"}, "cannot be reached"},
		{session.Fault{Kind: session.Outage, Code: "refused", Err: op}, "cannot be reached"},
		{session.Fault{Kind: session.Outage, Code: "timeout", Err: os.ErrDeadlineExceeded}, "cannot be reached"},
		{session.Fault{Kind: session.Outage, Code: "http 500"}, "is reached but does not work"},
		{session.Fault{Kind: session.Outage, Code: "http 503", Cause: session.CauseThrottled}, "is reached but does not work"},
		{session.Fault{Kind: session.Outage, Code: "100-003", Cause: session.CauseAnswered}, "is reached but does not work"},
	} {
		g := New(Options{})
		g.judge(attempt{}, session.Account{ID: session.ID{Platform: "hq", Login: "1"}}, &tt.fault, time.Now())
		g.breaker.out = true
		if got := g.Snapshot().Trouble(); got != tt.want {
			t.Errorf("%v: %q, want %q", &tt.fault, got, tt.want)
		}
	}
}

// A sign-in answered "not signed in" proves nothing: the canaries stay slow.
func TestSenselessCanaryWaitsForTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := New(Options{Rand: seeded(2)})
		p := blocking(g, f)
		f.answer = always(errGone)
		for n := range 3 {
			signIn(t, p, agent(n).ID.Login, session.Outage)
		}
		f.answer = always(errLost)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		fleet(ctx, p, 0, 50, time.Second).Wait()
		if got := len(f.seen()); got > 40 || !g.Snapshot().Out {
			t.Errorf("%d sign-ins in ten minutes, out: %v", got, g.Snapshot().Out)
		}
	})
}

func TestChangeKindsHaveNames(t *testing.T) {
	want := map[ChangeKind]string{Quarantined: "quarantined", Released: "released", Out: "out", Back: "back", Forgot: "forgot"}
	for k, name := range want {
		if k.String() != name {
			t.Errorf("%d prints as %q, want %q", k, k, name)
		}
	}
}

// What every poll of a healthy platform pays.
func BenchmarkNext(b *testing.B) {
	g := New(Options{})
	s, err := g.Platform(newFake()).Adopt(named("a"), session.NewKey([]byte("k")))
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = sessiontest.Next(ctx, s)
	}
}

// A platform that answers some polls of a live session and not others is never
// out, and would be told of by nobody.
func TestFailedPollsAreToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var told []Change
		g := New(Options{Notify: func(c Change) { told = append(told, c) }})
		polls := 0
		f.poll = func(string) error {
			if polls++; polls%2 == 0 {
				return nil
			}
			return &session.Fault{Kind: session.Outage, Code: "unreadable", Action: "look"}
		}
		s := signIn(t, blocking(g, f), "a", session.OK)
		for range 240 {
			_, _ = sessiontest.Next(t.Context(), s) // half of them fail
			time.Sleep(500 * time.Millisecond)
		}
		want := []Change{
			{Kind: Unwell, Text: "a request of hq/a, whose session is kept, failed: outage: unreadable; look"},
			{Kind: Unwell, Text: "a request of hq/a, whose session is kept, failed: outage: unreadable; look (60 requests failed since the last such message)"},
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
	})
}
