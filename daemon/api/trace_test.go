package api

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/tracing"
	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

// tracer returns the control socket's routes, without the check of who asks, and
// who traces.
func tracer(t *testing.T) (http.Handler, *tracing.Tracer) {
	t.Helper()
	s := newService()
	c := s.controller()
	tr := tracing.New(slog.New(slog.DiscardHandler))
	c.Tracer = tr
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/trace", c.trace)
	mux.HandleFunc("POST /api/v1/trace/end", c.endTrace)
	t.Cleanup(tr.Close)
	return mux, tr
}

func post(h http.Handler, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return w
}

func TestTraceOrders(t *testing.T) {
	h, tr := tracer(t)
	for body, want := range map[string]int{
		`{"agents":["hq/291"],"for":"2h"}`:  400,
		`{"agents":["hq/291"],"for":"x"}`:   400,
		`{"agents":["hq/291"],"for":"-1s"}`: 400,
		`{"agents":["291"]}`:                400,
		`{"agents":[]}`:                     400,
		`{"agent":"hq/291"}`:                400,
		`{"agents":["hq/299"]}`:             404,
		`{"agents":["hq/291","pbx/7"]}`:     202,
		`{"agents":["hq/291"],"reason":"` + strings.Repeat("x", session.TextLimit+1) + `"}`: 400,
	} {
		if w := post(h, "/api/v1/trace", body); w.Code != want {
			t.Errorf("%.60s: %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
	if got := TracedOf(tr.Running()); len(got) != 2 || got[0].Agent != "hq/291" || got[0].By != "unknown" {
		t.Errorf("%+v", got)
	}
	if w := post(h, "/api/v1/trace/end", `{"agents":["hq/291"]}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"ended":1`) || tr.Agents() != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var many []string
	for range trace.MostAgents {
		many = append(many, strings.Repeat("x", len(many)+1))
	}
	var ids []session.ID
	for _, login := range many {
		ids = append(ids, session.ID{Platform: "hq", Login: login})
	}
	if _, err := tr.Start(tracing.Order{Agents: ids[1:], For: time.Minute}, false); err != nil {
		t.Fatal(err)
	}
	if w := post(h, "/api/v1/trace", `{"agents":["hq/291"]}`); w.Code != 409 || !strings.Contains(w.Body.String(), "50 agents at most") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Who follows gets the lines and, at the end, the reason.
func TestFollowTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, tr := tracer(t)
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- post(h, "/api/v1/trace", `{"agents":["hq/291"],"for":"20s","follow":true}`) }()
		synctest.Wait()
		tr.Traces().Of(session.ID{Platform: "hq", Login: "291"}).Answer(0, 200, http.Header{"Guid": {"secret-guid"}}, []byte(`{"token":"abc"}`), time.Time{})
		w := <-done
		var got []string
		for lines := bufio.NewScanner(w.Body); lines.Scan(); {
			if text := lines.Text(); text != "" {
				got = append(got, text)
			}
		}
		if len(got) != 5 || !strings.Contains(got[1], `"header":["Guid: ***"],"body":"{\"token\":\"***\"}"`) || got[2] != ": still here" || got[3] != "event: end" || got[4] != `data: {"reason":"time over"}` {
			t.Errorf("%d %q", w.Code, got)
		}
	})
}
