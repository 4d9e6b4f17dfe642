package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// A name or a pattern takes whom it names; one that is neither an agent's nor an
// event's is an error.
func TestEventsOfWhom(t *testing.T) {
	for _, tt := range []struct {
		args    []string
		takes   map[string]bool // agents of events that come
		alone   string
		unknown string
	}{
		{nil, map[string]bool{"hq/291": true, "pbx/7": true}, "", ""},
		{[]string{"--agent", "hq/291"}, map[string]bool{"hq/291": true, "hq/2911": false}, "hq/291", ""},
		{[]string{"--agent", "hq/29?"}, map[string]bool{"hq/291": true, "hq/301": false}, "", ""},
		{[]string{"--agent", "hq/30*", "--agent", "pbx/1,2"}, map[string]bool{"hq/301": true, "pbx/1,2": true, "pbx/1": false}, "", ""},
		{[]string{"--agent", "gone/1"}, map[string]bool{"gone/1": true}, "gone/1", ""}, // its events are kept
		{[]string{"--agent", "hq/29l"}, map[string]bool{"hq/291": false}, "hq/29l", "no such agent: hq/29l; did you mean"},
		{[]string{"--agent", "29"}, nil, "", "no such agent: 29"},
		{[]string{"--agent", "hq/*", "--agent", "x*"}, map[string]bool{"hq/291": true}, "", "no agent's name is like x*"},
	} {
		c, err := parsed(t, append([]string{"events"}, tt.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		who := &chosen{names: c.Events.Agent, found: make([]bool, len(c.Events.Agent)), all: some5()}
		for _, a := range who.all {
			who.takes(a.ID)
		}
		for agent, want := range tt.takes {
			if got := who.takes(agent); got != want {
				t.Errorf("%v: takes(%s) = %v", tt.args, agent, got)
			}
		}
		if got := who.alone(); got != tt.alone {
			t.Errorf("%v: alone is %q, want %q", tt.args, got, tt.alone)
		}
		err = who.unmatched()
		if (err == nil) != (tt.unknown == "") || (err != nil && !strings.Contains(err.Error(), tt.unknown)) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.unknown)
		}
	}
}

// Without a terminal long work says how far it is, now and then and by whole
// lines.
func TestProgressWithoutTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	p := &progress{label: "reloading", total: 200, began: now, out: w}
	p.show(0, 0) // too early
	p.began = now.Add(-6 * time.Second)
	p.show(100, 0)
	p.show(101, 0) // too soon after
	p.began, p.drawn = now.Add(-71*time.Second), now.Add(-6*time.Second)
	p.show(150, 3)
	p.clear()
	_ = w.Close()
	got, err := io.ReadAll(r)
	if want := "reloading: 100/200  6s\nreloading: 150/200  3 failed  1m11s\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// A reload waits for two minutes, or as long as it is told, or not at all.
func TestReloadWaits(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		wait   time.Duration
		noWait bool
	}{{nil, 2 * time.Minute, false}, {[]string{"--wait", "10m"}, 10 * time.Minute, false}, {[]string{"--no-wait"}, 2 * time.Minute, true}} {
		c, err := parsed(t, append([]string{"reload"}, tt.args...)...)
		if err != nil || c.Reload.Wait != tt.wait || c.Reload.NoWait != tt.noWait {
			t.Errorf("%v: %+v, %v", tt.args, c.Reload, err)
		}
	}
}
