package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/config"
)

const shifts = `stop_timeout: 2m
platforms: {hq: {vendor: huawei, url: "https://10.0.0.5:8043"}}
groups:
  - name: bots
    platform: hq
    schedule: {sign_in: ["0 9 * * 1-6", "0 10 * * 7"], sign_out: ["0 18 * * 1-6", "0 12 * * 7"], time_zone: Europe/Berlin, holidays: [berlin.txt], workdays: [2026-03-29, 2026-04-05: fri]}
    passwords_dir: d
    agents:
      - {login: "1", number: "1"}
      - {login: "2", number: "2", schedule: {sign_in: "30 2 * * *", sign_out: "0 5 * * *", time_zone: Europe/Berlin}}
  - {name: always, platform: hq, passwords_dir: d, agents: [{login: "3", number: "3"}]}
`

// TestMain sets the zone before the clock is read: goroutines of a dependency
// read time.Local, which a test must not write therefore.
func TestMain(m *testing.M) {
	if err := os.Setenv("TZ", "UTC"); err != nil {
		panic(err)
	}
	m.Run()
}

// loaded is a configuration from a directory of its own.
func loaded(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"c.yaml": shifts, "d/1": "x", "d/2": "x", "d/3": "x", "berlin.txt": "2026-03-28 # moving house\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, warnings, err := config.Load(filepath.Join(dir, "c.yaml"))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return cfg
}

func TestSchedule(t *testing.T) {
	cfg := loaded(t)
	rows, err := scheduleCmd{}.rows(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := newOutlook(rows, time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC), 2)
	until := time.Date(2026, 3, 28, 8, 0, 0, 0, time.UTC)
	out.Overrides = []overruled{{"hq/1", "pause", nil, "uid 0", "training"}, {"hq/3", "sign-out", nil, "uid 0", "x"}, {"hq/2", "sign-in", &until, "uid 0", "y"}}
	var got strings.Builder
	if err := out.table(&got); err != nil {
		t.Fatal(err)
	}
	want := `bots (1 agent): in "0 9 * * 1-6" and "0 10 * * 7", out "0 18 * * 1-6" and "0 12 * * 7", Europe/Berlin (UTC+01:00, 1h ahead of here), now online
  Fri 2026-03-27 18:00 +01:00  here Fri 17:00  sign out
  Sat 2026-03-28                               holiday (moving house): no sign-in at 09:00
  Sun 2026-03-29                               workday: as Monday: sign-in at 09:00
  Sun 2026-03-29 03:00 +02:00  here Sun 01:00  clock: clocks go forward from 02:00 to 03:00
  Sun 2026-03-29 09:00 +02:00  here Sun 07:00  sign in

hq/2 (of bots): in "30 2 * * *", out "0 5 * * *", Europe/Berlin (UTC+01:00, 1h ahead of here), now offline
  Sat 2026-03-28 02:30 +01:00  here Sat 01:30  sign in
  Sat 2026-03-28 05:00 +01:00  here Sat 04:00  sign out
  Sun 2026-03-29 03:00 +02:00  here Sun 01:00  clock: clocks go forward from 02:00 to 03:00
  Sun 2026-03-29 03:00 +02:00  here Sun 01:00  sign in: 02:30 does not exist that day
  Sun 2026-03-29 05:00 +02:00  here Sun 03:00  sign out

always (1 agent): always online

Overruled by people:
  hq/1  pause until resume, by uid 0: training
  hq/3  sign-out until the next word, by uid 0: x
  hq/2  sign-in until Sat 2026-03-28 08:00 +00:00, by uid 0: y
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestScheduleOfWhom(t *testing.T) {
	cfg := loaded(t)
	for _, test := range []struct {
		command scheduleCmd
		want    string
	}{
		{scheduleCmd{}, "bots hq/2 always"},
		{scheduleCmd{Group: "bots"}, "bots hq/2"},
		{scheduleCmd{Agent: "hq/1"}, "hq/1"},
		{scheduleCmd{Group: "bot"}, `no group is named "bot"; there are: bots, always`},
		{scheduleCmd{Agent: "hq/11"}, `no such agent: hq/11; did you mean hq/1 or hq/2 or hq/3?`},
	} {
		rows, err := test.command.rows(cfg)
		var names []string
		for _, r := range rows {
			if r.agent != "" {
				names = append(names, r.agent)
			} else {
				names = append(names, r.group)
			}
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v: %s, want %s", test.command, got, test.want)
		}
	}
}

// Without the service the plan is there, and says what is not.
func TestScheduleWithoutService(t *testing.T) {
	rows, err := scheduleCmd{Group: "always"}.rows(loaded(t))
	if err != nil {
		t.Fatal(err)
	}
	out := newOutlook(rows, time.Now(), 1)
	out.askOverrides(filepath.Join(t.TempDir(), "none.sock"), rows)
	var table, raw strings.Builder
	if err := out.table(&table); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&raw, out, "  "); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "Standing overrides are not shown: no service at ") {
		t.Error(table.String())
	}
	var back map[string]any
	if err := json.Unmarshal([]byte(raw.String()), &back); err != nil || back["overrides"] != nil || back["service_error"] == nil {
		t.Errorf("%v %s", err, raw.String())
	}
}

func TestVerdict(t *testing.T) {
	cfg := loaded(t)
	v := newCheckResult("c.yaml", cfg, nil, nil, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	v.OpenFiles = openFiles{Limit: 1024, Fit: 824}
	var text strings.Builder
	if err := v.text(&text); err != nil {
		t.Fatal(err)
	}
	want := `c.yaml: good; 1 platform, 3 agents
  hq  3 agents  return within 100ms (20 per second, as long as each is answered in 500ms; within 1s at an answer of 1s)
                a first start, 3 at a time: as fast if each is answered in 150ms; within 1s at an answer of 1s
  ` + cfg.Days[0].Path + `: 1 day
  824 agents fit under this process's hard limit of 1024 open files; the service's is its unit's LimitNOFILE
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
	if got := (daysFile{"a.ics", 12, 2, 3, 1, 4}).String(); got != "a.ics: 12 days, 2 of them marked as working days; left out: 3 events with a time of day, 1 cancelled, 4 events marked neither as a day off nor as a working day" {
		t.Error(got)
	}
	later := newCheckResult("c.yaml", cfg, nil, nil, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if len(later.Warnings) != 1 || later.Warnings[0].Line != 6 {
		t.Errorf("%v", later.Warnings)
	}
	_, _, err := config.Load("no such file")
	bad := newCheckResult("no such file", nil, nil, err, time.Now())
	if bad.Good || len(bad.Errors) != 1 || !strings.HasPrefix(bad.Errors[0].String(), "no such file: the configuration cannot be read") {
		t.Errorf("%+v", bad)
	}
}
