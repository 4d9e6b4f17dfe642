package keeper

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// Generations follow the credential and not the key, and survive adoption.
func TestGenerations(t *testing.T) {
	k := New(Config{Setup: bare{}, Site: &Site{}, Platform: ungated(nil)})
	s := &tokenSession{key: "a", token: "t1"}
	k.machine = session.Restore(session.Policy{}, 1, session.Record{Key: session.NewKey([]byte("a"))}, time.Now())
	k.adopt(guard(s), false)
	step := func() Handed {
		k.remember(session.Outcome{Kind: session.OK})
		k.look(session.Action{})
		return k.Credential()
	}
	first := step()
	s.key = "b" // the key learned something; the token is the same
	second := step()
	s.key, s.token = "c", "t2"
	third := step()
	if !first.Live || first.Generation != 1 || second.Generation != 1 || third.Generation != 2 {
		t.Errorf("generations %d, %d, %d, want 1, 1, 2", first.Generation, second.Generation, third.Generation)
	}
	k.adopt(guard(&tokenSession{key: "c", token: "t2"}), true)
	if again := step(); again.Generation != 2 {
		t.Errorf("an adopted credential has generation %d, want 2", again.Generation)
	}
}

// However many consumers report a credential refused, one renewal is asked
// for; reports about another generation are told apart.
func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{Setup: bare{}, Site: &Site{}, Platform: ungated(nil)})
		if err := k.Refuse(0); !errors.Is(err, ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		k.generation, k.handed = 7, &session.Credential{}
		for _, old := range []uint64{0, 6, 8} {
			if err := k.Refuse(old); !errors.Is(err, ErrNotCurrent) {
				t.Errorf("generation %d: %v", old, err)
			}
		}
		k.take(t.Context(), true)
		for range 50 {
			if err := k.Refuse(7); err != nil {
				t.Errorf("generation 7: %v", err)
			}
		}
		k.take(t.Context(), true)
		if !k.renew {
			t.Error("no renewal was asked for")
		}
		if k.take(t.Context(), true); k.renew {
			t.Error("a second renewal was asked for")
		}
		if err := k.Refuse(7); err != nil {
			t.Errorf("generation 7, while it is being renewed: %v", err)
		}
		if k.take(t.Context(), true); k.renew {
			t.Error("a report of what is being renewed asked once more")
		}
		time.Sleep(time.Second)
	})
}

type tokenSession struct {
	session.Session
	key, token string
}

func (s *tokenSession) Key() session.Key { return session.NewKey([]byte(s.key)) }
func (s *tokenSession) Close() error     { return nil }
func (s *tokenSession) Info() session.Info {
	return session.Info{Credential: session.Credential{Token: session.NewSecret(s.token)}}
}

// An adopted credential is there before the platform's first answer.
func TestAdoptedCredentialAtOnce(t *testing.T) {
	told := 0
	k := New(Config{Setup: bare{}, Site: &Site{}, Owner: teller{told: &told},
		Platform: ungated(tokenPlatform{session: &tokenSession{key: "a", token: "t1"}}),
		Record:   session.Record{Key: session.NewKey([]byte("a")), Generation: 4}})
	if err := k.open(); err != nil {
		t.Fatal(err)
	}
	if h := k.Credential(); !h.Live || h.Generation != 4 || told != 1 {
		t.Errorf("live %v, generation %d, told %d times", h.Live, h.Generation, told)
	}
}

// bare is a setup of hardly anything.
type bare struct{}

func (bare) Account() session.Account {
	return session.Account{ID: session.ID{Platform: "p", Login: "1"}}
}
func (bare) Policy() session.Policy { return session.Policy{} }
func (bare) Hashes() Hashes         { return Hashes{} }

// teller counts how often it is told of a credential.
type teller struct {
	nobody
	told *int
}

func (t teller) Handed() { *t.told++ }

type tokenPlatform struct {
	session.Platform
	session session.Session
}

func (p tokenPlatform) Adopt(session.Account, session.Key) (session.Session, error) {
	return p.session, nil
}

func ungated(p session.Platform) *Platform { return &Platform{p, sessiontest.Open} }

// guard returns a session behind a gate that holds nothing back.
func guard(s session.Session) session.GuardedSession {
	g, _ := sessiontest.Open(tokenPlatform{session: s}).Adopt(session.Account{}, session.Key{}) // it cannot fail
	return g
}
