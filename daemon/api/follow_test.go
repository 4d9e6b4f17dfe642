package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// Consumers beyond the number that is served are told to come again, counted and
// logged; nobody at one door keeps people at the other out.
func TestFollowersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := newService(), &strings.Builder{}
		s.log = slog.New(slog.NewTextHandler(log, nil))
		h, control := s.controller().Reader.Handler(), s.controller().Handler()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ask := func(h http.Handler, ctx context.Context) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			ctx = context.WithValue(ctx, peerKey{}, Peer{known: true})
			h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events", nil))
			return w
		}
		for range followers {
			go ask(h, ctx)
		}
		synctest.Wait()
		for range 3 {
			if w := ask(h, ctx); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "256 consumers") {
				t.Errorf("one follower too many: %d %s, want 503 with Retry-After", w.Code, w.Body)
			}
		}
		if n := strings.Count(log.String(), "was refused"); n != 1 || s.refused.Load() != 3 || s.reading.Load() != followers {
			t.Errorf("%d lines, %d refused, %d reading:\n%s", n, s.refused.Load(), s.reading.Load(), log)
		}
		time.Sleep(time.Minute)
		ask(h, ctx)
		if !strings.Contains(log.String(), "door=listen places=256 from=192.0.2.1:1234 repeats=2\n") {
			t.Errorf("not summed up:\n%s", log)
		}
		soon, done := context.WithTimeout(ctx, time.Second)
		defer done()
		if w := ask(control, soon); w.Code != http.StatusOK {
			t.Errorf("at the other door: %d, want 200", w.Code)
		}
		cancel()
		synctest.Wait()
		if w := ask(h, ctx); w.Code != http.StatusOK {
			t.Errorf("after the others went: %d, want 200", w.Code)
		}
		if n := s.reading.Load(); n != 0 {
			t.Errorf("%d still counted as reading", n)
		}
	})
}

// What a stranger asks for is bounded, and said so in one short sentence.
func TestEventsFilterIsBounded(t *testing.T) {
	h := newService().controller().Reader.Handler()
	for name, tt := range map[string]struct {
		query  string
		status int
	}{
		"most patterns":     {"type=" + strings.Repeat("huawei.*,", store.MaxPatterns-1) + "x", 200},
		"one too many":      {"type=" + strings.Repeat("huawei.*,", store.MaxPatterns) + "x", 400},
		"in two parameters": {"type=" + strings.Repeat("huawei.*,", store.MaxPatterns-1) + "x&type=y", 400},
		"very many":         {"type=" + strings.Repeat("huawei.*,", 9000), 400},
		"longest pattern":   {"type=" + strings.Repeat("x", store.MaxPatternSize), 200},
		"a longer one":      {"type=" + strings.Repeat("x", store.MaxPatternSize+1), 400},
		"longest agent":     {"agent=hq/" + strings.Repeat("x", store.MaxAgentSize-3), 200},
		"a longer agent":    {"agent=hq/" + strings.Repeat("x", store.MaxAgentSize-2), 400},
		"absurd agent":      {"agent=" + strings.Repeat("x", 60_000), 400},
		"absurd parameter":  {strings.Repeat("x", 60_000) + "=1", 400},
		"absurd follow":     {"follow=" + strings.Repeat("x", 60_000), 400},
	} {
		if !strings.Contains(tt.query, "follow") {
			tt.query += "&follow=false"
		}
		if w := call(h, http.MethodGet, "/api/v1/events?"+tt.query, ""); w.Code != tt.status || (tt.status == 400 && w.Body.Len() > 400) {
			t.Errorf("%s: %d %.500s, want %d", name, w.Code, w.Body, tt.status)
		}
	}
	req := httptest.NewRequest(http.MethodGet, "/api/v1/events", nil)
	req.Header.Set("Last-Event-ID", strings.Repeat("9", 60_000))
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, req); w.Code != 400 || w.Body.Len() > 400 {
		t.Errorf("absurd Last-Event-ID: %d %.500s", w.Code, w.Body)
	}
}

// counted counts the writes of an answer.
type counted struct {
	*httptest.ResponseRecorder
	writes atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.ResponseRecorder.Write(p)
}

// Events that wait are written together: a follower costs by its turns and not
// by the events.
func TestEventsAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		batch := make([]store.Message, 100)
		for i := range batch {
			batch[i] = store.Message{ID: session.ID{Platform: "hq", Login: "1"}, Type: "huawei.A", Data: []byte("{}")}
		}
		if err := s.events.Publish(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := &counted{ResponseRecorder: httptest.NewRecorder()}
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events", nil)
		req.Header.Set("Last-Event-ID", "0")
		s.controller().Reader.Handler().ServeHTTP(w, req)
		if n := strings.Count(w.Body.String(), "data: "); n != 100 || w.writes.Load() != 2 || s.taken.Load() != 100 {
			t.Errorf("%d events, %d counted, in %d writes, want 100 in 2 with the greeting", n, s.taken.Load(), w.writes.Load())
		}
	})
}
