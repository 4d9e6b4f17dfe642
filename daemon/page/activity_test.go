package page

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What happened stands in its minute, for an hour.
func TestActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewActivity()
		last := func(back int) Counts { return a.Hour(time.Now(), "")[minutes-1-back].Counts }
		for _, event := range []string{"signed_in", "signed_in", "adopted", "lost", "signed_out", "parked", "AgentState_Ready"} {
			a.Note("hq", event)
		}
		a.Note("pbx", "lost")
		all := Counts{SignedIn: 2, Adopted: 1, Lost: 2, SignedOut: 1, Parked: 1}
		if got := last(0); got != all {
			t.Errorf("now: %+v, want %+v", got, all)
		}
		if got := a.Hour(time.Now(), "pbx")[minutes-1].Counts; got != (Counts{Lost: 1}) {
			t.Errorf("one platform: %+v", got)
		}
		time.Sleep(59 * time.Minute)
		a.Note("hq", "lost")
		if got := last(59); got != all {
			t.Errorf("59 minutes later: %+v, want %+v", got, all)
		}
		time.Sleep(time.Minute)
		a.Note("hq", "signed_in") // takes the place of an hour ago
		if got := last(0); got != (Counts{SignedIn: 1}) {
			t.Errorf("in the place of an hour ago: %+v", got)
		}
		if got := last(1); got != (Counts{Lost: 1}) {
			t.Errorf("a minute before: %+v", got)
		}
		time.Sleep(24 * time.Hour)
		for i, m := range a.Hour(time.Now(), "") {
			if m.Counts != (Counts{}) {
				t.Errorf("a day later, minute %d: %+v", i, m)
			}
		}
	})
}

func TestActivityAnswer(t *testing.T) {
	a := NewActivity()
	a.Note("hq", "lost")
	var failure error
	p := New(Options{Activity: a, LastEvent: func(context.Context) (uint64, error) { return 42, failure }})
	ask := func(target string) (h hour) {
		t.Helper()
		w := get(p, target)
		if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || w.Code != 200 || len(h.Minutes) != minutes {
			t.Fatalf("%s: %d %v %s", target, w.Code, err, w.Body)
		}
		return h
	}
	sum := func(h hour) (n int) {
		for _, m := range h.Minutes {
			n += m.Lost
		}
		return n
	}
	if h := ask("/api/v1/activity"); sum(h) != 1 || h.LastEvent == nil || *h.LastEvent != 42 {
		t.Errorf("%+v", h)
	}
	if h := ask("/api/v1/activity?platform=pbx"); sum(h) != 0 {
		t.Errorf("another platform: %+v", h)
	}
	failure = errors.New("the store is away")
	if h := ask("/api/v1/activity"); h.LastEvent != nil {
		t.Errorf("with the store away: %+v", h)
	}
	if w := get(p, "/api/v1/activity?colour=red"); w.Code != 400 {
		t.Errorf("an unknown parameter: %d", w.Code)
	}
}
