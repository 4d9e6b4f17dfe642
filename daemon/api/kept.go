package api

import (
	"fmt"
	"net/http"
	"strconv"

	"agentkeeper/daemon/sse"
	"agentkeeper/session"
)

// events streams events; with ?follow=false it ends behind the newest.
func (r *Reader) events(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	if !q.Has("follow") {
		r.follow(w, req)
		return
	}
	follow, err := strconv.ParseBool(q.Get("follow"))
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Sprintf("follow %q: use true or false", session.Cut(q.Get("follow"), textLimit)))
		return
	}
	q.Del("follow")
	req.URL.RawQuery = q.Encode()
	if follow {
		r.follow(w, req)
		return
	}
	r.kept(w, req)
}

// kept sends what is kept behind Last-Event-ID, all of it without one, and
// ends. Where the store fails in between, the connection breaks off.
func (r *Reader) kept(w http.ResponseWriter, req *http.Request) {
	f, err := filterOf(req)
	after := uint64(0)
	if err == nil && req.Header.Get("Last-Event-ID") != "" {
		after, err = r.position(req)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if _, err := r.Events.LastSeq(req.Context()); err != nil { // while it can be said with a status
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	out := &eventWriter{Writer: sse.NewWriter(w)}
	if out.Comment(greeting) != nil {
		return
	}
	if err := r.Events.Read(req.Context(), after, f, out.events, out.gap); err != nil && req.Context().Err() == nil {
		panic(http.ErrAbortHandler) // or the reader would take it for the end
	}
}
