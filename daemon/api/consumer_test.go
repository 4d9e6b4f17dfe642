package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/store"
)

// consumers stands in for the store's.
type consumers struct {
	list    []store.ConsumerStatus
	err     error
	removed []string
}

func (c *consumers) ListConsumers(context.Context) ([]store.ConsumerStatus, error) {
	return c.list, c.err
}

func (c *consumers) RemoveConsumer(_ context.Context, user, name, by, reason string) error {
	if c.err != nil {
		return c.err
	}
	if !slices.ContainsFunc(c.list, func(s store.ConsumerStatus) bool { return s.User == user && s.Name == name }) {
		return fmt.Errorf("%w: %s", store.ErrNoConsumer, name)
	}
	c.removed = append(c.removed, fmt.Sprintf("%q %s %s by %s", user, name, reason, by))
	return nil
}

func TestConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands at midnight, 2000-01-01
		s, now := newService().controller(), time.Now()
		c := &consumers{list: []store.ConsumerStatus{
			{Name: "old", Durable: true, Created: now},
			{User: "crm", Name: "report", Durable: true, Pending: 7, AckPending: 2, LastActive: now, Created: now.Add(-time.Hour), Inactive: time.Hour},
		}}
		s.Consumers = c
		want := `{"consumers":[{"user":"-","name":"old","durable":true,"pending":0,"ack_pending":0,"last_active":null,` +
			`"created":"2000-01-01T00:00:00.000Z","inactivity_threshold_seconds":0},` +
			`{"user":"crm","name":"report","durable":true,"pending":7,"ack_pending":2,"last_active":"2000-01-01T00:00:00.000Z",` +
			`"created":"1999-12-31T23:00:00.000Z","inactivity_threshold_seconds":3600}]}`
		w := call(s.Handler(), http.MethodGet, "/api/v1/consumers", "")
		if diff := cmp.Diff(want, strings.TrimSpace(w.Body.String())); diff != "" || w.Code != http.StatusOK {
			t.Errorf("%d (-want +got):\n%s", w.Code, diff)
		}
		if w := call(s.Reader.Handler(), http.MethodGet, "/api/v1/consumers", ""); w.Code != http.StatusNotFound {
			t.Errorf("the public half shows consumers: %d", w.Code)
		}
		for _, tt := range []struct {
			target, body string
			status       int
			text         string
		}{
			{"crm/report", `{"reason":"gone"}`, http.StatusOK, `"consumer":"report"`},
			{"-/old", `{"reason":"gone"}`, http.StatusOK, `"user":"-"`},
			{"crm/report", `{}`, http.StatusBadRequest, "a reason is required"},
			{"crm/report", `no`, http.StatusBadRequest, "reason"},
			{"crm/reprot", `{"reason":"x"}`, http.StatusNotFound, "did you mean report?"},
			{"bi/report", `{"reason":"x"}`, http.StatusNotFound, "it is the user crm's"},
		} {
			w := call(s.Handler(), http.MethodPost, "/api/v1/consumers/"+tt.target+"/remove", tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("%s %s: %d %s", tt.target, tt.body, w.Code, w.Body)
			}
		}
		if len(c.removed) != 2 || !strings.HasPrefix(c.removed[0], `"crm" report gone by `) || !strings.HasPrefix(c.removed[1], `"" old gone by `) {
			t.Errorf("removed %q", c.removed)
		}
		c.err = store.ErrUnavailable
		for _, w := range []int{call(s.Handler(), http.MethodGet, "/api/v1/consumers", "").Code,
			call(s.Handler(), http.MethodPost, "/api/v1/consumers/crm/report/remove", `{"reason":"x"}`).Code} {
			if w != http.StatusServiceUnavailable {
				t.Errorf("while the store is in trouble: %d", w)
			}
		}
	})
}
