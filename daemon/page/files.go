package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"

	"agentkeeper/session"
)

//go:embed files
var embedded embed.FS

// policy lets the page load its own files, ask its own host, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// files are the page's files, by name, with their tags.
type files struct {
	content map[string][]byte
	tags    map[string]string
	build   string // differs where any file does
}

// readFiles reads what was embedded, which cannot fail.
func readFiles() *files {
	f := &files{content: map[string][]byte{}, tags: map[string]string{}}
	all := sha256.New()
	entries, _ := embedded.ReadDir("files")
	for _, e := range entries {
		content, _ := embedded.ReadFile(path.Join("files", e.Name()))
		f.content[e.Name()] = content
		f.tags[e.Name()] = `"` + digest(content) + `"`
		_, _ = all.Write(content)
	}
	f.build = hex.EncodeToString(all.Sum(nil)[:8])
	return f
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// index is the page, whichever agent its address names: the script reads it.
func (f *files) index(w http.ResponseWriter, req *http.Request) { f.serve(w, req, "index.html") }

func (f *files) file(w http.ResponseWriter, req *http.Request) {
	f.serve(w, req, req.PathValue("file"))
}

// serve answers with a file that browsers keep and ask about each time.
func (f *files) serve(w http.ResponseWriter, req *http.Request, name string) {
	content, ok := f.content[name]
	if !ok {
		fail(w, http.StatusNotFound, "no such file: "+session.Cut(name, nameLimit))
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tags[name])
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Type", contentTypes[path.Ext(name)])
	http.ServeContent(w, req, name, time.Time{}, bytes.NewReader(content))
}

// contentTypes do not depend on the machine's tables.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}
