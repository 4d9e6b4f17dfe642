package gate

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

func TestSavedBeforeTheNextGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a")
		disk := memory{takes: 5 * time.Second}
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save})})
		p := blocking(g, f)
		go func() { _, _ = p.SignIn(t.Context(), named("a"), false) }()
		synctest.Wait()
		if got := g.Snapshot().Held; got == "" {
			t.Error("nobody is told what is waited for")
		}
		signIn(t, p, "b", session.OK)
		if got := f.seen()[1].at; got != 5*time.Second {
			t.Errorf("the next sign-in left at %v, before the refusal was durable at 5s", got)
		}
		if state, _ := disk.saved(); !bytes.Contains(state, []byte("refused")) {
			t.Errorf("saved: %s", state)
		}
	})
}

// Two refusals while one save is under way: the second is saved too.
func TestRefusalDuringASave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b")
		disk := memory{takes: time.Second}
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save})})
		f.takes = 100 * time.Millisecond
		fleet := func(login string) { _, _ = blocking(g, f).SignIn(t.Context(), named(login), false) }
		go fleet("a")
		go fleet("b")
		time.Sleep(10 * time.Second)
		state, saves := disk.saved()
		if got := bytes.Count(state, []byte("Z\"")) - 1; got != 2 || saves != 2 { // less the instant of writing
			t.Errorf("%d refusals saved in %d saves, want 2 in 2: %s", got, saves, state)
		}
	})
}

func TestFailedSaveHoldsAndIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a")
		disk := memory{err: errDisk}
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save})})
		p := blocking(g, f)
		signIn(t, p, "a", session.Refused)
		time.AfterFunc(time.Minute+500*time.Millisecond, func() { disk.fail(nil) })
		go func() {
			time.Sleep(30 * time.Second)
			if got := g.Snapshot().Held; !strings.Contains(got, errDisk.Error()) {
				t.Errorf("people are told %q", got)
			}
		}()
		signIn(t, p, "b", session.OK)
		if got := f.seen()[1].at; got != 61*time.Second {
			t.Errorf("the next sign-in left at %v, want with the first retry after the disk is back", got)
		}
	})
}

func TestSaveOutlivesTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a")
		ctx, cancel := context.WithCancel(t.Context())
		f.answer = func(string) error { cancel(); return errRefused }
		var saveErr = errors.New("not called")
		g := New(Options{Service: NewService(ServiceOptions{Save: func(ctx context.Context, _ []byte) error {
			saveErr = ctx.Err()
			if _, limited := ctx.Deadline(); !limited {
				t.Error("the save has no time limit")
			}
			return nil
		}})})
		_, _ = blocking(g, f).SignIn(ctx, named("a"), false)
		if saveErr != nil {
			t.Errorf("the refusal's save: %v", saveErr)
		}
	})
}

func TestStoreTroubleHoldsSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := New(Options{})
		g.SetStore(errDisk)
		if got := g.Snapshot().Held; !strings.Contains(got, errDisk.Error()) {
			t.Errorf("people are told %q", got)
		}
		time.AfterFunc(time.Hour, func() { g.SetStore(nil) })
		signIn(t, blocking(g, f), "a", session.OK)
		if got := time.Since(f.begin); got != time.Hour {
			t.Errorf("the sign-in left after %v, want 1h", got)
		}
	})
}

func TestQuarantineStaysOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		var disk memory
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save})})
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, blocking(g, f), login, session.Refused)
		}
		want := g.Snapshot()
		time.Sleep(5 * time.Minute)
		g = New(Options{Service: NewService(ServiceOptions{Save: disk.save, Saved: disk.state})})
		got := g.Snapshot()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("before and after the restart:\n" + diff)
		}
		signIn(t, blocking(g, f), "d", session.OK)
		if now := time.Now(); now.Before(want.QuarantinedUntil) {
			t.Errorf("a sign-in left at %v, in the quarantine", now)
		}
		g = New(Options{Service: NewService(ServiceOptions{Save: disk.save, Saved: disk.state})})
		if st := g.Snapshot(); st.Quarantined || st.RefusalsLeft != 3 {
			t.Errorf("the end of the quarantine was not durable: %+v", st)
		}
	})
}

func TestRestoreToleratesForeignClocks(t *testing.T) {
	now := time.Now()
	rules := Settings{}.normal().Lockout
	encode := func(until time.Duration, refused ...time.Duration) []byte {
		g := guard{until: now.Add(until), why: "w"}
		for _, d := range refused {
			g.refused = append(g.refused, attemptAt{at: now.Add(d)})
		}
		return g.encode(now)
	}
	tests := map[string]struct {
		saved   []byte
		until   time.Duration
		refused []time.Duration
	}{
		"as it was":          {encode(time.Minute, -time.Minute), time.Minute, []time.Duration{-time.Minute}},
		"from the future":    {encode(24*time.Hour, time.Hour), rules.Quiet, []time.Duration{0}},
		"from long ago":      {encode(-240*time.Hour, -240*time.Hour), -240 * time.Hour, nil},
		"out of order":       {encode(0, -time.Minute, -2*time.Minute), 0, []time.Duration{-2 * time.Minute, -time.Minute}},
		"more than count":    {encode(0, -4, -3, -2, -1), 0, []time.Duration{-3, -2, -1}},
		"of a later version": {[]byte(`{"version":9,"new":{},"refused":null}`), 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := guard{rules: rules}
			if err := g.restore(tt.saved, now); err != nil {
				t.Fatal(err)
			}
			if got := g.until.Sub(now); g.quarantined() && got != tt.until {
				t.Errorf("quarantined for another %v, want %v", got, tt.until)
			}
			var refused []time.Duration
			for _, r := range g.refused {
				refused = append(refused, r.at.Sub(now))
			}
			if diff := cmp.Diff(tt.refused, refused); diff != "" {
				t.Error("refused:\n" + diff)
			}
		})
	}
}

