package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"agentkeeper/daemon/listener"
	"agentkeeper/session"
	"agentkeeper/vendors/rules"
)

// checkRequest refuses what no program at the site sends: requests that a web page
// caused in somebody's browser, by its own script or through a name that it
// points at this host, and ones that would leave HTTP.
func checkRequest(req *http.Request) *fault {
	switch {
	case !rules.IsMethod(req.Method):
		return &fault{status: http.StatusMethodNotAllowed, text: "the method is not forwarded"}
	case !listener.Hosts{}.Good(req):
		return &fault{status: http.StatusForbidden, why: listener.Host, text: "the Host header names another host than this one: ask http://127.0.0.1 or http://localhost"}
	case crossOrigin(req):
		return &fault{status: http.StatusForbidden, text: "a web page's requests are not forwarded: it would act as any agent"}
	}
	return checkFraming(req)
}

// checkFraming refuses what changes the protocol, hides a header from what is
// behind, or comes after the body. How long the body is, the server has decided
// by now; the request is framed anew with what was read of it, so that nobody
// behind can read two requests in one.
func checkFraming(req *http.Request) *fault {
	for _, protocol := range tokens(req.Header, "Upgrade") {
		if protocol != "h2c" { // some clients offer HTTP/2 with every request: it is left at HTTP/1.1
			return &fault{status: http.StatusNotImplemented, text: "another protocol is not forwarded: a log-in could hide in it"}
		}
	}
	for _, name := range tokens(req.Header, "Connection") {
		if !slices.Contains(hops(), name) {
			return &fault{status: http.StatusBadRequest, text: "the header Connection takes another header out of the request: leave it out"}
		}
	}
	if len(req.Trailer) > 0 {
		return &fault{status: http.StatusBadRequest, text: "headers behind the body are not forwarded: leave the trailer out"}
	}
	return nil
}

// hops are what a Connection header may name.
func hops() []string {
	return []string{"close", "keep-alive", "upgrade", "http2-settings", "te"}
}

// tokens returns the elements of a header's list, in small letters.
func tokens(h http.Header, name string) (list []string) {
	for _, value := range h.Values(name) {
		for element := range strings.SplitSeq(value, ",") {
			if element = strings.ToLower(strings.TrimSpace(element)); element != "" {
				list = append(list, element)
			}
		}
	}
	return list
}

// crossOrigin reports whether a browser says that a page of another origin
// asks. Reading is refused too: a platform's own CORS headers might let the
// page see the answer.
func crossOrigin(req *http.Request) bool {
	if site := req.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	origin := req.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, req.Host)
}

// privateHeaders lists request headers that are the client's or the session's own
// affair. Those by which a server takes another request for this one are
// refused before, see rules.Parse.
func privateHeaders() []string {
	return []string{
		"Authorization", "Proxy-Authorization", "Guid", "Set-Guid", "Cookie", "Cookie2", "Origin", "Referer", "Expect",
		"Connection", "Upgrade", "Http2-Settings", "Forwarded", "X-Real-Ip",
		"Accept-Encoding", // the transport asks for what it can undo, so that answers can be judged
	}
}

// stripRequest takes out of a request what must not go to the platform, however its
// name is spelled.
func stripRequest(h http.Header) {
	for name := range h {
		if known := rules.HeaderName(name); slices.Contains(privateHeaders(), known) || strings.HasPrefix(known, "X-Forwarded-") {
			delete(h, name)
		}
	}
}

// secretHeaders lists the answer's headers that carry or set a credential.
func secretHeaders() []string {
	return []string{"Set-Guid", "Guid", "Set-Cookie", "Set-Cookie2", "Cookie", "Authorization"}
}

// stripAnswer takes out of an answer what must not go to the client: credentials,
// and what is said about the platform's origin and not about the proxy's.
func stripAnswer(h http.Header, credential session.Headers) {
	for _, name := range secretHeaders() {
		h.Del(name)
	}
	for _, one := range credential {
		h.Del(one.Name)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Alt-Svc" || name == "Strict-Transport-Security" {
			h.Del(name)
		}
	}
}
