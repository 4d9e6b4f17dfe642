package huawei

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"agentkeeper/vendors/option"
)

// The values of keep_alive.
const (
	handshake = "handshake" // POST (vendor page: handshake)
	heartbeat = "heartbeat" // PUT: of older gateways
)

const (
	// keepEvery is what the vendor advises for handshakes. Heartbeats are sent
	// every 60 s by the vendor's own clients; but their answers are the only ones
	// that bring a new Guid, and one missed in 120 s costs the session.
	keepEvery   = 30 * time.Second
	keepTimeout = 10 * time.Second
	// pushGrace is how long a request that keeps a session may go on when the
	// agent is to do something else: its answer may bring a new Guid. Waiting
	// for events can be cut at any time.
	pushGrace = 2 * time.Second
)

// push decodes how events come. What keeps a session is sent well within half
// the window, and given up early enough to be tried again inside it.
func push(r *option.Reader, window time.Duration) Push {
	if r.String("events") != "push" {
		refusePushOptions(r)
		return Push{}
	}
	for _, name := range []string{"callback_url", "service_token_file"} {
		if r.String(name) == "" {
			r.Problem("events", fmt.Sprintf("option \"events\": push needs callback_url and service_token_file, and %s is not given; write it, or use poll", name))
		}
	}
	p := Push{CallbackURL: r.String("callback_url"), KeepAlive: r.String("keep_alive"),
		Every: min(keepEvery, window/4), Timeout: min(keepTimeout, window/8)}
	if why := wrongCallback(p.CallbackURL); why != "" && p.CallbackURL != "" {
		r.Problem("callback_url", "option \"callback_url\" "+why)
	}
	return p
}

func refusePushOptions(r *option.Reader) {
	for _, name := range []string{"callback_url", "service_token_file", "keep_alive"} {
		if r.Has(name) && r.String(name) != "" {
			r.Problem(name, fmt.Sprintf("option %q belongs to events: push; write that as well, or remove it", name))
		}
	}
}

// wrongCallback says why text cannot be an address for the platform to send
// events to, or "".
func wrongCallback(text string) string {
	const example = "write for example https://keeper.example:9466/callback/hq"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "is no URL of HTTP; " + example
	case u.User != nil:
		return "contains credentials; remove them, the platform proves itself by the service token"
	case u.Fragment != "" || strings.ContainsAny(text, " \t"):
		return "has a fragment or a space; " + example
	}
	return ""
}

// tokenLimit is the longest service token, in characters (vendor page: push).
const tokenLimit = 50

// checkToken says what the platform does not take in a service token.
func checkToken(token string) string {
	const letters = "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	switch {
	case utf8.RuneCountInString(token) > tokenLimit:
		return fmt.Sprintf("%d characters, the platform takes at most %d", utf8.RuneCountInString(token), tokenLimit)
	case strings.Trim(token, letters) != "" || strings.ContainsFunc(token, func(c rune) bool { return !strings.ContainsRune(letters, c) }):
		return "a character that the platform does not take; use letters, digits, - and _"
	}
	return ""
}
