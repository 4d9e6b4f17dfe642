package callback

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"agentkeeper/daemon/listener"
	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

const (
	bodyLimit    = session.MessageLimit
	headLimit    = 64 << 10         // of a larger request's body that is looked at
	heldLimit    = 256 << 20        // of all requests that wait for their outcome
	readers      = 128              // requests that are read at once
	readerQueue  = 5 * time.Second  // how long one waits to be read
	storeTimeout = 20 * time.Second // and then for its events to be durable

	// An agent without a session may be on its way between two keepers, or about
	// to be adopted by a process that has just begun.
	betweenKeepers = time.Second
	startGrace     = 5 * time.Second
	retryEvery     = 100 * time.Millisecond
)

// Counter counts the events that were refused.
type Counter interface {
	EventsDropped(reason string, n int)
}

// Reasons returns every reason by which the receiver counts. What could not be
// stored was counted where that was tried.
func Reasons() []string {
	return []string{session.NoSession.String(), session.TooMany.String(), session.NotFetched.String()}
}

// Options are what a Receiver is made from. All are required.
type Options struct {
	// Find returns the adapter of a platform.
	Find    func(platform string) (session.Receiver, bool)
	Counter Counter
	Log     *slog.Logger
}

// Receiver takes what platforms send. It is an http.Handler.
type Receiver struct {
	o     Options
	mux   *http.ServeMux
	slots chan struct{} // one for each request that is being read
	held  atomic.Int64  // bytes of the requests that were read
	began time.Time
	log   limited
}

// New returns a receiver that serves POST /callback/{platform}.
func New(o Options) *Receiver {
	r := &Receiver{o: o, mux: http.NewServeMux(), slots: make(chan struct{}, readers), began: time.Now(), log: limited{listener.NewLog(o.Log)}}
	r.mux.HandleFunc("POST /callback/{platform}", r.receive)
	return r
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) { r.mux.ServeHTTP(w, q) }

func (r *Receiver) receive(w http.ResponseWriter, q *http.Request) {
	name := q.PathValue("platform")
	adapter, ok := r.o.Find(name)
	if !ok {
		r.log.stranger(name, "unknown platform", slog.String("from", q.RemoteAddr))
		http.Error(w, "no platform of this name sends events here", http.StatusNotFound)
		return
	}
	body, status := r.read(w, q)
	if large, can := adapter.(session.LargeReceiver); can && status == http.StatusRequestEntityTooLarge {
		ctx, cancel := context.WithTimeout(q.Context(), storeTimeout)
		defer cancel()
		w.Header().Set("Connection", "close") // the rest of the body is not read
		r.answer(w, q, name, large.ReceiveLarge(ctx, q.Header, body))
		return
	}
	if status != 0 {
		r.log.warn(name, http.StatusText(status), slog.String("from", q.RemoteAddr))
		http.Error(w, http.StatusText(status), status)
		return
	}
	defer r.held.Add(-int64(len(body))) // before it is decoded, as it was counted
	ctx, cancel := context.WithTimeout(q.Context(), storeTimeout)
	defer cancel()
	r.answer(w, q, name, r.hand(ctx, name, q.Header, body, adapter))
}

// hand gives a request to the adapter. One whose agent has no session is tried
// again for a moment, by the adapter that the platform has then.
func (r *Receiver) hand(ctx context.Context, platform string, h http.Header, body []byte, adapter session.Receiver) session.Receipt {
	until := time.Now().Add(betweenKeepers)
	if settled := r.began.Add(startGrace); settled.After(until) {
		until = settled
	}
	body = wire.UTF8(h.Get("Content-Type"), body)
	for {
		got := adapter.Receive(ctx, h, body)
		if got.Refusal != session.NoSession || time.Now().After(until) || session.Sleep(ctx, retryEvery) != nil {
			return got
		}
		if now, ok := r.o.Find(platform); ok {
			adapter = now
		}
	}
}

// read returns the body, or the status to refuse the request with; beside 413
// the beginning of the body. The body counts as held until the request was
// answered.
func (r *Receiver) read(w http.ResponseWriter, q *http.Request) (body []byte, status int) {
	if !r.enter(q.Context()) {
		return nil, http.StatusServiceUnavailable
	}
	defer func() { <-r.slots }()
	counted := &heldReader{from: http.MaxBytesReader(w, q.Body, bodyLimit), held: &r.held}
	body, err := io.ReadAll(counted)
	if err == nil {
		return body, 0
	}
	r.held.Add(-counted.read)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return bytes.Clone(body[:min(len(body), headLimit)]), http.StatusRequestEntityTooLarge
	case errors.Is(err, errHeld):
		return nil, http.StatusServiceUnavailable
	}
	return nil, http.StatusBadRequest
}

var errHeld = errors.New("too much is held already")

// heldReader counts what is read as held, and stops at the limit.
type heldReader struct {
	from io.Reader
	held *atomic.Int64
	read int64
}

// Read implements io.Reader.
func (h *heldReader) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	h.read += int64(n)
	if h.held.Add(int64(n)) > heldLimit {
		return n, errHeld
	}
	return n, err
}

// enter waits for its turn to be read.
func (r *Receiver) enter(ctx context.Context) bool {
	timer := time.NewTimer(readerQueue)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (r *Receiver) answer(w http.ResponseWriter, q *http.Request, platform string, got session.Receipt) {
	if got.Refusal != session.Accepted {
		r.refused(q, platform, got)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(got.Status)
	_, _ = w.Write(got.Body) // a sender that has gone sends it again
}

// refused logs and counts what was not taken.
func (r *Receiver) refused(q *http.Request, platform string, got session.Receipt) {
	attrs := []slog.Attr{slog.Int("events", got.Events), slog.String("from", q.RemoteAddr)}
	if got.Login != "" {
		attrs = append(attrs, slog.String("agent", session.ID{Platform: platform, Login: got.Login}.String()))
	}
	r.log.warn(platform, got.Refusal.String(), attrs...)
	for _, reason := range Reasons() {
		if reason == got.Refusal.String() && got.Events > 0 {
			r.o.Counter.EventsDropped(reason, got.Events)
		}
	}
}
