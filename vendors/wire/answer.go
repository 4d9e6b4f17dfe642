package wire

import (
	"net/http"
	"net/url"
)

// Basis is what an answer is judged by.
type Basis uint8

// The bases.
const (
	ByCode    Basis = iota // the body holds a code of the vendor's
	ByStatus               // it holds none, and the HTTP status tells of a failure
	ByNothing              // it holds none, though the HTTP status tells of success
)

// Read applies the one rule by which every vendor's answers are judged: the body
// is read first, a code in it decides whatever the HTTP status, and the status
// decides only where there is none. parse reads a body, and fails where it holds
// no plausible code.
//
// Platforms answer a wrong password with 200, 401 or 500 and the same body; who
// looks at the status alone takes a refusal for an outage and sends the password
// again.
func Read[E any](a Answer, parse func(body []byte) (E, error)) (E, Basis) {
	e, err := parse(a.Body)
	switch {
	case err == nil:
		return e, ByCode
	case a.OK():
		return e, ByNothing
	}
	return e, ByStatus
}

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
