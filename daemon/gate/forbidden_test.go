package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

var errForbidden = &session.Fault{Kind: session.Outage, Cause: session.CauseForbidden, Code: "403", Text: "not allowed"}

// forbidding turns away the logins named, and lets the others in.
func forbidding(logins ...string) func(string) error {
	return func(login string) error {
		for _, l := range logins {
			if l == login {
				return errForbidden
			}
		}
		return nil
	}
}

// logins counts the log-ins that the platform has seen of one account.
func logins(f *fake, login string) (n int) {
	for _, c := range f.seen() {
		if c.login == login {
			n++
		}
	}
	return n
}

// A 403 while others get in is the account's: one log-in, and then it is refused.
func TestForbiddenAccountAmongOthers(t *testing.T) {
	for _, served := range []string{"before", "after", "by a poll after"} {
		t.Run(served, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.answer = forbidding("bad")
				g := New(Options{Settings: wide()})
				p := blocking(g, f)
				other := signIn(t, p, "good", session.OK)
				time.Sleep(time.Minute)
				signIn(t, p, "bad", session.Outage)
				switch served {
				case "after":
					signIn(t, p, "third", session.OK)
				case "by a poll after":
					if _, err := sessiontest.Next(t.Context(), other); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				for kind := session.Outage; kind != session.Refused; {
					time.Sleep(2 * time.Second)
					_, err := p.SignIn(t.Context(), named("bad"), false)
					if kind = session.KindOf(err); kind != session.Outage && kind != session.Refused {
						t.Fatal(err)
					}
					if cause := session.AsFault(err).Cause; kind == session.Refused && cause != session.CauseCredential {
						t.Errorf("the refusal's cause is %v", cause)
					}
					if time.Since(began) > 30*time.Second {
						t.Fatal("not decided within 30 s")
					}
				}
				if n := logins(f, "bad"); n != 1 {
					t.Errorf("the platform saw %d log-ins, want 1", n)
				}
				if g.Snapshot().Quarantined {
					t.Error("one account's 403 quarantined a platform that serves others")
				}
				time.Sleep(time.Second)
				signIn(t, p, "bad", session.Outage) // resumed by a person: tried once more
				if n := logins(f, "bad"); n != 2 {
					t.Errorf("after the resume the platform saw %d log-ins, want 2", n)
				}
			})
		})
	}
}

// A 403 while nobody is in looks like a ban: one log-in, a quarantine, and then
// one log-in that tries.
func TestForbiddenWithNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = always(errForbidden)
		g := New(Options{Settings: wide()})
		fleet(t.Context(), blocking(g, f), 0, 1, time.Second)
		time.Sleep(14 * time.Minute)
		if n := len(f.seen()); n != 1 {
			t.Errorf("%d log-ins in 14 minutes, want 1", n)
		}
		if !g.Snapshot().Quarantined {
			t.Error("no quarantine")
		}
		time.Sleep(2 * time.Minute)
		if n := len(f.seen()); n != 2 || !g.Snapshot().Quarantined {
			t.Errorf("%d log-ins in 16 minutes, want 2 and another quarantine", n)
		}
		f.mu.Lock()
		f.answer = always(nil)
		f.mu.Unlock()
		time.Sleep(16 * time.Minute)
		if g.Snapshot().Quarantined {
			t.Error("the platform lets in again, and is quarantined still")
		}
	})
}

// The quarantine that was begun on a 403 alone ends as soon as another account
// is served: its log-in was under way, or its session was taken over from a
// process before.
func TestPresumedBanEndsWhenOthersAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = forbidding("bad")
		g := New(Options{Settings: wide()})
		p := blocking(g, f)
		s, err := p.Adopt(named("good"), session.NewKey([]byte("key")))
		if err != nil {
			t.Fatal(err)
		}
		signIn(t, p, "bad", session.Outage)
		if !g.Snapshot().Quarantined {
			t.Fatal("no quarantine though nobody was served yet")
		}
		time.Sleep(time.Second)
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if g.Snapshot().Quarantined {
			t.Error("quarantined though another account is served")
		}
		signIn(t, p, "bad", session.Refused)
		signIn(t, p, "third", session.OK)
		if n := logins(f, "bad"); n != 1 {
			t.Errorf("the platform saw %d log-ins, want 1", n)
		}
	})
}

// A ban that hits a fleet in service parks nobody for good: sessions that were
// answered before it prove nothing once others are turned away as well.
func TestForbiddenFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := New(Options{Settings: wide()})
		p := blocking(g, f)
		for _, login := range []string{"a", "b", "c"} {
			signIn(t, p, login, session.OK)
		}
		f.answer = always(errForbidden)
		time.Sleep(time.Second)
		signIn(t, p, "a", session.Outage)
		signIn(t, p, "b", session.Outage)
		time.Sleep(suspense)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := p.SignIn(t.Context(), named("a"), false)
			if session.KindOf(err) == session.Refused {
				t.Error("an account was refused for a ban of all")
			}
		}()
		synctest.Wait()
		if !g.Snapshot().Quarantined {
			t.Error("two accounts turned away in a row and nobody served: no quarantine")
		}
		f.mu.Lock()
		f.answer = always(nil)
		f.mu.Unlock()
		<-done
	})
}

// A new secret is tried, whatever the old one was answered.
func TestForbiddenIsForgottenWithTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = forbidding("bad")
		p := blocking(New(Options{Settings: wide()}), f)
		signIn(t, p, "good", session.OK)
		signIn(t, p, "bad", session.Outage)
		a := named("bad")
		a.Password = session.NewSecret("another")
		_, _ = p.SignIn(t.Context(), a, false)
		if n := logins(f, "bad"); n != 2 {
			t.Errorf("the platform saw %d log-ins, want one for each secret", n)
		}
	})
}
