package huawei

import (
	"encoding/json"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
)

// key is what proves a session, and what must not be forgotten about it when
// another process adopts it.
type key struct {
	Guid      string    `json:"guid"` // "" = the gateway knows none
	GuidSince time.Time `json:"guid_since"`
	// Pace is the shortest time after which the platform changed the Guid by
	// itself; 0: it never did.
	Pace     time.Duration     `json:"pace,omitempty"`
	Cookies  ccgateway.Cookies `json:"cookies,omitempty"`
	SignedIn time.Time         `json:"signed_in"`

	LoginTime     string `json:"login_time,omitempty"`
	MediaType     string `json:"media_type,omitempty"`
	ForceChange   bool   `json:"force_change,omitempty"`
	TimeRemaining string `json:"time_remaining,omitempty"`

	// Token is the service token that the platform was given: its callbacks are
	// known by it, and nothing is polled. "" = events are polled.
	Token string `json:"service_token,omitempty"`
}

func (k *key) encode() session.Key {
	text, err := json.Marshal(k)
	if err != nil {
		panic("huawei: a key of plain text cannot be encoded: " + err.Error()) // not reachable
	}
	return session.NewKey(text)
}

// decodeKey reads what encode wrote. ok is false for anything else.
func decodeKey(stored session.Key) (k key, ok bool) {
	if err := json.Unmarshal([]byte(stored.Reveal()), &k); err != nil {
		return key{}, false
	}
	return k, ccgateway.ValidGuid(k.Guid) || (k.Guid == "" && !k.SignedIn.IsZero())
}

// update takes the Guid and the cookies of an answer to a request that was sent
// with the Guid used, and reports whether anything changed.
func (k *key) update(used string, h http.Header, now time.Time) bool {
	changed := k.Cookies.Update(h.Values("Set-Cookie"), now)
	// An answer that only repeats what it was asked with brings nothing new,
	// and may come after one that did.
	if guid := ccgateway.GuidIn(h); guid != "" && guid != used && guid != k.Guid {
		if used != "" {
			k.paced(k.GuidSince, now)
		}
		k.Guid = guid
		k.GuidSince = now
		changed = true
	}
	return changed
}

// header returns what every request of the session carries. Body-less requests
// have a Content-Type too (vendor page: sign-in).
func (k *key) header() http.Header {
	h := http.Header{"Content-Type": ccgateway.ContentType}
	if k.Guid != "" {
		h["Guid"] = []string{k.Guid}
	}
	if c := k.Cookies.Header(); c != "" {
		h["Cookie"] = []string{c}
	}
	return h
}

// secrets lists what must not be shown.
func (k *key) secrets() []string {
	return append(k.Cookies.Secrets(), k.Guid, k.Token)
}
