package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"agentkeeper/daemon/fleet"
)

// quarantines stands in for the fleet's.
type quarantines struct {
	err   error
	ended []string
}

func (q *quarantines) EndQuarantine(_ context.Context, platform, by, reason string) error {
	if q.err == nil {
		q.ended = append(q.ended, platform+" "+reason+" by "+by)
	}
	return q.err
}

func TestEndQuarantine(t *testing.T) {
	s := newService().controller()
	q := &quarantines{}
	s.Quarantines = q
	for _, tt := range []struct {
		platform, body string
		err            error
		status         int
		text           string
	}{
		{"hq", `{"reason":"mended"}`, nil, http.StatusAccepted, `{"name":"hq","vendor":"huawei","agents":2,`},
		{"hq", `{}`, nil, http.StatusBadRequest, "a reason is required"},
		{"hqq", `{"reason":"x"}`, fmt.Errorf("%w: hqq", fleet.ErrUnknownPlatform), http.StatusNotFound, "did you mean hq?"},
		{"hq", `{"reason":"x"}`, fmt.Errorf("%w: hq", fleet.ErrNotQuarantined), http.StatusConflict, "nothing to end"},
		{"hq", `{"reason":"x"}`, errors.New("disk full"), http.StatusServiceUnavailable, "disk full"},
	} {
		q.err = tt.err
		w := call(s.Handler(), http.MethodPost, "/api/v1/platforms/"+tt.platform+"/quarantine/end", tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
			t.Errorf("%s %s: %d %s", tt.platform, tt.body, w.Code, w.Body)
		}
	}
	if len(q.ended) != 1 || !strings.HasPrefix(q.ended[0], "hq mended by ") {
		t.Errorf("ended %q", q.ended)
	}
	if w := call(s.Reader.Handler(), http.MethodPost, "/api/v1/platforms/hq/quarantine/end", `{"reason":"x"}`); w.Code == http.StatusAccepted {
		t.Error("the public address ends quarantines")
	}
}
