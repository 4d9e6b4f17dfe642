package wire

import (
	"net/http"
	"net/url"
)

// Redirect says where an answer leads to, by scheme and host alone: the rest may
// be secret. It is "" for an answer that leads nowhere.
func (a Answer) Redirect() string {
	if a.Status < 300 || a.Status > 399 || a.Status == http.StatusNotModified {
		return ""
	}
	to, err := url.Parse(a.Header.Get("Location"))
	switch {
	case err != nil, to.Host == "" && to.Path == "":
		return "the address redirects elsewhere"
	case to.Host == "":
		return "the address redirects to another path of the same host"
	case to.Scheme == "":
		return "the address redirects to the host " + Plain(to.Host)
	}
	return "the address redirects to " + Plain(to.Scheme+"://"+to.Host)
}
