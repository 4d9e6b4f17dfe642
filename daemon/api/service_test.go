package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/store"
	"agentkeeper/daemon/webhook"
)

// The service tells its own problems and those of its webhooks, the worst first.
func TestService(t *testing.T) {
	now := time.Now()
	s := &service{problems: []Problem{{Code: ProblemReload, Severity: Warned}, ProblemSince(Problem{Code: ProblemStore, Severity: Critical}, now)}}
	s.hooks = []webhook.Status{
		{Name: "well", State: webhook.Delivering, Oldest: now.Add(-time.Hour)},
		{Name: "new", State: webhook.Retrying, Oldest: now.Add(-time.Minute)},
		{Name: "stuck", State: webhook.Retrying, Oldest: now.Add(-time.Hour), LastError: "HTTP 500"},
		{Name: "paused", State: webhook.Paused, Oldest: now.Add(-time.Hour)},
		{Name: "idle", State: webhook.Paused},
		{Name: "dead", State: webhook.Stopped, Since: now},
	}
	r := &Reader{Health: s, Webhooks: s, Agents: s}
	w := httptest.NewRecorder()
	r.service(w, httptest.NewRequest(http.MethodGet, "/api/v1/service", nil))
	var got Service
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	var codes []string
	for _, p := range got.Problems {
		codes = append(codes, p.Severity+" "+p.Code)
		if p.Code == "webhook:stuck" && (p.Text == "" || p.Action == "" || p.Since == nil) {
			t.Errorf("%+v", p)
		}
	}
	want := []string{"critical store", "warning reload", "warning webhook:stuck", "warning webhook:paused", "warning webhook:dead"}
	if !cmp.Equal(codes, want) || got.Phase != PhaseRunning || got.Version != "1.2.3" {
		t.Errorf("%+v, problems %v, want %v", got, codes, want)
	}
	s.problems, s.hooks = nil, nil
	w = httptest.NewRecorder()
	r.service(w, httptest.NewRequest(http.MethodGet, "/api/v1/service", nil))
	var none struct{ Problems []Problem }
	if err := json.Unmarshal(w.Body.Bytes(), &none); err != nil || none.Problems == nil || len(none.Problems) != 0 {
		t.Errorf("without a problem: %s, %v", w.Body, err)
	}
}

// A consumer that is read, has nothing to read or goes with its reader is none to
// tell of; the others are, since their last reading or, unknown, since the start.
func TestUnreadConsumers(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	list := []store.ConsumerStatus{
		{User: "crm", Name: "reads", Durable: true, Pending: 5, LastActive: ago(stuckAfter)},
		{User: "crm", Name: "done", Durable: true, LastActive: ago(time.Hour)},
		{User: "crm", Name: "passing", Pending: 5, LastActive: ago(time.Hour)},
		{User: "crm", Name: "old", Durable: true, Pending: 5, LastActive: ago(time.Hour)},
		{Name: "nobodys", Durable: true, Pending: 7},
	}
	got := UnreadConsumers(list, ago(2*time.Hour), now)
	if len(got) != 2 || got[0].Code != "consumer:crm/old" || got[0].Severity != Noticed || !got[0].Since.Time().Equal(ago(time.Hour)) ||
		got[1].Code != "consumer:-/nobodys" || !got[1].Since.Time().Equal(ago(2*time.Hour)) {
		t.Errorf("%+v", got)
	}
	if got := UnreadConsumers(list, ago(time.Minute), now); len(got) != 1 {
		t.Errorf("right after a start: %+v", got)
	}
}
