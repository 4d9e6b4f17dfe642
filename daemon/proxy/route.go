package proxy

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"agentkeeper/session"
)

// route is what a request's path says: whose session, and what on the platform.
type route struct {
	id session.ID
	// rest is the path on the platform, escaped as the client did; it begins
	// with a slash.
	rest string
	// segments are those of rest, unescaped; the last is empty where rest ends
	// with a slash.
	segments []string
}

var errRoute = errors.New("the path is not /{platform}/{login}/…; a slash in a login is written %2F")

// parseRoute divides an escaped path. It refuses what a server might read as
// another path than the one that the rules saw: dot segments, empty ones,
// escaped slashes, backslashes and percents, path parameters and control
// characters.
func parseRoute(escaped string) (route, error) {
	parts := strings.SplitN(escaped, "/", 4)
	if len(parts) != 4 || parts[0] != "" {
		return route{}, errRoute
	}
	platform, err := url.PathUnescape(parts[1])
	login, errLogin := url.PathUnescape(parts[2])
	if err = errors.Join(err, errLogin); err != nil || dots(platform) || dots(login) || platform == "" || login == "" {
		return route{}, errRoute
	}
	segments, err := segmentsOf(parts[3])
	if err != nil {
		return route{}, err
	}
	return route{id: session.ID{Platform: platform, Login: login}, rest: "/" + parts[3], segments: segments}, nil
}

func dots(segment string) bool { return segment == "." || segment == ".." }

func segmentsOf(escaped string) ([]string, error) {
	segments := strings.Split(escaped, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		switch {
		case err != nil, strings.ContainsFunc(plain, ambiguous):
			return nil, fmt.Errorf("segment %d behind the login holds one of / \\ %% ; or a control character, which cannot be forwarded safely", i+1)
		case dots(plain), plain == "" && i < len(segments)-1:
			return nil, fmt.Errorf("segment %d behind the login is empty, . or .., which cannot be forwarded safely: write the path without it", i+1)
		}
		segments[i] = plain
	}
	return segments, nil
}

func ambiguous(c rune) bool { return c < ' ' || c == 0x7f || strings.ContainsRune(`/\%;`, c) }

// on returns the URL of the route on a platform.
func (r route) on(target *url.URL, query string) *url.URL {
	base := strings.TrimSuffix(target.EscapedPath(), "/")
	plain := strings.TrimSuffix(target.Path, "/") + "/" + strings.Join(r.segments, "/")
	return &url.URL{Scheme: target.Scheme, Host: target.Host, Path: plain, RawPath: base + r.rest, RawQuery: query}
}

// prefix is what the client's paths have before the platform's.
func (r route) prefix() string {
	return "/" + url.PathEscape(r.id.Platform) + "/" + url.PathEscape(r.id.Login)
}
