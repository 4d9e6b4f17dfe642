package edna

import (
	"encoding/json"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/token"
)

// key is what proves a session, and what must not be forgotten about it when
// another process adopts it.
type key struct {
	Token  string    `json:"token"`
	Issued time.Time `json:"issued"`
	// JWTLife is the life by the token's own exp; 0: it is no JWT with one.
	JWTLife time.Duration `json:"told,omitempty"`
	Share   token.Share   `json:"share"`
	// Mismatch: the log-in's body and header carried different tokens.
	Mismatch bool `json:"mismatch,omitempty"`
	// Proven: the probe has shown this token alive.
	Proven bool `json:"proven,omitempty"`
	// Forbidden: the probe was last answered 403.
	Forbidden bool `json:"forbidden,omitempty"`
	// Unfit is the probe that proves nothing about this token, and UnfitCode what
	// it was answered; "": none did.
	Unfit     string `json:"unfit,omitempty"`
	UnfitCode string `json:"unfit_code,omitempty"`
	Life      life   `json:"life,omitzero"`
}

// renewFloor is how soon after a log-in the next one may come.
const renewFloor = 30 * time.Second

// newKey takes over what a log-in's answer brought. date is the platform's time
// then, zero where the answer has no Date.
func newKey(w grant, date, now time.Time) key {
	return key{
		Token: w.token, Mismatch: w.mismatch, Issued: now, JWTLife: lifeOf(w.token, date, now),
		Share: token.DrawShare(),
	}
}

func (k *key) encode() session.Key {
	text, err := json.Marshal(k)
	if err != nil {
		panic("edna: a key of plain text cannot be encoded") // not reachable; the error might quote the token
	}
	return session.NewKey(text)
}

// decodeKey reads what encode wrote. ok is false for anything else.
func decodeKey(stored session.Key) (k key, ok bool) {
	if json.Unmarshal([]byte(stored.Reveal()), &k) != nil || k.Token == "" || usable(k.Token) != k.Token || k.Issued.IsZero() {
		return key{}, false
	}
	k.Share = k.Share.Clamp()
	k.JWTLife = min(max(k.JWTLife, 0), longestLife)
	return k, true
}

// header returns what every request of the session carries.
func (k *key) header() http.Header {
	return http.Header{"Authorization": {scheme + " " + k.Token}, "Accept": {jsonType}}
}

// renewal returns when the token is to be renewed: at its share of the shortest
// plausible life, and not sooner than 30 s after the log-in.
func (k *key) renewal(maxAge time.Duration) time.Time {
	shortest := maxAge
	for _, d := range []time.Duration{k.JWTLife, k.Life.learned()} {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	return k.Share.Renewal(k.Issued, shortest, renewFloor)
}

// latest returns the end of the longest plausible life.
func (k *key) latest(maxAge time.Duration) time.Time { return k.Issued.Add(max(maxAge, k.JWTLife)) }

// expires returns the end by the token's own exp, zero where it has none.
func (k *key) expires() time.Time {
	if k.JWTLife == 0 {
		return time.Time{}
	}
	return k.Issued.Add(k.JWTLife)
}
