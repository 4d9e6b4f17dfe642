package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCORS(t *testing.T) {
	const board = "https://board.example.com"
	s := newService()
	c := s.controller()
	var listed []string
	h := CORS(c.Reader.Handler(), func() []string { return listed })
	ask := func(method, path, origin string, more ...string) http.Header {
		req := httptest.NewRequest(method, path, nil)
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		for i := 0; i < len(more); i += 2 {
			req.Header.Set(more[i], more[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		w.Header().Set("Status", http.StatusText(w.Code))
		return w.Header()
	}
	const allowed = "Access-Control-Allow-Origin"
	if got := ask("GET", "/api/v1/agents", board); got.Get(allowed) != "" || got.Get("Vary") != "" {
		t.Errorf("off: %v", got)
	}
	listed = []string{board, "http://10.0.0.7:8080"} // as by a reload
	got := ask("GET", "/api/v1/agents", board)
	if got.Get(allowed) != board || got.Get("Access-Control-Allow-Credentials") != "true" || got.Get("Vary") != "Origin" || got.Get("Status") != "OK" {
		t.Errorf("a listed site: %v", got)
	}
	if got := ask("GET", "/api/v1/agents/hq/291", "http://10.0.0.7:8080"); got.Get(allowed) != "http://10.0.0.7:8080" {
		t.Errorf("the other listed site: %v", got)
	}
	for _, origin := range []string{"", "null", "https://board.example.com.evil.example", "http://board.example.com", "https://BOARD.example.com"} {
		if got := ask("GET", "/api/v1/agents", origin); got.Get(allowed) != "" || got.Get("Vary") != "Origin" {
			t.Errorf("%q: %v", origin, got)
		}
	}
	for _, path := range []string{"/metrics", "/-/ready"} {
		if got := ask("GET", path, board); got.Get(allowed) != "" {
			t.Errorf("%s: %v", path, got)
		}
	}
	got = ask("OPTIONS", "/api/v1/events", board, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "last-event-id")
	if got.Get("Status") != "No Content" || got.Get("Access-Control-Allow-Methods") != "GET, HEAD" || got.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("a preflight: %v", got)
	}
	if got := ask("POST", "/api/v1/reload", board); got.Get("Status") == "OK" {
		t.Errorf("a page controls: %v", got)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/api/v1/agents", nil)
	req.Header.Set("Origin", board)
	c.Handler().ServeHTTP(w, req)
	if w.Header().Get(allowed) != "" {
		t.Errorf("the control socket: %v", w.Header())
	}
}
