package edna

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"agentkeeper/vendors/token"
	"agentkeeper/vendors/wire"
)

// grant is what a good log-in's answer brings.
type grant struct {
	token    string // without any Bearer; "": none that is usable
	mismatch bool   // body and header carry different tokens
}

// grantOf reads the token: the body's, or else the header's (vendor page:
// log-in).
func grantOf(a wire.Answer) grant {
	body, header := bodyToken(a.Body), headerToken(a.Header)
	if body == "" {
		return grant{token: header}
	}
	return grant{token: body, mismatch: header != "" && header != body}
}

// bodyToken returns the token in a log-in's body, "" where there is none that is
// usable, whatever else the body is.
func bodyToken(body []byte) string {
	var v struct {
		Token wire.Text `json:"token"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	return usable(string(v.Token))
}

// headerToken returns the first usable token in the headers Authorization.
func headerToken(h http.Header) string {
	for _, value := range h.Values("Authorization") {
		if text := usable(value); text != "" {
			return text
		}
	}
	return ""
}

const (
	scheme     = "Bearer"
	tokenLimit = 16 << 10 // servers take no header beyond it
)

// usable drops every leading Bearer from text and returns the rest where it can
// be sent in a header, "" otherwise.
func usable(text string) string {
	for {
		text = strings.TrimSpace(text)
		if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
			break
		}
		rest := text[len(scheme):]
		if rest != "" && strings.TrimLeft(rest, " \t") == rest {
			break // a token that only begins with these letters
		}
		text = rest
	}
	if len(text) > tokenLimit || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return ""
	}
	return text
}

// The shortest and the longest life that a token's own exp is accepted for.
const (
	shortestLife = time.Minute
	longestLife  = 10 * 365 * 24 * time.Hour
)

// lifeOf returns how long a token that is a JWT lives by its own exp: from its
// iat or from the answer's Date, whichever is shorter (a platform may hand out a
// token again that is older), or from now where both are missing. 0: there is
// no exp, or no sensible one.
func lifeOf(text string, date, now time.Time) time.Duration {
	expires, issued, ok := token.JWT(text)
	if !ok {
		return 0
	}
	if life := shorter(expires, issued, date); life > 0 {
		return life
	}
	return shorter(expires, now)
}

// shorter returns the shortest sensible time from one of since to end; 0 where
// there is none.
func shorter(end time.Time, since ...time.Time) (shortest time.Duration) {
	for _, t := range since {
		life := end.Sub(t)
		if t.IsZero() || life < shortestLife || life > longestLife {
			continue
		}
		if shortest == 0 || life < shortest {
			shortest = life
		}
	}
	return shortest
}
