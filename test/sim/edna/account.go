package edna

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// account is one user's state. The simulator's lock guards it.
type account struct {
	Account
	id          string
	failures    int       // wrong passwords in a row
	lockedUntil time.Time // zero: not locked
	tokens      []*token  // the latest, oldest first
	status      string    // as an agent
	reason      string    // of an inactive one
	becoming    time.Time // INACTIVE from then on; zero: no change is under way
	record      record
}

// record is what the simulator remembers about the account's client.
type record struct {
	logIns   []time.Time // good ones, the latest 1000
	count    int         // of good ones
	rejected int         // calls with a dead token
	commands []Command   // the latest 1000
}

// token is one that was given out.
type token struct {
	text string
	born time.Time
	dead bool
}

func (a *account) locked(now time.Time) bool { return now.Before(a.lockedUntil) }

// recent returns how many good log-ins there were within d before now.
func (a *account) recent(now time.Time, d time.Duration) (n int) {
	for _, at := range a.record.logIns {
		if now.Sub(at) < d {
			n++
		}
	}
	return n
}

func (a *account) find(text string) *token {
	if i := slices.IndexFunc(a.tokens, func(t *token) bool { return t.text == text }); i >= 0 {
		return a.tokens[i]
	}
	return nil
}

// kept is how many of its tokens and log-ins an account remembers.
const kept = 1000

// add keeps a new token and returns one that is forgotten for it, nil for none.
func (a *account) add(t *token, now time.Time) (old *token) {
	a.tokens, a.record.logIns = append(a.tokens, t), append(a.record.logIns, now)
	a.record.count++
	if over := len(a.record.logIns) - kept; over > 0 {
		a.record.logIns = a.record.logIns[over:]
	}
	if len(a.tokens) > kept {
		old, a.tokens = a.tokens[0], a.tokens[1:]
	}
	return old
}

func (a *account) endAll() {
	for _, t := range a.tokens {
		t.dead = true
	}
}

// newToken makes a token, as a JWT where that is switched on.
func (s *Sim) newToken(a *account, now time.Time) string {
	if !s.cfg().JWT {
		return randomText(s.cfg().TokenSize)
	}
	life := s.cfg().JWTLife
	if life == 0 {
		life = s.cfg().Life
	}
	claims := map[string]any{"sub": a.Login, "iat": now.Unix(), "exp": now.Add(span(life)).Unix()}
	return strings.Join([]string{encoded(map[string]any{"alg": "HS512"}), encoded(claims), randomText(86)}, ".")
}

func encoded(v map[string]any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("edna simulator: claims: " + err.Error()) // not reachable for texts and numbers
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// randomText returns n characters of the alphabet that tokens are made of.
func randomText(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)[:n]
}
