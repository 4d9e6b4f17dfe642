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
func (w *watcher) watch(t *testing.T, spec shift.Spec) []change {
	t.Helper()
	ins, outs := w.written(t, spec)
	wishes := map[int64]session.Wish{}
	for _, minute := range outs {
		wishes[minute] = session.Leave
	}
	for _, minute := range ins {
		wishes[minute] = session.Stay
	}
	changes := []change{{Wish: session.Leave}}
	for _, minute := range slices.Sorted(maps.Keys(wishes)) {
		changes = apply(changes, change{w.acted[(minute-w.start)/60-1], wishes[minute]})
	}
	return changes[1:]
}

const daySeconds = 24 * 60 * 60

// written returns the minutes of sign-ins and sign-outs, with holidays and
// workdays obeyed: what is written for a workday and the day after it is
// replaced as people would do it in a paper calendar.
func (w *watcher) written(t *testing.T, spec shift.Spec) (ins, outs []int64) {
	t.Helper()
	works := map[int64]time.Weekday{}
	for _, d := range spec.Workdays {
		works[midnight(t, d.Date)] = d.As
	}
	counts := func(day int64) time.Weekday {
		if as, moved := works[day]; moved {
			return as
		}
		return time.Unix(day, 0).UTC().Weekday()
	}
	ins, outs = w.firings(t, spec.SignIn), w.firings(t, spec.SignOut)
	for _, day := range slices.Sorted(maps.Keys(works)) {
		ins = w.rewrite(ins, day, minutesLike(t, spec.SignIn, day, counts(day)))
	}
	for _, holiday := range spec.Holidays {
		if day := midnight(t, holiday); !has(works, day) {
			ins = w.rewrite(ins, day, nil)
		}
	}
	for day := range works {
		for _, day := range []int64{day, day + daySeconds} {
			begin := day + daySeconds
			for _, in := range ins {
				if in >= day {
					begin = min(begin, in)
				}
			}
			late := minutesLike(t, spec.SignOut, day, counts(day))
			early := minutesLike(t, spec.SignOut, day, (counts(day-daySeconds)+1)%7)
			outs = w.rewrite(outs, day, append(
				slices.DeleteFunc(late, func(m int64) bool { return m < begin }),
				slices.DeleteFunc(early, func(m int64) bool { return m >= begin })...))
		}
	}
	return ins, outs
}

func has(works map[int64]time.Weekday, day int64) bool { _, ok := works[day]; return ok }

func midnight(t *testing.T, date string) int64 {
	t.Helper()
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return day.Unix()
}

// rewrite replaces the minutes of a day, as far as the watcher saw it.
func (w *watcher) rewrite(minutes []int64, day int64, by []int64) []int64 {
	minutes = slices.DeleteFunc(slices.Clone(minutes), func(m int64) bool { return m >= day && m < day+daySeconds })
	for _, m := range by {
		if m > w.start && m <= w.last() {
			minutes = append(minutes, m)
		}
	}
	return minutes
}

// minutesLike returns the minutes at which a list would fire on a day if that
// were the given weekday: those of a year where the same date is one.
func minutesLike(t *testing.T, list []string, day int64, weekday time.Weekday) (minutes []int64) {
	t.Helper()
	date := time.Unix(day, 0).UTC()
	like := date
	for year := 1972; like.Weekday() != weekday || like.Day() != date.Day(); year++ {
		like = time.Date(year, date.Month(), date.Day(), 0, 0, 0, 0, time.UTC)
	}
	for _, m := range fired(t, list, like.Unix()-1, like.Unix()+daySeconds-60) {
		minutes = append(minutes, m-like.Unix()+day)
	}
	return minutes
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

// last is the last minute that the watcher saw.
func (w *watcher) last() int64 { return w.start + int64(len(w.acted))*60 }

// firings returns the minutes of a list that the watcher saw.
func (w *watcher) firings(t *testing.T, list []string) []int64 {
	t.Helper()
	return fired(t, list, w.start, w.last())
}

// fired returns the minutes after start, up to last, at which a spec of a list
// fires.
func fired(t *testing.T, list []string, start, last int64) (minutes []int64) {
	t.Helper()
	for _, spec := range list {
		s, err := cron.ParseStandard("TZ=UTC " + spec)
		if err != nil {
			t.Fatal(err)
		}
		for at := s.Next(time.Unix(start, 0)); !at.IsZero() && at.Unix() <= last; at = s.Next(at) {
			minutes = append(minutes, at.Unix())
		}
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
