package huaweiconfig

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/option"
)

// window is the gap between two requests that a Guid survives (vendor page:
// dynamic authentication, CONFIG_GUIDTIMEOUT).
const window = 2 * time.Minute

// grace lets a keep-alive under way end by itself: its answer may carry a Guid.
const grace = 2 * time.Second

// specs describes every option of the vendor.
var specs = []option.Spec{
	{Name: "keep_alive", Kind: option.Duration, Default: "60s", Min: int64(time.Second), Max: int64(24 * time.Hour), When: option.When{Option: "probe"}, Doc: "the longest pause between two keep-alives; below the window, and at most half of it is used"},
	{Name: "probe", Kind: option.String, MaxLen: 512, Doc: "a cheap request that keeps the Guid from lapsing: a path under /agentgateway/resource, GET unless written POST /path; without it the program logs in anew before the window ends"},
}

// Settings are an agent's decoded options: what [session.Account.Options] holds
// for this vendor. They contain no pointers and no secrets.
type Settings struct {
	Window    time.Duration // the longest gap that a Guid survives
	KeepAlive time.Duration // the longest pause between two keep-alives, as configured
	Method    string        // of the keep-alive
	Path      string        // of the keep-alive, below the gateway's base; "" = none
}

// decode turns an agent's merged options into Settings and the terms that the
// driver keeps to. window is the platform's.
func decode(set option.Set, window time.Duration) (any, session.Terms, []option.Problem) {
	r := option.Read(set, specs)
	s := Settings{Window: window, KeepAlive: keepAlive(r, window)}
	s.Method, s.Path = probe(r)
	return s, session.Terms{Grace: grace}, r.Problems()
}

// keepAlive checks keep_alive < window; the default is capped so.
func keepAlive(r *option.Reader, window time.Duration) time.Duration {
	d := r.Duration("keep_alive")
	if d < window {
		return d
	}
	if r.Has("keep_alive") {
		r.Problem("keep_alive", fmt.Sprintf("option \"keep_alive\": %s must be below the window of %s, or the Guid lapses between two keep-alives", d, window))
	}
	return window / 2
}

// advise reports a keep_alive that is shortened.
func advise(set option.Set, window time.Duration) []option.Problem {
	r := option.Read(set, specs)
	if len(r.Problems()) > 0 {
		return nil // decode reports them
	}
	if d := r.Duration("keep_alive"); r.Has("keep_alive") && d > window/2 && d < window {
		r.Problem("keep_alive", fmt.Sprintf("option \"keep_alive\": %s is above half the window of %s; %s is used", d, window, window/2))
	}
	return r.Problems()
}

// probe reads "/path", "GET /path" or "POST /path".
func probe(r *option.Reader) (method, path string) {
	text := r.String("probe")
	if text == "" {
		return "", ""
	}
	method, path, spaced := strings.Cut(text, " ")
	if !spaced {
		method, path = http.MethodGet, text
	}
	path = strings.TrimSpace(path)
	if why := unfit(method, path); why != "" {
		r.Problem("probe", fmt.Sprintf("option \"probe\" %s: write for example /config/agents, or POST /config/agents/query", why))
		return "", ""
	}
	return method, path
}

// unfit returns why method and path cannot be a probe, or "".
func unfit(method, path string) string {
	switch {
	case method != http.MethodGet && method != http.MethodPost:
		return "names another method than GET or POST"
	case !strings.HasPrefix(path, "/"):
		return "does not begin with a slash"
	case path == ccgateway.Base || strings.HasPrefix(path, ccgateway.Base+"/"):
		return "repeats " + ccgateway.Base + ", which is put before it"
	case strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' }):
		return "holds characters that must be percent-encoded"
	case slices.Contains(strings.Split(path, "/"), ".."):
		return "leads out of " + ccgateway.Base
	case path == loginPath:
		return "is the login itself, which would count as one"
	}
	return ""
}
