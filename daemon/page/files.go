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
		f.add(e.Name(), content)
		_, _ = all.Write(content)
	}
	f.add(agentName, bytes.ReplaceAll(f.content[indexName], []byte(`"./`), []byte(`"../../`)))
	f.build = hex.EncodeToString(all.Sum(nil)[:8])
	return f
}

func (f *files) add(name string, content []byte) {
	f.content[name] = content
	f.tags[name] = `"` + digest(content) + `"`
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// index is the page.
func (f *files) index(w http.ResponseWriter, req *http.Request) { f.serve(w, req, indexName) }

// agent is the page for an agent's address, which the script reads.
func (f *files) agent(w http.ResponseWriter, req *http.Request) { f.serve(w, req, agentName) }

// The page's files, which name the others by where they are from the address that
// the page is served at, so that it works below a prefix, too.
const (
	indexName = "index.html"
	agentName = "agent.html" // the same from two levels further down
)

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
