package api

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/webhook"
)

func TestWebhooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands at midnight, 2000-01-01
		s, now := newService(), time.Now()
		s.hooks = []webhook.Status{{
			Name: "crm", URL: "https://***@crm.example.com/hook?***", State: webhook.Retrying, Cursor: 41, Lag: 7, Oldest: now.Add(-1500 * time.Millisecond),
			InFlight: 1, Delivered: 40, Retries: 3, LastOK: now.Add(-time.Minute), LastError: "503 Service Unavailable", ErrorAt: now, Next: now.Add(time.Second),
			Failing: &webhook.Failing{ID: "hq/291/7", Type: "huawei.A", Position: 42, Received: now, Attempts: 3, Error: "503 Service Unavailable", Next: now.Add(time.Second)},
			Dead:    map[string]uint64{webhook.DeadRetention: 2, webhook.DeadGone: 0},
			Letters: []webhook.DeadLetter{{ID: "hq/291/3", Type: "huawei.A", Position: 3, Reason: webhook.DeadRefused, Attempts: 9, Error: "400 Bad Request", At: now}},
		}, {Name: "idle", URL: "https://h/", State: webhook.Delivering, Dead: map[string]uint64{}}}
		want := `{"webhooks":[{"name":"crm","url":"https://***@crm.example.com/hook?***","state":"retrying","stopped_since":null,"cursor":41,` +
			`"lag_events":7,"lag_seconds":1.5,"in_flight":1,"delivered":40,"retries":3,"last_delivery":"1999-12-31T23:59:00.000Z",` +
			`"last_error":"503 Service Unavailable","last_error_at":"2000-01-01T00:00:00.000Z","next_attempt":"2000-01-01T00:00:01.000Z",` +
			`"failing":{"id":"hq/291/7","type":"huawei.A","position":42,"received":"2000-01-01T00:00:00.000Z","attempts":3,"error":"503 Service Unavailable",` +
			`"next_attempt":"2000-01-01T00:00:01.000Z"},"dead_letters":{"gone":0,"retention":2},` +
			`"given_up":[{"id":"hq/291/3","type":"huawei.A","position":3,"reason":"refused","attempts":9,"error":"400 Bad Request","at":"2000-01-01T00:00:00.000Z"}]},` +
			`{"name":"idle","url":"https://h/","state":"delivering","stopped_since":null,"cursor":0,"lag_events":0,"lag_seconds":0,"in_flight":0,"delivered":0,` +
			`"retries":0,"last_delivery":null,"last_error":"","last_error_at":null,"next_attempt":null,"failing":null,"dead_letters":{},"given_up":[]}]}`
		for name, h := range map[string]http.Handler{"public": s.controller().Reader.Handler(), "control": s.controller().Handler()} {
			w := call(h, http.MethodGet, "/api/v1/webhooks", "")
			if diff := cmp.Diff(want, strings.TrimSpace(w.Body.String())); diff != "" || w.Code != http.StatusOK {
				t.Errorf("%s: %d (-want +got):\n%s", name, w.Code, diff)
			}
		}
	})
}

func TestResumeWebhook(t *testing.T) {
	s := newService()
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"crm", `{"reason":"mended"}`, http.StatusAccepted},
		{"crm", `{}`, http.StatusBadRequest},
		{"crm", `no`, http.StatusBadRequest},
		{"other", `{"reason":"mended"}`, http.StatusNotFound},
	} {
		w := call(s.controller().Handler(), http.MethodPost, "/api/v1/webhooks/"+tt.name+"/resume", tt.body)
		if w.Code != tt.status {
			t.Errorf("resume %s with %s: %d %s, want %d", tt.name, tt.body, w.Code, w.Body, tt.status)
		}
	}
	if len(s.resumed) != 1 || !strings.HasPrefix(s.resumed[0], "crm mended ") {
		t.Errorf("resumed: %q", s.resumed)
	}
	if w := call(s.controller().Reader.Handler(), http.MethodPost, "/api/v1/webhooks/crm/resume", `{"reason":"x"}`); w.Code < 400 {
		t.Errorf("the public half takes orders: %d", w.Code)
	}
}

func TestSkipWebhook(t *testing.T) {
	s := newService()
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"crm", `{"reason":"unreadable","agent":"hq/291"}`, http.StatusOK},
		{"crm", `{"agent":"hq/291"}`, http.StatusBadRequest},
		{"crm", `{"reason":"unreadable","agent":"hq/299"}`, http.StatusConflict},
		{"other", `{"reason":"unreadable"}`, http.StatusNotFound},
	} {
		w := call(s.controller().Handler(), http.MethodPost, "/api/v1/webhooks/"+tt.name+"/skip", tt.body)
		if w.Code != tt.status {
			t.Errorf("skip %s with %s: %d %s, want %d", tt.name, tt.body, w.Code, w.Body, tt.status)
		}
		if tt.status == http.StatusOK && !strings.Contains(w.Body.String(), `"skipped":{"id":"hq/291/7"`) {
			t.Errorf("the answer does not say what was skipped: %s", w.Body)
		}
	}
	if len(s.resumed) != 1 || !strings.HasPrefix(s.resumed[0], "skip crm hq/291 unreadable ") {
		t.Errorf("told: %q", s.resumed)
	}
	if w := call(s.controller().Reader.Handler(), http.MethodPost, "/api/v1/webhooks/crm/skip", `{"reason":"x"}`); w.Code < 400 {
		t.Errorf("the public half takes orders: %d", w.Code)
	}
}
