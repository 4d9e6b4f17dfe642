package runtel

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/token"
)

// key is what proves a session, and what must not be forgotten about it when
// another process adopts it.
type key struct {
	Token    string      `json:"token"`
	UserID   string      `json:"user_id,omitempty"`
	Issued   time.Time   `json:"issued"`
	Readings []reading   `json:"readings,omitempty"` // earliest first
	Limit    time.Time   `json:"limit,omitzero"`     // Issued and max_lifetime; zero: none
	Share    token.Share `json:"share"`
	// Proven: the probe has answered with this token.
	Proven bool `json:"proven,omitempty"`
	// Unfit is the code with which the probe showed that it proves nothing about
	// this token; "": it is fit.
	Unfit   string  `json:"unfit,omitempty"`
	Lessons lessons `json:"lessons"`
}

const (
	// renewFloor is how soon after a log-in the next one may come.
	renewFloor = 5 * time.Second
	// assumedLife is the life of a token whose end is not known: the shortest
	// that fits the vendor's sample.
	assumedLife = time.Hour
	// assumedEnd is when such a token is dead at the latest, as far as nobody
	// says that it lives.
	assumedEnd = 24 * time.Hour
	// shortLife is below which readings are tested rather than followed where
	// nothing else can refute them: see earliest.
	shortLife = 10 * time.Minute
	// clockTolerance is how long after an end a token must still be accepted to have outlived it, for
	// Date counts whole seconds.
	clockTolerance = 2 * time.Second
)

// newKey takes over what a log-in's answer brought.
func newKey(w grant, t answered, s Settings) key {
	k := key{
		Token: string(w.Token), UserID: string(w.UserID), Issued: t.at, Readings: t.readings(w, s.Zone),
		Share: token.DrawShare(),
	}
	if s.MaxLifetime > 0 {
		k.Limit = t.at.Add(s.MaxLifetime)
	}
	return k
}

func (k *key) encode() session.Key {
	text, err := json.Marshal(k)
	if err != nil {
		panic("runtel: a key of plain text cannot be encoded") // not reachable; the error might quote the token
	}
	return session.NewKey(text)
}

// decodeKey reads what encode wrote. ok is false for anything else.
func decodeKey(stored session.Key) (k key, ok bool) {
	if json.Unmarshal([]byte(stored.Reveal()), &k) != nil || !goodToken(k.Token) || k.Issued.IsZero() {
		return key{}, false
	}
	k.Share = k.Share.Clamp()
	return k, true
}

// move shifts every instant by d.
func (k *key) move(d time.Duration) {
	k.Issued = k.Issued.Add(d)
	k.Readings = slices.Clone(k.Readings)
	for i := range k.Readings {
		k.Readings[i].Expires = k.Readings[i].Expires.Add(d)
	}
	if !k.Limit.IsZero() {
		k.Limit = k.Limit.Add(d)
	}
}

// header returns what every request of the session carries.
func (k *key) header() http.Header {
	return http.Header{"Content-Type": contentType, "Authorization": {"Bearer " + k.Token}}
}

var contentType = []string{"application/json"}

// earliest returns the end that renewal goes by: the earliest reading's, however
// short, so that no consumer is given a dead token. The token that was renewed
// lives on and refutes the reading once it has outlived it. tried is set where
// that cannot be, because every log-in ends the token before: then readings of a
// very short life are not followed where there is a longer one, and the probe is
// sent just after each of them.
func (k *key) earliest(plausible []reading, tried bool) time.Time {
	end := k.Issued.Add(assumedLife)
	for i, r := range plausible {
		end = r.Expires
		if last := i == len(plausible)-1; last || !tried || end.Sub(k.Issued) >= shortLife {
			break
		}
	}
	return k.limited(end)
}

// latest returns when the token is dead by every plausible reading.
func (k *key) latest(plausible []reading) time.Time {
	if len(plausible) == 0 {
		return k.limited(k.Issued.Add(assumedEnd))
	}
	return k.limited(plausible[len(plausible)-1].Expires)
}

func (k *key) limited(end time.Time) time.Time {
	if !k.Limit.IsZero() && k.Limit.Before(end) {
		return k.Limit
	}
	return end
}

// renewal returns when the token is to be renewed: at its share of the life
// until end, and not sooner than 5 s after the log-in.
func (k *key) renewal(end time.Time) time.Time {
	return k.Share.Renewal(k.Issued, end.Sub(k.Issued), renewFloor)
}
