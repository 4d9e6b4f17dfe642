package shift_test

import (
	"maps"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"

	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

// change is an instant from which on a wish holds.
type change struct {
	At   time.Time
	Wish session.Wish
}

// watcher looked at the wall clock every minute and noted when he had to act
// on which minute: in order, on each once, on those that the clock skipped
// when he saw that they were gone.
type watcher struct {
	zone  *time.Location
	start int64       // the first minute, its date and time as if they were UTC
	acted []time.Time // on the minutes after it
}

func newWatcher(zone *time.Location, from, to time.Time) *watcher {
	w := &watcher{zone: zone, start: show(from, zone), acted: make([]time.Time, 0, to.Sub(from)/time.Minute+24*60)}
	seen := w.start
	for now := from.UTC(); now.Before(to); now = now.Add(time.Minute) {
		for shown := show(now, zone); seen < shown; seen += 60 {
			w.acted = append(w.acted, now)
		}
	}
	return w
}

// show returns the wall clock's date and time as if they were UTC.
func show(t time.Time, zone *time.Location) int64 {
	_, offset := t.In(zone).Zone()
	shown := t.Unix() + int64(offset)
	return shown - shown%60
}

// watch finds the changes of wish the plain way. The cron library is used in
// UTC only, where it has no daylight-saving changes to get wrong.
func (w *watcher) watch(t *testing.T, in, out string, holidays []string) []change {
	t.Helper()
	wishes := map[int64]session.Wish{}
	for _, minute := range w.firings(t, out) {
		wishes[minute] = session.Leave
	}
	for _, minute := range w.firings(t, in) {
		if !slices.Contains(holidays, time.Unix(minute, 0).UTC().Format(time.DateOnly)) {
			wishes[minute] = session.Stay
		}
	}
	changes := []change{{Wish: session.Leave}}
	for _, minute := range slices.Sorted(maps.Keys(wishes)) {
		changes = apply(changes, change{w.acted[(minute-w.start)/60-1], wishes[minute]})
	}
	return changes[1:]
}

// apply adds a change; what comes at the same instant as the last one undoes it.
func apply(changes []change, c change) []change {
	last := len(changes) - 1
	switch {
	case changes[last].Wish == c.Wish:
		return changes
	case changes[last].At.Equal(c.At):
		return changes[:last]
	}
	return append(changes, c)
}

// firings returns the minutes of a spec that the watcher saw.
func (w *watcher) firings(t *testing.T, spec string) []int64 {
	t.Helper()
	s, err := cron.ParseStandard("TZ=UTC " + spec)
	if err != nil {
		t.Fatal(err)
	}
	var minutes []int64
	last := w.start + int64(len(w.acted))*60
	for at := s.Next(time.Unix(w.start, 0)); !at.IsZero() && at.Unix() <= last; at = s.Next(at) {
		minutes = append(minutes, at.Unix())
	}
	return minutes
}

// follow returns the changes in [from, to) by the word of At alone.
func follow(s *shift.Schedule, from, to time.Time) []change {
	var changes []change
	for _, next := s.At(from); !next.IsZero() && next.Before(to); {
		var wish session.Wish
		at := next
		wish, next = s.At(at)
		changes = append(changes, change{at.UTC(), wish})
	}
	return changes
}

func parse(t *testing.T, spec shift.Spec) *shift.Schedule {
	t.Helper()
	s, err := shift.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
