package gate

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// However many passwords are wrong, however fast the rate: the platform sees
// Failures of them, in one process or in four.
func TestWrongPasswordsStopAtTheLimit(t *testing.T) {
	for _, failures := range []int{1, 2, 3, 7} {
		for _, takes := range []time.Duration{0, time.Second, 20 * time.Second} {
			t.Run(fmt.Sprintf("%d failures, answers take %v", failures, takes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { wrongPasswords(t, failures, takes) })
			})
		}
	}
}

func wrongPasswords(t *testing.T, failures int, takes time.Duration) {
	f := newFake()
	f.answer, f.takes = always(errRefused), takes
	var disk memory
	for run := range 4 {
		s := wide()
		s.Lockout = Lockout{Failures: failures, Within: time.Hour, Quiet: 2 * time.Hour}
		g := New(Options{Settings: s, Service: NewService(ServiceOptions{Save: disk.save, Saved: disk.state, Lockout: s.Lockout})})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		fleet(ctx, blocking(g, f), 0, 50, time.Minute).Wait()
		cancel()
		if got := len(f.seen()); got != failures {
			t.Fatalf("process %d: the platform has seen %d wrong passwords, want %d", run, got, failures)
		}
		if st := g.Snapshot(); !st.Quarantined || st.RefusalsLeft != 0 || st.Held == "" {
			t.Errorf("process %d: %+v", run, st)
		}
	}
}

func TestRefusalsThatDoNotCount(t *testing.T) {
	for name, err := range map[string]error{"setting": errSetting, "taken": errTaken, "lost": errLost, "busy": errBusy} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.answer = always(err)
				g := New(Options{})
				for n := range 10 {
					_, _ = blocking(g, f).SignIn(t.Context(), agent(n), false)
				}
				if st := g.Snapshot(); st.Quarantined || st.RefusalsLeft != 3 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// A renewal inside Next is a log-in too.
func TestRefusedRenewalsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.poll = always(errRefused)
		g := New(Options{})
		p := blocking(g, f)
		for n := range 3 {
			s := signIn(t, p, agent(n).ID.Login, session.OK)
			_, _ = sessiontest.Next(t.Context(), s)
		}
		if !g.Snapshot().Quarantined {
			t.Error("three refused renewals, and no quarantine")
		}
	})
}

func TestRefusalsAgeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = always(errRefused)
		g := New(Options{})
		p := blocking(g, f)
		for n := range 12 { // never three within ten minutes
			signIn(t, p, agent(n).ID.Login, session.Refused)
			time.Sleep(5 * time.Minute)
		}
		if st := g.Snapshot(); st.Quarantined || st.RefusalsLeft != 2 {
			t.Errorf("%+v", st)
		}
	})
}

// With one refusal left a single log-in is in flight, and the rest go on when
// an old refusal no longer counts.
func TestBudgetLimitsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b")
		g := New(Options{Settings: Settings{Rate: 100}})
		p := blocking(g, f)
		signIn(t, p, "a", session.Refused)
		signIn(t, p, "b", session.Refused)
		f.takes = time.Minute
		f.peak()
		wg := fleet(t.Context(), p, 0, 20, time.Second)
		time.Sleep(5 * time.Minute)
		if got := f.peak(); got != 1 {
			t.Errorf("%d log-ins in flight with one refusal left", got)
		}
		if got := g.Snapshot().Held; got == "" {
			t.Error("nobody is told why the queue stands")
		}
		time.Sleep(6 * time.Minute)
		if got := f.peak(); got != 3 {
			t.Errorf("%d log-ins in flight when the budget is whole again, want 3", got)
		}
		wg.Wait()
	})
}

func TestCanaryEndsTheQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		var changes []ChangeKind
		g := New(Options{Notify: func(c Change) { changes = append(changes, c.Kind) }})
		p := blocking(g, f)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.Refused)
		}
		f.takes = time.Second
		quiet := g.Snapshot().QuarantinedUntil.Sub(f.begin)
		fleet(t.Context(), p, 0, 20, time.Second).Wait()
		seen := f.seen()[3:]
		if seen[0].at != quiet {
			t.Errorf("the canary left at %v, want the quarantine's end, %v", seen[0].at, quiet)
		}
		if seen[1].at != quiet+time.Second {
			t.Errorf("the second left at %v, want right after the canary's answer", seen[1].at)
		}
		if got := shortest(intervals(seen)); got < 50*time.Millisecond {
			t.Errorf("two sign-ins are only %v apart", got)
		}
		if st := g.Snapshot(); st.Quarantined || st.RefusalsLeft != 3 {
			t.Errorf("after the canary: %+v", st)
		}
		if diff := cmp.Diff([]ChangeKind{Quarantined, Released}, changes); diff != "" {
			t.Error(diff)
		}
	})
}

