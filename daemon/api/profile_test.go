package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// Profiles are for root, not for everybody who may open the control socket.
func TestProfilesAreForRoot(t *testing.T) {
	root, member := Peer{known: true}, Peer{UID: 4_000_000_000, GID: uint32(os.Getegid()), known: true}
	c := &Controller{Reader: Reader{Log: slog.New(slog.DiscardHandler), Page: http.NotFoundHandler(), Metrics: http.NotFoundHandler()}}
	h := c.Handler()
	for _, tt := range []struct {
		peer   Peer
		path   string
		status int
		want   string
	}{
		{root, "/debug/pprof/goroutine?debug=1", 200, "TestProfilesAreForRoot"},
		{root, "/debug/pprof/goroutine?debug=2", 200, "goroutine "},
		{root, "/debug/pprof/heap", 200, "\x1f\x8b"},
		{root, "/debug/pprof/heap?debug=3", 400, "debug"},
		{root, "/debug/pprof/cmdline", 404, "there are: goroutine, heap"},
		{member, "/debug/pprof/goroutine?debug=1", 403, "ask as root"},
		{member, "/debug/pprof/heap", 403, "ask as root"},
		{Peer{}, "/debug/pprof/heap", 403, ""},
	} {
		req := httptest.NewRequestWithContext(context.WithValue(t.Context(), peerKey{}, tt.peer), http.MethodGet, tt.path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s by %v: %d %.200q, want %d, %q", tt.path, tt.peer, w.Code, w.Body, tt.status, tt.want)
		}
	}
	w := httptest.NewRecorder()
	c.Reader.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/heap", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("the public half answers %d", w.Code)
	}
}
