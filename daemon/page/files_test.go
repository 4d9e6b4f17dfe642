package page

import (
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(p http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	w.Header().Set("Cache-Control", "no-store") // as the API sets before
	p.ServeHTTP(w, req)
	return w
}

// Every file is served with its type, a tag that saves sending it again, and
// the policy; an agent's address is the page too.
func TestFiles(t *testing.T) {
	p := New(Options{Activity: NewActivity()})
	for target, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/agents/hq/291": "text/html; charset=utf-8", "/agents/hq/a%2Fb%20c": "text/html; charset=utf-8",
		"/page/main.js": "text/javascript; charset=utf-8", "/page/style.css": "text/css; charset=utf-8", "/page/icon.svg": "image/svg+xml",
	} {
		w := get(p, target)
		h := w.Header()
		if w.Code != 200 || h.Get("Content-Type") != want || w.Body.Len() < 200 {
			t.Errorf("%s: %d %s, %d bytes", target, w.Code, h.Get("Content-Type"), w.Body.Len())
		}
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: headers %v", target, h)
		}
		if again := get(p, target, "If-None-Match", h.Get("ETag")); again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("%s again: %d, %d bytes", target, again.Code, again.Body.Len())
		}
	}
	for _, target := range []string{"/page/", "/page/x.js", "/page/..%2fpage.go", "/agents/hq", "/other"} {
		if w := get(p, target); w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

func TestPolicy(t *testing.T) {
	for _, banned := range []string{"unsafe", "http:", "https:", "data:", "*"} {
		if strings.Contains(policy, banned) {
			t.Errorf("the policy allows %s", banned)
		}
	}
}

var (
	reference = regexp.MustCompile(`(?:(?:src|href)="(?:\./|\.\./\.\./)page/|from '\./)([^"']+)["']`)
	address   = regexp.MustCompile(`https?://[^\s"'<)]+`)
)

// The files refer to each other alone, keep to the policy, and never make
// markup of a text.
func TestFilesAreClean(t *testing.T) {
	f := readFiles()
	for name, content := range f.content {
		text := string(content)
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if f.content[m[1]] == nil {
				t.Errorf("%s refers to %s, which is not there", name, m[1])
			}
		}
		for _, a := range address.FindAllString(text, -1) {
			if a != "http://www.w3.org/2000/svg" { // a name, asked of nobody
				t.Errorf("%s names another host: %s", name, a)
			}
		}
		for _, banned := range map[string][]string{
			".html": {"<style", " style=", "javascript:", " onclick", " onload", "<script>"},
			".css":  {"@import", "url("},
			".js":   {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setAttribute('style", "localStorage", "TODO"},
		}[path.Ext(name)] {
			if strings.Contains(text, banned) {
				t.Errorf("%s contains %s", name, banned)
			}
		}
	}
}
