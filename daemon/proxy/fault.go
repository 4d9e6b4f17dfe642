package proxy

import (
	"encoding/json"
	"net/http"

	"agentkeeper/daemon/listener"
	"agentkeeper/session"
)

// faultLimit is the longest text of an answer of the proxy's own, in bytes: it
// may name what the client asked for.
const faultLimit = 512

// fault is an answer of the proxy's own.
type fault struct {
	status int
	text   string
	retry  string // Retry-After in seconds; "": none

	why listener.Reason // counted; "": not
}

func (f *fault) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if f.retry != "" {
		h.Set("Retry-After", f.retry)
	}
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": session.Cut(f.text, faultLimit)}) // a client that went away is told nothing
}
