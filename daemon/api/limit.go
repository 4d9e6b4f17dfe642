package api

import (
	"errors"
	"net/http"
	"time"
)

const (
	bodyLimit    = 1 << 20          // more than any request but a plan needs, in bytes
	writeTimeout = 30 * time.Second // a client that takes nothing for so long is cut off
	followers    = 256              // of the event stream at once: half of a listener's connections
)

// limited bounds what a request may take, and tells browsers what answers are
// not for. A handler may set other headers.
func limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		guard(w.Header())
		req.Body = http.MaxBytesReader(w, req.Body, bodyLimitOf(req))
		h.ServeHTTP(&writer{w, http.NewResponseController(w)}, req)
	})
}

// guard sets the headers that keep answers out of frames, caches and other
// sites' pages.
func guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// writer gives every write a time limit of its own.
type writer struct {
	http.ResponseWriter
	rc *http.ResponseController
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	_ = w.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// atMost answers 503 to more than n requests at once.
func atMost(n int, h http.HandlerFunc) http.HandlerFunc {
	slots := make(chan struct{}, n)
	return func(w http.ResponseWriter, req *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			h(w, req)
		default:
			unavailable(w, "too many consumers follow the events: try again later")
		}
	}
}

// failBody answers a request whose body cannot be read or is not as it should
// be.
func failBody(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		status = http.StatusRequestEntityTooLarge
	}
	fail(w, status, err.Error())
}
