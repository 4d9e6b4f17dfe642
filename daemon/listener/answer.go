package listener

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/session"
)

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client went away
}

// Fail answers {"error": …} with a text of 4 KiB at most.
func Fail(w http.ResponseWriter, status int, text string) {
	Reply(w, status, map[string]string{"error": session.Cut(text, errorLimit)})
}

// FailLater is Fail with 503, for what may go well after that time, in whole
// seconds.
func FailLater(w http.ResponseWriter, after time.Duration, text string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	Fail(w, http.StatusServiceUnavailable, text)
}

// Paced returns a writer that gives every write 30 s of its own, and no longer
// than until the instant; a zero one is none.
func Paced(w http.ResponseWriter, until time.Time) http.ResponseWriter {
	return &paced{w, http.NewResponseController(w), until}
}

type paced struct {
	http.ResponseWriter
	rc    *http.ResponseController
	until time.Time
}

// Write implements io.Writer.
func (p *paced) Write(b []byte) (int, error) {
	limit := time.Now().Add(writeTimeout)
	if !p.until.IsZero() && p.until.Before(limit) {
		limit = p.until
	}
	_ = p.rc.SetWriteDeadline(limit)
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *paced) Unwrap() http.ResponseWriter { return p.ResponseWriter }