// Agents in doubt ask nothing of a quarantined platform. After the quiet time
// they go one at a time among the sign-ins, slower where nothing answers, and
// what they are answered does not end the quarantine.
func TestProbesWaitOutAQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		g := New(Options{Rand: seeded(1)})
		p := blocking(g, f)
		for n := range 4 {
			if err := p.Probe(t.Context(), agent(n)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(f.asked()); n != 4 {
			t.Fatalf("%d probes went without a quarantine", n)
		}
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.Refused)
		}
		quiet := g.Snapshot().QuarantinedUntil.Sub(f.begin)
		f.fail(errGone)
		f.takes = time.Second
		cut, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Probe(cut, agent(9)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a probe in the quarantine ended with %v", err)
		}
		for n := range 4 {
			go func() {
				for p.Probe(t.Context(), agent(n)) != nil {
					time.Sleep(time.Second)
				}
			}()
		}
		time.Sleep(16 * time.Minute)
		asked := f.asked()[4:]
		if len(asked) < 3 || len(asked) > 12 || asked[0].at != quiet || f.mostProbing != 1 {
			t.Errorf("%d probes within a minute of the quiet time's end at %v: %v", len(asked), quiet, asked[:min(len(asked), 12)])
		}
		f.fail(nil)
		time.Sleep(5 * time.Minute)
		if n := len(f.asked()) - len(asked) - 4; n != 4 {
			t.Errorf("%d probes were answered, want each agent's", n)
		}
		if st := g.Snapshot(); !st.Quarantined || st.Queue != 0 {
			t.Errorf("after the probes: %+v", st)
		}
		signIn(t, p, "d", session.OK)
		if st := g.Snapshot(); st.Quarantined {
			t.Errorf("after a sign-in: %+v", st)
		}
	})
}

// The canary makes the budget whole, though the old refusals are recent.
func TestCanaryRestoresTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		var disk memory
		s := Settings{Lockout: Lockout{Quiet: time.Minute}}
		g := New(Options{Settings: s, Service: NewService(ServiceOptions{Save: disk.save})})
		p := blocking(g, f)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.Refused)
		}
		signIn(t, p, "d", session.OK)
		if st := g.Snapshot(); st.RefusalsLeft != 3 {
			t.Errorf("after the canary: %+v", st)
		}
		if st := New(Options{Settings: s, Service: NewService(ServiceOptions{Saved: disk.state, Lockout: s.Lockout})}).Snapshot(); st.RefusalsLeft != 3 {
			t.Errorf("after the canary and a restart: %+v", st)
		}
	})
}

func TestRefusedCanaryBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = always(errRefused)
		p := blocking(New(Options{Settings: Settings{Rate: 1000}}), f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		fleet(ctx, p, 0, 20, time.Second).Wait()
		if got := len(f.seen()); got != 3+3 {
			t.Errorf("%d sign-ins in an hour, want 3 and one each at 15, 30 and 45 minutes", got)
		}
	})
}

func TestUnansweredCanaryWaitsForTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		g := New(Options{Rand: seeded(1)})
		p := blocking(g, f)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.Refused)
		}
		live, err := p.Adopt(named("live"), session.NewKey([]byte("k")))
		if err != nil {
			t.Fatal(err)
		}
		f.answer = always(err503)
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
		defer cancel()
		wg := fleet(ctx, p, 0, 20, 10*time.Millisecond)
		for ctx.Err() == nil { // good polls do not hurry a quarantine's canary
			_, _ = sessiontest.Next(ctx, live)
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		if got := len(f.seen()) - 3; got < 10 || got > 40 {
			t.Errorf("%d canaries in ten minutes of outage after the quarantine", got)
		}
		if !g.Snapshot().Quarantined {
			t.Error("an outage ended the quarantine")
		}
	})
}

