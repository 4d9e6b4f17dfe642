package api

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"

	"agentkeeper/session"
)

// Profiles are the profiles of the process that root can ask the control socket
// for.
func Profiles() []string { return []string{"goroutine", "heap"} }

// profile answers with a profile as `go tool pprof` reads it, with ?debug=1 or 2
// as text. It is for root alone: it shows what the memory holds, and costs a stop
// of the whole process.
func (c *Controller) profile(w http.ResponseWriter, req *http.Request) {
	name, debug := req.PathValue("profile"), req.URL.Query().Get("debug")
	level, known := map[string]int{"": 0, "0": 0, "1": 1, "2": 2}[debug]
	peer := PeerOf(req.Context())
	switch {
	case !peer.known || peer.UID != 0:
		fail(w, http.StatusForbidden, peer.String()+" may not read the process's profiles: ask as root")
		return
	case !slices.Contains(Profiles(), name):
		fail(w, http.StatusNotFound, fmt.Sprintf("no such profile: %s (there are: %s)", session.Cut(name, textLimit), strings.Join(Profiles(), ", ")))
		return
	case !known:
		fail(w, http.StatusBadRequest, fmt.Sprintf("debug %q: use 0 (for go tool pprof), 1 or 2 (text)", session.Cut(debug, textLimit)))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if level > 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	if name == "heap" {
		runtime.GC() // so that the profile shows what is in use
	}
	c.Log.Info("audit", "operation", "profile", "profile", name, "by", peer.String())
	_ = pprof.Lookup(name).WriteTo(w, level) // the client went away
}
