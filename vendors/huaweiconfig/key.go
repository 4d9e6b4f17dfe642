package huaweiconfig

import (
	"encoding/json"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/token"
)

// key is what proves a login, and what must not be forgotten about it when
// another process adopts it.
type key struct {
	Guid      string            `json:"guid"`
	GuidSince time.Time         `json:"guid_since"`
	Cookies   ccgateway.Cookies `json:"cookies,omitempty"`
	// Renew and Expires count where nothing can keep the Guid alive: when to ask
	// for a new login, and when the Guid has certainly lapsed.
	Renew   time.Time `json:"renew"`
	Expires time.Time `json:"expires"`
	// Unfit is the probe that was switched off, "" for none, and UnfitCode
	// what it was answered.
	Unfit     string `json:"misfit,omitempty"`
	UnfitCode string `json:"misfit_code,omitempty"`
}

// renewFloor is how soon after a login the next one may come, where the window leaves
// room for that.
const renewFloor = 30 * time.Second

// begin starts the life of a Guid that a login brought. The renewal's instant is
// drawn here, once.
func (k *key) begin(now time.Time, window time.Duration) {
	k.GuidSince = now
	k.Renew = token.DrawShare().Renewal(now, window, min(renewFloor, token.ShareTo.Of(window)))
	k.Expires = now.Add(window)
}

// adjustClock follows a clock that was set since the key was stored, or is wrong now:
// the Guid's age is not known then, so its renewal is due at once, and it
// lives for a window from now at most.
func (k *key) adjustClock(now time.Time, window time.Duration) {
	if now.Before(k.GuidSince) {
		k.GuidSince, k.Renew = now, now
	}
	if latest := now.Add(window); k.Expires.After(latest) {
		k.Expires = latest
	}
}

func part(d time.Duration, share float64) time.Duration { return time.Duration(float64(d) * share) }

func (k *key) encode() session.Key {
	text, err := json.Marshal(k)
	if err != nil {
		panic("huaweiconfig: a key of plain text cannot be encoded: " + err.Error()) // not reachable
	}
	return session.NewKey(text)
}

// decodeKey reads what encode wrote. ok is false for anything else.
func decodeKey(stored session.Key) (k key, ok bool) {
	if err := json.Unmarshal([]byte(stored.Reveal()), &k); err != nil {
		return key{}, false
	}
	return k, ccgateway.ValidGuid(k.Guid)
}

// update takes over guid ("" = none) and the cookies from an answer to a request
// that was sent with the Guid used, and reports whether anything changed. An
// answer that only repeats what it was asked with brings nothing new.
func (k *key) update(used, guid string, h http.Header, now time.Time) bool {
	changed := k.Cookies.Update(h.Values("Set-Cookie"), now)
	if guid != "" && guid != used && guid != k.Guid {
		k.Guid = guid
		k.GuidSince = now
		changed = true
	}
	return changed
}

// header returns what a request carries.
func (k *key) header() http.Header {
	h := http.Header{"Content-Type": ccgateway.ContentType}
	for _, one := range k.credential() {
		h[one.Name] = []string{one.Value}
	}
	return h
}

// credential returns the headers that open the configuration interface: the Guid
// and, for the load balancer, the cookies.
func (k *key) credential() (h session.Headers) {
	if k.Guid != "" {
		h = append(h, session.Header{Name: "Guid", Value: k.Guid})
	}
	if c := k.Cookies.Header(); c != "" {
		h = append(h, session.Header{Name: "Cookie", Value: c})
	}
	return h
}

// secrets lists what must not be shown.
func (k *key) secrets() []string { return append(k.Cookies.Secrets(), k.Guid) }
