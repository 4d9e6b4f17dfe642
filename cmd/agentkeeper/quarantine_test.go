package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/view"
)

// The table of platforms says which take no log-ins, and with whom they share
// that.
func TestQuarantineTable(t *testing.T) {
	now := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	var list []view.Platform
	err := json.Unmarshal([]byte(`[
		{"name":"cab","refusals_left":3,"address":"cab.example:443"},
		{"name":"ecss","quarantined":true,"quarantined_until":"2026-03-27T12:09:30Z","next_try":"2026-03-27T12:09:30Z","address":"10.0.0.5:443",
			"shared_with":["hq"],"refused":["hq/2020","hq/2021"],"quarantine_reason":"3 log-ins refused"},
		{"name":"hq","quarantined":true,"quarantined_until":"2026-03-27T11:59:00Z","next_try":"2026-03-27T11:59:00Z","address":"10.0.0.5:443","shared_with":["ecss"]}
	]`), &list)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	writeGrid(&b, terminal{}, quarantineColumns, list, now)
	want := "PLATFORM  LOG-INS     LEFT  NEXT TRY  ADDRESS          SHARED WITH  REFUSED          DETAIL\n" +
		"cab       go          3     -         cab.example:443  -            -                -\n" +
		"ecss      quarantine  0     in 9m30s  10.0.0.5:443     hq           hq/2020 hq/2021  3 log-ins refused\n" +
		"hq        one tries   0     when due  10.0.0.5:443     ecss         -                -\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQuarantineUsage(t *testing.T) {
	for _, c := range []quarantineCmd{
		{Reason: "x"}, {Word: "stop", Name: "hq", Reason: "x"}, {Word: "end", Reason: "x"}, {Word: "end", Name: "hq"}, {Word: "end", Name: "hq", Reason: " "},
	} {
		if err := c.check(); err == nil {
			t.Errorf("%+v passes", c)
		}
	}
	for _, c := range []quarantineCmd{{}, {Word: "end", Name: "hq", Reason: "mended"}} {
		if err := c.check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
