package gate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// of is an account of a platform.
func of(platform, login string) session.Account {
	return session.Account{ID: session.ID{Platform: platform, Login: login}}
}

// proven is the n-th account, whose secret has signed in before.
func proven(n int) session.Account {
	a := agent(n)
	a.Proven = true
	return a
}

// twoAt returns the gates of two platforms at one address.
func twoAt(o ServiceOptions) (one, other *Gate) {
	o.Address = "10.0.0.5:443"
	s := NewService(o)
	return New(Options{Name: "hq", Service: s}), New(Options{Name: "ecss", Service: s})
}

// Platforms at one address share its patience, in flight and refused, and one
// sign-in ends the quarantine of both. Every text names the neighbour.
func TestOneServiceOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := newFake(), newFake()
		f.answer = always(errRefused)
		f.takes = time.Second
		g.takes = time.Second
		told := make(chan Change, 10)
		hq, ecss := twoAt(ServiceOptions{})
		ecss.notify = func(c Change) { told <- c }
		for n := range 3 {
			go func() { _, _ = blocking(hq, f).SignIn(t.Context(), of("hq", fmt.Sprint(2020+n)), false) }()
		}
		time.Sleep(500 * time.Millisecond)
		go func() { _, _ = blocking(ecss, g).SignIn(t.Context(), of("ecss", "1"), false) }()
		time.Sleep(400 * time.Millisecond)
		if n := len(g.seen()); n != 0 {
			t.Errorf("%d log-ins beside as many in flight as may be refused", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		st := ecss.Snapshot()
		want := "3 log-ins refused within 10m; shared with hq: hq/2020, hq/2021, hq/2022, at the same host and port (10.0.0.5:443)"
		if !st.Quarantined || st.Why != want || !strings.Contains(st.Held, want) {
			t.Errorf("the neighbour is %+v", st)
		}
		if st := hq.Snapshot(); !strings.Contains(st.Why, "(hq/2020, hq/2021, hq/2022); shared with ecss, at the same") {
			t.Errorf("the platform itself says %q", st.Why)
		}
		if diff := cmp.Diff([]string{"hq"}, st.SharedWith); diff != "" || len(st.Refused) != 3 {
			t.Errorf("%s, refused: %v", diff, st.Refused)
		}
		if c := <-told; c.Kind != Quarantined || !strings.Contains(c.Text, want) || len(told) != 0 {
			t.Errorf("the neighbour's log says %+v", c)
		}
		time.Sleep(20 * time.Minute)
		if n := len(g.seen()); n != 1 || ecss.Snapshot().Quarantined || hq.Snapshot().Quarantined {
			t.Errorf("%d log-ins of the neighbour; quarantined: %v and %v", n, ecss.Snapshot().Quarantined, hq.Snapshot().Quarantined)
		}
	})
}

// After a quarantine one sign-in of all the service's platforms goes alone, and
// its refusal is told by its name at the neighbour, which never tried.
func TestOneCanaryForAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := newFake(), newFake()
		f.answer = always(errRefused)
		hq, ecss := twoAt(ServiceOptions{})
		for n := range 3 {
			_, _ = blocking(hq, f).SignIn(t.Context(), of("hq", fmt.Sprint(n)), false)
		}
		f.takes = time.Minute
		go func() { _, _ = blocking(hq, f).SignIn(t.Context(), of("hq", "9"), false) }()
		time.Sleep(15*time.Minute + time.Second)
		go func() { _, _ = blocking(ecss, g).SignIn(t.Context(), of("ecss", "1"), false) }()
		time.Sleep(30 * time.Second)
		if n := len(g.seen()); n != 0 || len(f.seen()) != 4 {
			t.Errorf("%d log-ins beside the one that tries, which are %d", n, len(f.seen())-3)
		}
		time.Sleep(time.Minute)
		if why := ecss.Snapshot().Why; !strings.Contains(why, "the log-in of hq/9 that was tried after the last quarantine was refused") {
			t.Errorf("the neighbour says %q", why)
		}
	})
}

// A presumed ban of the address ends when a neighbour's account is served, and a
// quarantine that has another reason does not.
func TestPresumedBanIsTheServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := newFake(), newFake()
		f.answer = always(errForbidden)
		hq, ecss := twoAt(ServiceOptions{})
		live, err := blocking(ecss, g).Adopt(of("ecss", "1"), session.NewKey([]byte("key")))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = blocking(hq, f).SignIn(t.Context(), of("hq", "1"), false)
		if !hq.Snapshot().Quarantined || !ecss.Snapshot().Quarantined {
			t.Fatal("no quarantine though nobody was served")
		}
		_, _ = sessiontest.Next(t.Context(), live)
		if hq.Snapshot().Quarantined || ecss.Snapshot().Quarantined {
			t.Error("quarantined though the neighbour's account is served")
		}
		f.answer = always(errRefused)
		for _, login := range []string{"2", "3"} {
			_, _ = blocking(hq, f).SignIn(t.Context(), of("hq", login), false)
		}
		_, _ = sessiontest.Next(t.Context(), live)
		if !ecss.Snapshot().Quarantined {
			t.Error("an answered poll ended a quarantine for refused passwords")
		}
	})
}

