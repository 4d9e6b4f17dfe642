package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/test/rig"
	"agentkeeper/test/sim/huawei"
)

func event(id, login, kind, data string) string {
	return `{"id":"` + id + `","source":"/platforms/hq/agents/` + login + `","type":"` + kind + `","data":` + data + `}`
}

// TestLedger has events that came, came twice, were told as lost, were lost,
// were on their way at a kill, and are on their way still.
func TestLedger(t *testing.T) {
	l := newLedger("")
	const kind = "huawei.AgentOther_Simulated"
	l.hear(1, event("a", "291", kind, `{"content":{"number":1}}`))
	l.hear(2, event("b", "291", kind, `{"content":{"number":2}}`))
	l.hear(2, event("b", "291", kind, `{"content":{"number":2}}`))
	l.hear(3, event("c", "292", kind, `{"content":{"number":1}}`))
	l.hear(4, event("d", "292", "session.gap", `{"agent":"hq/292","events":1}`))
	state := rig.State[huawei.AgentState]{Agents: map[string]huawei.AgentState{
		"291": {Generated: 6, Unfollowed: []int{3, 6}}, // 4 and 5 are lost
		"292": {Generated: 2},                          // 2 is told
	}}
	for range 2 {
		got, disorder := l.weigh(state, false)
		if diff := cmp.Diff(account{due: 6, lost: 3, told: 1}, got, cmp.AllowUnexported(account{})); diff != "" || len(disorder) > 0 {
			t.Errorf("%v %s", disorder, diff)
		}
	}
	l.weigh(state, true)
	l.hear(5, event("e", "291", kind, `{"content":{"number":6}}`))
	state.Agents["291"] = huawei.AgentState{Generated: 7, Unfollowed: []int{3}}
	if got, _ := l.weigh(state, true); got != (account{due: 2, lost: 1}) {
		t.Errorf("behind a settlement: %+v, want 6 there and 7 lost", got)
	}
	l.hear(6, event("f", "291", kind, `{"content":{"number":4}}`))
	if _, disorder := l.weigh(state, true); len(disorder) != 1 || !strings.Contains(disorder[0], "event 4 of agent 291") {
		t.Errorf("disorder %q", disorder)
	}
}

// TestSince tells what befell agents in doubt apart.
func TestSince(t *testing.T) {
	before := tally{figures: figures{violations: 1}, met: map[string]int{"291": 1}, reaped: map[string]int{}}
	after := tally{
		figures: figures{violations: 1, signIns: [3]int{5, 0, 1}, gap: time.Second},
		met:     map[string]int{"291": 3, "292": 4}, reaped: map[string]int{"291": 1, "292": 1},
	}
	f, ghosts := after.since(before, map[string]bool{"292": true})
	want := figures{signIns: [3]int{5, 0, 1}, needless: 2, missed: 1, gap: time.Second}
	if diff := cmp.Diff(want, f, cmp.AllowUnexported(figures{}, account{})); diff != "" || ghosts != 4 {
		t.Errorf("%d ghosts; %s", ghosts, diff)
	}
}

// TestJudge breaks each promise once.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		trial  trial
		broken string // "": none
	}{
		{"nothing", trial{figures: figures{signIns: [3]int{9, 9, 9}, gap: window / 2, account: account{due: 9}}}, ""},
		{"session alive", trial{figures: figures{needless: 1}}, "promises 5 and 9"},
		{"overlap", trial{figures: figures{violations: 1}}, "promise 2"},
		{"window", trial{figures: figures{missed: 1}}, "promise 3"},
		{"gap", trial{figures: figures{gap: window/2 + time.Second}}, "promise 3"},
		{"gap of the fault's own", trial{figures: figures{gap: window/2 + time.Second}, away: time.Second}, ""},
		{"lost", trial{figures: figures{account: account{due: 9, lost: 2, told: 1}}, excuse: true}, "promise 10: 1 of 9"},
		{"told on a full disk", trial{figures: figures{account: account{due: 9, lost: 2, told: 2}}, excuse: true}, ""},
		{"told on a disk that is well", trial{figures: figures{account: account{due: 9, lost: 2, told: 2}}}, "promise 10: 2 of 9"},
	} {
		c.trial.judge(nil)
		if got := strings.Join(c.trial.broken, "\n"); (got == "") != (c.broken == "") || !strings.HasPrefix(got, c.broken) {
			t.Errorf("%s: %q, want %q", c.name, got, c.broken)
		}
	}
}

// TestCompare has each figure rise, and none.
func TestCompare(t *testing.T) {
	const d = 12 * time.Minute
	seen := func(last held) (all []held) {
		for i := range 12 {
			h := held{at: time.Duration(i)*time.Minute + time.Second, goroutines: 100, files: 50, consumers: 5, memory: 40, heap: 10}
			if i >= 10 {
				h.goroutines = h.goroutines + last.goroutines
				h.files = h.files + last.files
				h.consumers = h.consumers + last.consumers
				h.memory, h.heap = h.memory+last.memory, h.heap+last.heap
			}
			all = append(all, h)
		}
		return all
	}
	if err := compare(seen(held{goroutines: 15, files: 10, consumers: 3, memory: 10, heap: 5}), d); err != nil {
		t.Error(err)
	}
	for name, rise := range map[string]held{
		"goroutines": {goroutines: 30}, "open files": {files: 30}, "consumers": {consumers: 4}, "resident": {memory: 20}, "heap": {heap: 10},
	} {
		if err := compare(seen(rise), d); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := compare(nil, d); err == nil {
		t.Error("nobody looked, and it is flat")
	}
}

func TestLater(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	r := later(session.Record{Started: at, Sequence: 1, Memo: session.Memo{NextAt: at, Forced: []time.Time{at}}}, time.Hour)
	if !r.Started.Equal(at.Add(time.Hour)) || !r.Memo.NextAt.Equal(at.Add(time.Hour)) || !r.Memo.Forced[0].Equal(at.Add(time.Hour)) || !r.Memo.Until.IsZero() || r.Sequence != 3_600_000_001 {
		t.Errorf("%+v", r)
	}
}
