package api

import (
	"net/http"
	"slices"
	"strings"
)

// CORS lets the pages of the sites that origins lists, as of each request, read
// what h tells under /api/ to browsers. It is for the read-only half: a page that
// another site brings must never control anything. Listed sites may be told with
// the password that their viewer has given this host's web configuration.
func CORS(h http.Handler, origins func() []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		list := origins()
		if len(list) == 0 || !strings.HasPrefix(req.URL.Path, "/api/") {
			h.ServeHTTP(w, req)
			return
		}
		head := w.Header()
		head.Add("Vary", "Origin")
		origin := req.Header.Get("Origin")
		if !slices.Contains(list, origin) {
			h.ServeHTTP(w, req)
			return
		}
		head.Set("Access-Control-Allow-Origin", origin)
		head.Set("Access-Control-Allow-Credentials", "true")
		head.Set("Access-Control-Expose-Headers", "Retry-After")
		if req.Method == http.MethodOptions && req.Header.Get("Access-Control-Request-Method") != "" {
			head.Set("Access-Control-Allow-Methods", "GET, HEAD")
			head.Set("Access-Control-Allow-Headers", "Authorization, Last-Event-ID")
			head.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.ServeHTTP(w, req)
	})
}
