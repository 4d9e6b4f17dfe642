package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"agentkeeper/daemon/listener"
)

const (
	bodyLimit  = 64 << 10         // more than any request but a plan needs, in bytes
	waitLimit  = 10 * time.Minute // that a request may ask to wait for its outcome
	followers  = 256              // of the event stream at once and at one door: half of a listener's connections
	errorLimit = 256              // of an error that repeats what a client wrote, in bytes
	textLimit  = 64               // of a short text (a duration, a position) that an answer repeats, in bytes
)

// limited bounds what a request may take, and tells browsers what answers are
// not for. A handler may set other headers.
func limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		securityHeaders(w.Header())
		req.Body = http.MaxBytesReader(w, req.Body, bodyLimitOf(req))
		h.ServeHTTP(listener.Paced(w, time.Time{}), req)
	})
}

// securityHeaders sets the headers that keep answers out of frames, caches and other
// sites' pages.
func securityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// places are those for readers of the events at one door. Each door has its own:
// nobody at the public address keeps people at the control socket out.
type places struct {
	taken    chan struct{} // one element for each
	door     string
	audience Audience
	log      *listener.Log
}

func newPlaces(n int, door string, a Audience, log *slog.Logger) *places {
	return &places{taken: make(chan struct{}, n), door: door, audience: a, log: listener.NewLog(log)}
}

// serve answers 503 to whoever finds all places taken; the others notice
// nothing.
func (p *places) serve(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		select {
		case p.taken <- struct{}{}:
			p.audience.FollowerCame(p.door)
			defer func() {
				<-p.taken
				p.audience.FollowerLeft(p.door)
			}()
			h(w, req)
		default:
			p.audience.FollowerRefused(p.door)
			p.log.Warn("api: a consumer of the events was refused: all places are taken; end those that are not needed, see agentkeeper_event_followers",
				p.door, slog.String("door", p.door), slog.Int("places", cap(p.taken)), slog.String("from", req.RemoteAddr))
			unavailable(w, fmt.Sprintf("%d consumers read the events here, which is all that are served at once: try again later", cap(p.taken)))
		}
	}
}
