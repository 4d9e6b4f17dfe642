package proxy

import (
	"errors"
	"net/url"
	"strings"

	"agentkeeper/session"
	"agentkeeper/vendors/rules"
)

// route is what a request's path says: whose session, and what on the platform.
type route struct {
	id session.ID
	// rest is the path on the platform as the client wrote it, without its
	// leading slash.
	rest string
}

var errRoute = errors.New("the path is not /{platform}/{login}/…; a slash in a login is written %2F")

// parseRoute divides an escaped path. What is behind the login is for the rules
// to judge.
func parseRoute(escaped string) (route, error) {
	parts := strings.SplitN(escaped, "/", 4)
	if len(parts) != 4 || parts[0] != "" {
		return route{}, errRoute
	}
	platform, err := url.PathUnescape(parts[1])
	login, errLogin := url.PathUnescape(parts[2])
	if err = errors.Join(err, errLogin); err != nil || !isNamed(platform) || !isNamed(login) {
		return route{}, errRoute
	}
	return route{id: session.ID{Platform: platform, Login: login}, rest: parts[3]}, nil
}

func isNamed(segment string) bool { return segment != "" && !rules.IsDots(segment) }

// on returns the URL of a request on a platform.
func on(target *url.URL, r rules.Request) *url.URL {
	base := strings.TrimSuffix(target.EscapedPath(), "/")
	plain := strings.TrimSuffix(target.Path, "/") + "/" + strings.Join(r.Segments, "/")
	return &url.URL{Scheme: target.Scheme, Host: target.Host, Path: plain, RawPath: base + r.Path(), RawQuery: r.RawQuery()}
}

// prefix is what the client's paths have before the platform's.
func (r route) prefix() string {
	return "/" + url.PathEscape(r.id.Platform) + "/" + url.PathEscape(r.id.Login)
}
