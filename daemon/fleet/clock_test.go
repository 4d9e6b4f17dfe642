package fleet

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"agentkeeper/session"
)

// TestClockLook tells steps of the wall clock and sleeps of the machine apart.
// An instant without a monotonic reading is as if both clocks moved together, so
// a step is made of two readings that differ in one of them.
func TestClockLook(t *testing.T) {
	began := time.Now()
	var c clock
	if step, slept := c.look(began, time.Second); step != 0 || slept != 0 {
		t.Errorf("the first look: step %v, slept %v", step, slept)
	}
	if step, slept := c.look(began.Add(20*time.Second), time.Second); step != 0 || slept != 0 {
		t.Errorf("nothing happened: step %v, slept %v", step, slept)
	}
	if step, slept := c.look(began.Add(40*time.Second), time.Second+time.Millisecond); step != 0 || slept != 0 {
		t.Errorf("a blink: step %v, slept %v", step, slept)
	}
	// A sleep of an hour: the wall clock went on, the monotonic one did not.
	c = clock{began.Round(0), 0}
	if step, slept := c.look(began.Add(time.Minute).Round(0), time.Hour); step != -time.Hour || slept != time.Hour {
		t.Errorf("asleep with a wall clock that stood still, too: step %v, slept %v", step, slept)
	}
}

// TestOverrideUnderAnotherClock takes over an override for half an hour under a
// clock that is behind: it holds no longer than half an hour, and is over when
// the clock is set right.
func TestOverrideUnderAnotherClock(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	id := session.ID{Platform: "hq", Login: "1"}
	for _, behind := range []time.Duration{time.Minute, 24 * time.Hour, 50 * 365 * 24 * time.Hour} {
		at := now.Add(behind)
		state, err := json.Marshal(Override{Verb: Pause, Until: at.Add(30 * time.Minute), For: 30 * time.Minute, At: at})
		if err != nil {
			t.Fatal(err)
		}
		o := decodeOverrides(map[string][]byte{id.String(): state}, now, slog.New(slog.DiscardHandler))[id]
		if o.over(now) || !o.over(now.Add(30*time.Minute)) {
			t.Errorf("%v behind: it is to hold for half an hour, until %v", behind, o.Until)
		}
		if !o.over(at.Add(31 * time.Minute)) {
			t.Errorf("%v behind: it goes on though the clock was set right", behind)
		}
	}
	shift, err := json.Marshal(Override{Verb: SignOut, Until: now.Add(9 * time.Hour), At: now})
	if err != nil {
		t.Fatal(err)
	}
	o := decodeOverrides(map[string][]byte{id.String(): shift}, now.Add(-24*time.Hour), slog.New(slog.DiscardHandler))[id]
	if o.over(now.Add(8*time.Hour)) || !o.over(now.Add(9*time.Hour)) {
		t.Errorf("until the schedule's change: %v", o.Until)
	}
}
