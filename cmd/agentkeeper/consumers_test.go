package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/api"
)

func TestConsumerTable(t *testing.T) {
	now := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	var list []api.Consumer
	err := json.Unmarshal([]byte(`[
		{"user":"crm","name":"report","durable":true,"pending":7,"ack_pending":2,"last_active":"2026-03-27T11:59:58.000Z","created":"2026-03-26T12:00:00.000Z","inactivity_threshold_seconds":604800},
		{"user":"-","name":"old","durable":true,"pending":0,"ack_pending":0,"last_active":null,"created":"2026-03-27T11:00:00.000Z","inactivity_threshold_seconds":0},
		{"user":"bi","name":"x9","durable":false,"pending":0,"ack_pending":0,"last_active":null,"created":"2026-03-27T11:59:00.000Z","inactivity_threshold_seconds":5}]`), &list)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	writeGrid(&b, terminal{}, consumerColumns, list, now)
	want := "USER  CONSUMER  DURABLE  WAITING  UNACKED  ACTIVE  CREATED     KEPT\n" +
		"crm   report    yes      7        2        2s ago  24h00m ago  7d00h\n" +
		"-     old       yes      0        0        -       1h00m ago   for ever\n" +
		"bi    x9        no       0        0        -       1m00s ago   5s\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