func TestUnreadableStateMakesATrial(t *testing.T) {
	for name, saved := range map[string][]byte{
		"garbage": []byte("\x00\xff not JSON"), "torn": []byte(`{"version":1,"refu`),
		"of another kind": []byte(`[1]`), "huge": bytes.Repeat([]byte(" "), maxState+1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.takes = time.Second
				var told []Change
				g := New(Options{Service: NewService(ServiceOptions{Saved: saved}), Notify: func(c Change) { told = append(told, c) }})
				if len(told) != 1 || told[0].Kind != Forgot {
					t.Errorf("told %+v", told)
				}
				fleet(t.Context(), blocking(g, f), 0, 3, time.Second).Wait()
				if seen := f.seen(); seen[1].at < time.Second {
					t.Errorf("the second sign-in left at %v, want after the first one's answer", seen[1].at)
				}
			})
		})
	}
}

func FuzzRestore(f *testing.F) {
	now := time.Now()
	rules := Settings{}.normal().Lockout
	whole := guard{until: now.Add(time.Minute), why: "w", refused: []attemptAt{{at: now}, {now, session.ID{Platform: "p", Login: "1"}}}}
	for _, seed := range [][]byte{
		nil, whole.encode(time.Now()), []byte(`{}`), []byte(`{"refused":["0001-01-01T00:00:00Z","9999-12-31T23:59:59Z"]}`),
		[]byte(`{"quarantined_until":"0000-01-01T00:00:00Z"}`), []byte(`{"quarantined_until":"9999-12-31T00:00:00+23:00"}`),
		[]byte(`{"refused":7}`), []byte("\xff"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, saved []byte) {
		g := guard{rules: rules}
		if err := g.restore(saved, now); err != nil {
			if diff := cmp.Diff(guard{rules: rules}, g, cmp.AllowUnexported(guard{}, attemptAt{})); diff != "" {
				t.Fatal("changed in spite of an error:\n" + diff)
			}
		}
		if g.until.Sub(now) > rules.Quiet || g.spent(now) > rules.Failures || (g.suspicious(now.Add(-time.Hour)) && len(g.refused) == 0) {
			t.Fatalf("restored %+v from %q", g, saved)
		}
		again := guard{rules: rules}
		if err := again.restore(g.encode(now), now); err != nil {
			t.Fatalf("what was restored from %q cannot be restored again: %v", saved, err)
		}
		if !again.until.Equal(g.until) || len(again.refused) != len(g.refused) {
			t.Fatalf("restored twice from %q: %+v, then %+v", saved, g, again)
		}
	})
}

// The log of the process that goes on with a quarantine says so.
func TestARestoredQuarantineIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var saved []byte
		g := New(Options{Service: NewService(ServiceOptions{Save: func(_ context.Context, state []byte) error { saved = state; return nil }})})
		f := newFake()
		f.answer = always(errRefused)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, blocking(g, f), login, session.Refused)
		}
		var told []ChangeKind
		again := func() {
			New(Options{Service: NewService(ServiceOptions{Saved: saved}), Notify: func(c Change) { told = append(told, c.Kind) }})
		}
		again()
		time.Sleep(time.Hour)
		again()
		if diff := cmp.Diff([]ChangeKind{Quarantined}, told); diff != "" {
			t.Error(diff)
		}
	})
}

// A restart under a clock that is behind, or was set meanwhile, makes neither a
// quarantine nor the memory of a refusal last longer than they would have.
func TestRestoreUnderAnotherClock(t *testing.T) {
	rules := Lockout{Failures: 3, Within: 10 * time.Minute, Quiet: 15 * time.Minute}
	written := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	g := guard{rules: rules, until: written.Add(6 * time.Minute), why: "x", refused: []attemptAt{{at: written.Add(-4 * time.Minute)}}}
	saved := g.encode(written)
	for _, behind := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 50 * 365 * 24 * time.Hour} {
		now, again := written.Add(-behind), guard{rules: rules}
		if err := again.restore(saved, now); err != nil {
			t.Fatal(err)
		}
		if left := again.until.Sub(now); left != 6*time.Minute {
			t.Errorf("%v behind: quarantined for %v more, want 6m", behind, left)
		}
		if at := again.eases(now); at.Sub(now) != 6*time.Minute {
			t.Errorf("%v behind: a refusal is forgotten in %v, want 6m", behind, at.Sub(now))
		}
	}
}

// When the clock was set, what is on record is written by the new one; a sleep
// of the machine counts as time.
func TestClockSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		disk := memory{}
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save}), Settings: Settings{Lockout: Lockout{Failures: 3, Within: 10 * time.Minute, Quiet: 15 * time.Minute}}})
		for _, login := range []string{"a", "b", "c"} {
			_, _ = blocking(g, f).SignIn(t.Context(), named(login), false)
		}
		_, before := disk.saved()
		left := time.Until(g.Snapshot().QuarantinedUntil)
		g.ClockSet(5 * time.Minute)
		if got := time.Until(g.Snapshot().QuarantinedUntil); got != left-5*time.Minute {
			t.Errorf("quarantined for %v more, want %v", got, left-5*time.Minute)
		}
		if _, saves := disk.saved(); saves != before+1 {
			t.Errorf("%d saves, want one more than %d", saves, before)
		}
	})
}
