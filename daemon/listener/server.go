package listener

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"agentkeeper/session"
)

const (
	headerTimeout  = 5 * time.Second  // for TLS, and for a request's header
	requestTimeout = 15 * time.Second // for a request whole, unless its handler allows more
	idleTimeout    = 2 * time.Minute  // between requests
	pingAfter      = 15 * time.Second // of silence on HTTP/2, even within a request
	pingTimeout    = 10 * time.Second // then, for the answer
	writeTimeout   = 30 * time.Second // a client that takes nothing for so long is cut off
	// answerTimeout is above the longest answer: a request may ask to wait for ten
	// minutes. The handlers set nearer limits where they write.
	answerTimeout = 11 * time.Minute

	headerLimit = 64 << 10 // of a request's line and header, in bytes
	targetLimit = 16 << 10 // of its path and query, in bytes
	streams     = 64       // requests that an HTTP/2 connection has at once
	nameLimit   = 128      // of a name that a client chose, in an answer or the log, in bytes
	errorLimit  = 4 << 10  // of the text that an answer refuses with, in bytes
)

// NewServer returns a server that bounds what a client can take of it: time for
// TLS, for a request's header and the whole request, time without one, the
// header's size, connections. The handlers bound bodies and the time that a
// write takes, see Handler and Paced.
func NewServer(h http.Handler, places *Places) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerLimit, ConnState: places.See,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streams,
			SendPingTimeout:      pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: writeTimeout,
		},
	}
}

// Handler refuses requests with a path and query beyond 16 KiB, before h sees
// them. refusals may be nil.
func Handler(h http.Handler, refusals *Refusals) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if len(req.RequestURI) > targetLimit {
			refusals.Note(Length, slog.String("from", req.RemoteAddr), slog.Int("bytes", len(req.RequestURI)))
			Fail(w, http.StatusRequestURITooLong, fmt.Sprintf("the path and query have %d bytes, and %d at most are read", len(req.RequestURI), targetLimit))
			return
		}
		h.ServeHTTP(w, req)
	})
}

// ReadOnly lets requests through that have no body and ask for a good host, as
// hosts tells at each of them. key is where the configuration lists further names, for whoever reads the answer.
// refusals may be nil.
func ReadOnly(h http.Handler, hosts func() Hosts, key string, refusals *Refusals) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case !hosts().Good(req):
			name := session.Cut(hostname(req.Host), nameLimit)
			refusals.Note(Host, slog.String("from", req.RemoteAddr), slog.String("host", name))
			Fail(w, http.StatusForbidden, fmt.Sprintf("the Host header names %q, which may be another site's name for this host: ask by an IP address or localhost, or list the name in %s", name, key))
		case req.ContentLength != 0:
			Unread(w)
			refusals.Note(Body, slog.String("from", req.RemoteAddr))
			Fail(w, http.StatusRequestEntityTooLarge, "this address is read only and takes no body")
		default:
			h.ServeHTTP(w, req)
		}
	})
}

// Unread closes the connection after an answer that is still to be written.
// Otherwise the server would first read on in the request's body for a while, at
// the client's pace.
func Unread(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
}
