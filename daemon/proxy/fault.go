package proxy

import (
	"net/http"
	"time"

	"agentkeeper/daemon/listener"
	"agentkeeper/session"
)

// faultLimit is the longest text of an answer of the proxy's own, in bytes: it
// may name what the client asked for.
const faultLimit = 512

// fault is an answer of the proxy's own.
type fault struct {
	status int // where retry is 0; else it is 503
	text   string
	retry  time.Duration // Retry-After, in whole seconds; 0: none

	why listener.Reason // counted; "": not
}

func (f *fault) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	text := session.Cut(f.text, faultLimit)
	if f.retry > 0 {
		listener.FailLater(w, f.retry, text)
		return
	}
	listener.Fail(w, f.status, text)
}