// A ban hides behind refused or vanishing connections.
func TestBanLook(t *testing.T) {
	type step struct {
		after time.Duration
		login string
		err   error
	}
	tests := map[string]struct {
		steps []step
		want  bool
	}{
		"two agents vanish":             {[]step{{0, "a", errRefused}, {0, "b", errGone}, {0, "c", errGone}}, true},
		"the answer vanishes":           {[]step{{0, "a", errRefused}, {0, "b", errDoubt}, {0, "c", errDoubt}}, true},
		"one agent, for two seconds":    {[]step{{0, "a", errRefused}, {0, "b", errGone}, {2 * time.Second, "b", errGone}}, true},
		"one agent, once":               {[]step{{0, "a", errRefused}, {0, "b", errGone}}, false},
		"the adapter says so":           {[]step{{0, "a", errRefused}, {0, "b", errBan}}, true},
		"a minute later":                {[]step{{0, "a", errRefused}, {time.Minute, "b", errGone}, {0, "c", errGone}, {0, "d", errBan}}, false},
		"no refusal before":             {[]step{{0, "a", errGone}, {0, "b", errGone}, {0, "c", errBan}}, false},
		"an answer in between":          {[]step{{0, "a", errRefused}, {0, "b", errGone}, {0, "c", nil}, {0, "d", errGone}}, false},
		"the platform answers nonsense": {[]step{{0, "a", errRefused}, {0, "b", err503}, {0, "c", err503}, {0, "d", err503}}, false},
		"a setting was refused":         {[]step{{0, "a", errSetting}, {0, "b", errGone}, {0, "c", errGone}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				s := wide()
				s.Backoff = Backoff{Initial: time.Nanosecond, Max: time.Nanosecond}
				g := New(Options{Settings: s})
				p := blocking(g, f)
				for _, step := range tt.steps {
					time.Sleep(step.after)
					f.answer = nil
					if step.err != nil {
						f.answer = always(step.err)
					}
					_, _ = p.SignIn(t.Context(), named(step.login), false)
				}
				if got := g.Snapshot().Quarantined; got != tt.want {
					t.Errorf("quarantined: %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestBanThatLastsBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a")
		g := New(Options{})
		p := blocking(g, f)
		signIn(t, p, "a", session.Refused)
		f.answer = always(errBan)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		fleet(ctx, p, 0, 20, time.Second).Wait()
		if got := len(f.seen()); got != 1+1+3 {
			t.Errorf("%d sign-ins against a ban of an hour, want 5", got)
		}
	})
}

// A process that was killed with log-ins in flight does not know whether they
// were refused: its successor tries one, not Failures more.
func TestUnansweredOfAPredecessor(t *testing.T) {
	for _, tt := range []struct{ unanswered, want int }{{0, 3}, {1, 2}, {2, 1}, {3, 1}, {5, 1}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.answer, f.takes = always(errRefused), time.Second
			g := New(Options{Unanswered: tt.unanswered})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			fleet(ctx, blocking(g, f), 0, 50, time.Minute).Wait()
			if got := len(f.seen()); got != tt.want {
				t.Errorf("after %d unanswered log-ins: %d more, want %d", tt.unanswered, got, tt.want)
			}
		})
	}
}

func TestCrashLoopIsNoLoginLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = time.Hour // no answer before the process dies
		begin := time.Now()
		for unanswered := 3; time.Since(begin) < 10*time.Minute; unanswered = 3 + len(f.seen()) {
			g := New(Options{Unanswered: unanswered, Rand: seeded(7)})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			for n := range 5 {
				go func() { _, _ = blocking(g, f).SignIn(ctx, agent(n), false) }()
			}
			time.Sleep(2 * time.Second)
			cancel()
		}
		if got := len(f.seen()); got > 4 {
			t.Errorf("%d log-ins by processes that live for two seconds", got)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestGoodSignInForgivesTheUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = time.Second
		g := New(Options{Unanswered: 3, Settings: Settings{Rate: 1000}})
		fleet(t.Context(), blocking(g, f), 0, 30, time.Second).Wait()
		if got, want := time.Since(f.begin), 11*time.Second; got.Round(100*time.Millisecond) != want {
			t.Errorf("30 sign-ins took %v, want one alone and then three at a time", got)
		}
	})
}

func TestMassChangeSendsOneFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = time.Second
		g := New(Options{Settings: Settings{Rate: 1000}})
		p := blocking(g, f)
		before := fleet(t.Context(), p, 0, 1, time.Second)
		synctest.Wait()
		g.MassChange()
		after := fleet(t.Context(), p, 1, 5, time.Second)
		before.Wait()
		after.Wait()
		want := []time.Duration{0, time.Second, 2 * time.Second}
		var got []time.Duration
		for _, c := range f.seen()[:3] {
			got = append(got, c.at)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("in flight, canary, the rest:\n" + diff)
		}
		if got := f.peak(); got != 3 {
			t.Errorf("%d at once after the canary, want 3", got)
		}
	})
}

func TestUpdateShortensAQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		var disk memory
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save})})
		p := blocking(g, f)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.Refused)
		}
		g.Update(Settings{Lockout: Lockout{Quiet: time.Minute}})
		before := time.Now()
		signIn(t, p, "d", session.OK)
		if got := time.Since(before); got != time.Minute {
			t.Errorf("held for %v, want 1m", got)
		}
		g.Update(Settings{Lockout: Lockout{Failures: 1}})
		f.answer = always(errRefused)
		signIn(t, p, "e", session.Refused)
		if !g.Snapshot().Quarantined {
			t.Error("the lower limit does not act")
		}
	})
}
