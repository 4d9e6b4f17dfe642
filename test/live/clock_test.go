package live

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// TestClockBehind starts the service with a clock that is a day behind what the
// process before had: what is on record lies a day ahead. An agent that waits
// goes on waiting for no longer than its back-off, and none is offline for a day.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	names := logins(1000, 3)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "2s"), names)
	s.place = []string{"options: {hold: 2s}", "backoff: {initial: 5s, max: 10s}"}
	s.write()
	s.platform.order("agents/1000/displace", `{"for":"10m"}`)
	k := s.run()
	// The kill must meet no sign-in under way: that would be waited out first.
	within(t, patience, "the agent that another client holds waits, the others are online", func() error {
		for login, a := range k.agents() {
			waits := a.State == string(session.Waiting) && a.Reason == string(session.ReasonTaken)
			if online := a.State == string(session.Online); online == (login == "1000") || (login == "1000" && !waits) {
				return fmt.Errorf("%+v", a)
			}
		}
		return nil
	})
	k.kill()
	s.age(-24 * time.Hour)
	s.platform.order("agents/1000/kick", `{}`)
	k = s.launch()
	s.await(k)
	s.awaitOnline(k)
}

// age makes every record of a stopped service older by d.
func (s *site) age(d time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	kept, err := store.Open(ctx, store.Options{Dir: filepath.Join(s.dir, s.store), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	all, err := kept.Load(ctx)
	if err != nil || len(all) == 0 {
		s.t.Fatalf("%d records, %v", len(all), err)
	}
	for id, r := range all {
		for _, at := range []*time.Time{&r.Started, &r.LastContact, &r.Written, &r.Intent.Deadline, &r.Memo.Until, &r.Memo.OrphanUntil, &r.Memo.OwnUntil, &r.Memo.NextAt} {
			if !at.IsZero() {
				*at = at.Add(-d)
			}
		}
		if err := kept.Save(ctx, id, r); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestOwnRestartsAreNoEvictions kills a service of ECSS agents again and again:
// with each process they are back at once, for nobody took their sessions.
func TestOwnRestartsAreNoEvictions(t *testing.T) {
	t.Parallel()
	s := ecssSite(t, 5)
	k := s.runOnline()
	for i := range 12 {
		k.kill()
		k = s.launch()
		s.await(k)
		within(t, patience, fmt.Sprintf("all agents online after kill no. %d", i+1), s.seated)
		s.awaitOnline(k)
		for login, a := range k.agents() {
			if a.Reason == string(session.ReasonTaken) {
				t.Fatalf("after kill no. %d agent %s is called taken", i+1, login)
			}
		}
	}
	for login, c := range s.counts() {
		if c.SignIns > 13+1 { // a kill may meet a log-in under way
			t.Errorf("agent %s logged in %d times over 12 restarts", login, c.SignIns)
		}
	}
}

// TestRemovedBeforeAStart removes agents while the service is down: the next
// start signs them out, though it is killed in the middle.
func TestRemovedBeforeAStart(t *testing.T) {
	t.Parallel()
	names := logins(1000, 50)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "2s"), names)
	s.place, s.signIn = []string{"options: {hold: 2s}"}, "rate: 200, concurrent: 5, timeout: 3s"
	s.write()
	k := s.runOnline()
	k.kill()
	for _, login := range names[1:] {
		s.remove(login)
	}
	s.write()
	k = s.launch()
	within(t, patience, "the first sign-outs", func() error {
		if n := signedIn(s.platform.huawei()); n == len(names) {
			return fmt.Errorf("all %d agents are signed in", n)
		}
		return nil
	})
	k.kill()
	k = s.launch()
	s.await(k)
	within(t, patience, "the other sign-outs", func() error {
		if n := signedIn(s.platform.huawei()); n != 1 {
			return fmt.Errorf("%d agents are signed in, want 1", n)
		}
		return nil
	})
	s.awaitOnline(k)
}