// A person ends the quiet time: one sign-in tries at once, and what was ended is
// durable.
func TestEndQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = refusing("a", "b", "c")
		var disk memory
		var told []ChangeKind
		g := New(Options{Service: NewService(ServiceOptions{Save: disk.save}), Notify: func(c Change) { told = append(told, c.Kind) }})
		if ended, err := g.EndQuarantine(t.Context()); ended || err != nil {
			t.Errorf("without a quarantine: %v, %v", ended, err)
		}
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, blocking(g, f), login, session.Refused)
		}
		f.takes = time.Second
		wg := fleet(t.Context(), blocking(g, f), 0, 5, time.Second)
		time.Sleep(time.Minute)
		if n := len(f.seen()); n != 3 {
			t.Fatalf("%d sign-ins in the quiet time", n-3)
		}
		if ended, err := g.EndQuarantine(t.Context()); !ended || err != nil {
			t.Fatalf("ended %v, %v", ended, err)
		}
		again := NewService(ServiceOptions{Saved: disk.state})
		if until := again.guard.until; until.After(time.Now()) || until.IsZero() {
			t.Errorf("the next process has a quarantine until %v", until)
		}
		time.Sleep(500 * time.Millisecond)
		if n := len(f.seen()); n != 4 {
			t.Errorf("%d sign-ins at once, want one", n-3)
		}
		wg.Wait()
		if diff := cmp.Diff([]ChangeKind{Quarantined, Eased, Released}, told); diff != "" {
			t.Error(diff)
		}
		disk.fail(errDisk)
		f.answer = refusing("d")
		for range 3 {
			_, _ = blocking(g, f).SignIn(contextFor(t, 10*time.Second), named("d"), false)
		}
	})
}

func contextFor(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// What an earlier version kept for each platform counts for the service, the
// worst of it, and is made durable as the service's own before anybody signs in.
func TestStatesOfPlatformsBecomeTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk memory
		now := time.Now()
		old := func(until, refused string) []byte {
			return fmt.Appendf(nil, `{"version":1%s,"refused":[%s],"written":%q}`, until, refused, now.UTC().Format(time.RFC3339Nano))
		}
		at := fmt.Sprintf("%q", now.Add(-time.Minute).UTC().Format(time.RFC3339Nano))
		until := fmt.Sprintf(`,"quarantined_until":%q,"reason":"x"`, now.Add(9*time.Minute).UTC().Format(time.RFC3339Nano))
		s := NewService(ServiceOptions{Save: disk.save, Older: [][]byte{old("", at+","+at), old(until, at), nil}})
		g := New(Options{Name: "hq", Service: s})
		if st := g.Snapshot(); !st.Quarantined || time.Until(st.QuarantinedUntil) != 9*time.Minute || len(s.guard.refused) != 2 {
			t.Errorf("%+v, refused %v", st, s.guard.refused)
		}
		f := newFake()
		signIn(t, blocking(g, f), "a", session.OK)
		if f.seen()[0].at != 9*time.Minute {
			t.Errorf("the first sign-in left at %v", f.seen()[0].at)
		}
		if state, _ := disk.saved(); len(state) == 0 {
			t.Error("nothing was made durable")
		}
		again := NewService(ServiceOptions{Saved: disk.state, Older: [][]byte{old(until, at)}})
		if again.guard.quarantined() {
			t.Error("an older state counts though there is a newer one")
		}
	})
}

// The strictest of the platforms' rules are the service's, for as long as the
// platform is there.
func TestStrictestRules(t *testing.T) {
	lax := Settings{Lockout: Lockout{Failures: 9, Within: time.Minute, Quiet: time.Hour}}
	hq, ecss := twoAt(ServiceOptions{})
	ecss.Update(lax)
	if got := hq.service.guard.rules; got != (Lockout{Failures: 3, Within: 10 * time.Minute, Quiet: time.Hour}) {
		t.Errorf("together: %+v", got)
	}
	hq.Leave()
	if got := hq.service.guard.rules; got != lax.Lockout {
		t.Errorf("alone: %+v", got)
	}
	if st := ecss.Snapshot(); len(st.SharedWith) != 0 {
		t.Errorf("still shared with %v", st.SharedWith)
	}
}
