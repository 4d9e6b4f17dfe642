package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/api"
)

// The table of webhooks says why one does not deliver, and not what is over.
func TestWebhookTable(t *testing.T) {
	now := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	list := []api.Webhook{
		{Name: "crm", State: "retrying", LagEvents: 80, LagSeconds: 4.2, Delivered: 62, LastError: "another",
			Failing: &api.FailingEvent{Error: "503 Service Unavailable"}, DeadLetters: map[string]uint64{"retention": 3, "gone": 0}},
		{Name: "bi", State: "paused", LagEvents: 7, LastError: "429 Too Many Requests", DeadLetters: map[string]uint64{"gone": 0}},
		{Name: "old", State: "delivering", LastError: "of yesterday"},
	}
	for width, want := range map[int]string{
		0: "WEBHOOK  STATE       WAITING  OLDEST    DELIVERED  DEAD  NEXT TRY  DETAIL\n" +
			"crm      retrying    80       4.2s ago  62         3     -         503 Service Unavailable\n" +
			"bi       paused      7        -         0          0     -         429 Too Many Requests\n" +
			"old      delivering  0        -         0          0     -         -\n",
		40: "WEBHOOK  STATE       WAITING  OLDEST\n" +
			"crm      retrying    80       4.2s ago\n" +
			"bi       paused      7        -\n" +
			"old      delivering  0        -\n",
	} {
		var b strings.Builder
		writeGrid(&b, terminal{width: width}, hookColumns, list, now)
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}
