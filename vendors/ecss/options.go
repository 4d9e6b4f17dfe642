package ecss

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// Values of login_over and token_in.
const (
	overWebsocket = "websocket"
	overHTTP      = "http"

	inHeader  = "header"
	inQuery   = "query"
	inMessage = "message"
	inNone    = "none"
)

// specs describes the vendor's options.
var specs = []option.Spec{
	{Name: "profile", Kind: option.String, Default: "default", Doc: "name of the server settings profile to log in with"},
	{Name: "domain", Kind: option.String, Doc: "virtual PBX; left out where the profile sets it"},
	{Name: "role", Kind: option.String, Default: "operator", Doc: `role to log in with; "" leaves it out`},
	{Name: "login_over", Kind: option.String, Default: overWebsocket, Enum: []string{overWebsocket, overHTTP},
		Doc: "websocket: the login is a message on the socket; http: log in by POST to login_path, then open the websocket on / with the token"},
	{Name: "login_path", Kind: option.String, Default: "/", Doc: "path of the websocket, or of the POST where login_over is http"},
	{Name: "token_in", Kind: option.String, Default: inHeader, Enum: []string{inHeader, inQuery, inMessage, inNone}, When: option.When{Option: "login_over", Is: overHTTP},
		Doc: "where the websocket carries the token after a login by POST: Authorization header, query parameter token, a first message with the action authorize, or nowhere"},
	{Name: "ping", Kind: option.Duration, Default: "25s", Min: 0, Max: int64(time.Hour),
		Doc: "pause between websocket pings; where they are not answered a request is sent, and no answer within 3 x ping is a dead socket; 0 sends no pings, and a request every 25s instead"},
	{Name: "keep_active", Kind: option.Bool, Default: "true", Doc: "repeat call/subscribe at a third of autoLogoutTimeout, so that the platform does not log the agent out for inactivity"},
	{Name: "taken_retry", Kind: option.Duration, Default: "15s", Min: int64(time.Second), Max: int64(time.Hour), Doc: "pause before the next login when the number is occupied"},
	{Name: "subscribe", Kind: option.Bool, Default: "true", Doc: "subscribe to the agent's calls (call/subscribe) after the login"},
	{Name: "logout_action", Kind: option.String, Default: "logout", Doc: `action that logs out (the vendor documents none); "" only closes the websocket`},
	{Name: "origin", Kind: option.String, Doc: "Origin header of the websocket handshake; none by default"},
}

// silentPings is how many pings long the platform may be silent.
const silentPings = 3

const (
	pingLeast = 10 * time.Millisecond
	noPings   = 25 * time.Second // the pace of requests where pings are switched off
)

// pace returns the pause between signs of life that are asked for, and whether
// pings ask for them.
func pace(ping time.Duration) (every time.Duration, pings bool) {
	if ping == 0 {
		return noPings, false
	}
	return ping, true
}

// settings is an agent's options, decoded.
type settings struct {
	profile, domain, role string
	byPost                bool
	path, tokenIn         string
	ping, takenRetry      time.Duration
	pingless              bool // requests take the pings' place
	keepActive, subscribe bool
	logoutAction, origin  string
}

// windowOf returns 3 x ping of the platform's options.
func windowOf(platform option.Set) time.Duration {
	every, _ := pace(option.Read(platform, specs).Duration("ping"))
	return silentPings * every
}

// decode turns an agent's options into what SignIn expects in
// [session.Account], and the terms that its driver keeps to. A session taken
// away by another client is not fought for longer than three times in ten
// minutes.
func decode(set option.Set, window time.Duration) (any, session.Terms, []option.Problem) {
	r := option.Read(set, specs)
	s := &settings{
		profile: r.String("profile"), domain: r.String("domain"), role: r.String("role"),
		byPost: r.String("login_over") == overHTTP, path: r.String("login_path"), tokenIn: r.String("token_in"),
		ping: r.Duration("ping"), takenRetry: r.Duration("taken_retry"),
		keepActive: r.Bool("keep_active"), subscribe: r.Bool("subscribe"),
		logoutAction: r.String("logout_action"), origin: r.String("origin"),
	}
	if s.ping > 0 && s.ping < pingLeast {
		r.Problem("ping", fmt.Sprintf("option %q: %s is outside 10ms to 1h, and is not 0 for no pings", "ping", s.ping))
	}
	if s.ping == 0 {
		s.pingless, s.ping = true, min(noPings, window/silentPings)
	}
	if silentPings*s.ping > window {
		r.Problem("ping", fmt.Sprintf("option %q: 3 x %s is above the platform's window of %s: make ping shorter or window longer", "ping", s.ping, window))
	}
	if !goodPath(s.path) {
		r.Problem("login_path", fmt.Sprintf("option %q: no path: write for example /login", "login_path"))
	}
	if strings.ContainsFunc(s.origin, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.Problem("origin", fmt.Sprintf("option %q: blanks and special characters are not allowed: write for example https://ui.example", "origin"))
	}
	return s, session.Terms{Grace: time.Second, ForceLimit: 3, ForceWithin: 10 * time.Minute}, r.Problems()
}

// goodPath reports whether path can be sent in a request as it is.
func goodPath(path string) bool {
	u, err := url.Parse(path)
	return err == nil && strings.HasPrefix(path, "/") && u.Host == "" && !strings.ContainsFunc(path, func(c rune) bool {
		return c <= ' ' || c > '~' || c == '#'
	})
}
