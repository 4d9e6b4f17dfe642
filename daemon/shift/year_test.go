package shift_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

// places are zones and a year of each: a plain change of an hour, none, a
// change at midnight, one of half an hour, odd offsets, a change for Ramadan,
// one that crosses midnight backwards, a skipped day, summer as the standard.
var places = []struct {
	zone string
	year int
}{
	{"Europe/Berlin", 2026},
	{"Europe/Moscow", 2026},
	{"Europe/Moscow", 2014},
	{"America/Sao_Paulo", 2018},
	{"Australia/Lord_Howe", 2026},
	{"Asia/Kolkata", 2026},
	{"Africa/Casablanca", 2026},
	{"America/Havana", 2026},
	{"America/St_Johns", 2010},
	{"Pacific/Apia", 2011},
	{"Europe/Dublin", 2026},
	{"America/New_York", 2040}, // a leap year beyond the zone's table
}

// specs are lists, their specs with a | between.
var specs = []struct{ in, out string }{
	{"0 9 * * 1-5", "0 18 * * 1-5"},
	{"0 22 * * *", "0 6 * * *"},
	{"30 2 * * *", "45 2 * * *"},
	{"15 0 * * *", "50 0 * * *"},
	{"59 1 * * *", "0 3 * * *"},
	{"45 2 * * *", "15 2 * * *"},
	{"0 0 * * *", "59 23 * * *"},
	{"*/15 0-3 * * *", "7-59/15 0-3 * * *"},
	{"*/15 9-10 * * *", "0 18 * * *"},
	{"0 6,14 * * *", "0 14,22 * * *"},
	{"0 8 * * 1", "0 20 * * 5"},
	{"0 9 1,15 * 1", "0 17 * * *"},
	{"0 9 */2 * 1", "0 17 * * *"},
	{"* 2 * * *", "0 0 1 * *"},
	{"0 22 * * 1-5", "0 6 * * 2-6"}, // nights, which a workday must not stretch
	{"0 9 * * 1-5|0 10 * * 6", "0 18 * * 1-5|0 16 * * 6"},
	{"0 9 * * 1-5|30 22 * * 5,6|0 0 1,15 * *", "0 18 * * 1-5|30 2 * * 6,0|0 6 * * *"},
}

func list(specs string) []string { return strings.Split(specs, "|") }

func holidays(year int) []string {
	return []string{
		fmt.Sprintf("%d-01-01", year), fmt.Sprintf("%d-03-29", year), fmt.Sprintf("%d-05-01", year),
		fmt.Sprintf("%d-11-04", year), fmt.Sprintf("%d-12-31", year), fmt.Sprintf("%d-12-30", year),
	}
}

// workdays are around changes of clocks, on holidays and beside them, two in a
// row, on the days that their weekday is anyway, and at the ends of the year.
func workdays(year int) (days []shift.Workday) {
	for i, date := range []string{"01-01", "01-03", "02-17", "02-18", "03-28", "03-29", "05-02", "07-11", "10-04", "10-24", "10-25", "11-03", "12-27", "12-31"} {
		days = append(days, shift.Workday{Date: fmt.Sprintf("%d-%s", year, date), As: time.Weekday((i + 1) % 7)})
	}
	return days
}

// warmUp is how long before the year the watcher starts, to know the wish at
// its beginning: longer than any shift above.
const warmUp = 40 * 24 * time.Hour

func TestYearAgainstWatcher(t *testing.T) {
	for i := 0; i < len(places); i += sparse {
		p := places[i]
		t.Run(fmt.Sprint(p.zone, p.year), func(t *testing.T) {
			from := time.Date(p.year-1, 12, 30, 0, 0, 0, 0, time.UTC)
			to := time.Date(p.year+1, 1, 3, 0, 0, 0, 0, time.UTC)
			w := newWatcher(zone(t, p.zone), from.Add(-warmUp), to)
			for _, c := range specs {
				agree(t, w, shift.Spec{SignIn: list(c.in), SignOut: list(c.out), Zone: w.zone, Holidays: holidays(p.year), Workdays: workdays(p.year)}, from, to, 7*time.Hour)
			}
		})
	}
}

func TestEveryMinuteOfAYear(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Europe/Moscow"}[:max(1, 2/sparse)] {
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) // clocks change first of all
		to := from.AddDate(0, 12/sparse, 3)
		w := newWatcher(zone(t, name), from.Add(-warmUp), to)
		for _, c := range []struct{ in, out string }{specs[0], specs[1], specs[len(specs)-1]} {
			agree(t, w, shift.Spec{SignIn: list(c.in), SignOut: list(c.out), Zone: w.zone, Holidays: holidays(2026), Workdays: workdays(2026)}, from, to, time.Minute)
		}
	}
}

func TestEveryQuarterOfAnHour(t *testing.T) {
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 8/sparse, 0)
	w := newWatcher(zone(t, "Europe/Berlin"), from, to)
	spec := shift.Spec{SignIn: []string{"*/15 * * * *"}, SignOut: []string{"7-59/15 * * * *"}, Zone: w.zone, Holidays: holidays(2026), Workdays: workdays(2026)}
	agree(t, w, spec, from.Add(time.Hour), to, time.Hour)
}

// agree compares At with the watcher: the chain of its changes, and its answer
// at every step and on both sides of every change.
func agree(t *testing.T, w *watcher, spec shift.Spec, from, to time.Time, step time.Duration) {
	t.Helper()
	s := parse(t, spec)
	watched := w.watch(t, spec)
	want, got := since(watched, from), follow(s, from, to)
	if !slices.Equal(want, got) {
		t.Fatalf("%+v from %v: changes (-watched +followed):\n%s", spec, from, cmp.Diff(want, got))
	}
	constant(t, s, w.zone, watched, from, step)
}

func since(changes []change, from time.Time) []change {
	for i, c := range changes {
		if c.At.After(from) {
			return changes[i:]
		}
	}
	return nil
}

// constant checks wish and next between the watched changes after from: at
// every step, and on both sides of every change.
func constant(t *testing.T, s *shift.Schedule, zone *time.Location, watched []change, from time.Time, step time.Duration) {
	t.Helper()
	for i := range len(watched) - 1 {
		now, next := watched[i], watched[i+1]
		if next.At.Before(from) {
			continue
		}
		for at := now.At; at.Before(next.At); at = at.Add(finer(step, at.In(zone))) {
			same(t, s, at, now.Wish, next.At)
		}
		same(t, s, next.At.Add(-1), now.Wish, next.At)
	}
}

// finer returns a smaller step for the half day around a change of the clock.
func finer(step time.Duration, at time.Time) time.Duration {
	const around = 8 * time.Hour
	_, before := at.Add(-around).Zone()
	if _, after := at.Add(around).Zone(); before != after {
		return min(step, 5*time.Minute)
	}
	return step
}

func same(t *testing.T, s *shift.Schedule, at time.Time, wish session.Wish, next time.Time) {
	if w, n := s.At(at); w != wish || !n.Equal(next) {
		t.Helper() // here, because it is slow
		t.Fatalf("At(%v) = %v, %v; want %v, %v", at, w, n, wish, next)
	}
}

// Whatever the spec: between t and next the wish is constant, at next it is
// the other one, and the changes are those of the watcher.
func TestRandomSpecsAgainstWatcher(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 60 / sparse {
		p := places[r.IntN(len(places))]
		spec := shift.Spec{SignIn: randomList(r), SignOut: randomList(r), Zone: zone(t, p.zone), Holidays: holidays(p.year), Workdays: randomWorkdays(r, p.year)}
		from := time.Date(p.year, time.Month(1+r.IntN(10)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		to := from.AddDate(0, 2, 0)
		w := newWatcher(spec.Zone, from.Add(-warmUp), to)
		if _, err := shift.Parse(spec); err != nil && !w.leaves(t, spec) {
			continue // refused for that
		}
		agree(t, w, spec, from, to, 3*time.Hour+time.Second)
	}
}

// leaves tells whether the watcher saw a sign-out at a minute without a sign-in.
func (w *watcher) leaves(t *testing.T, spec shift.Spec) bool {
	t.Helper()
	ins, outs := w.written(t, spec)
	return slices.ContainsFunc(outs, func(out int64) bool { return !slices.Contains(ins, out) })
}

func randomList(r *rand.Rand) (list []string) {
	for range 1 + r.IntN(3) {
		list = append(list, randomSpec(r))
	}
	return list
}

// randomWorkdays are many, so that some are side by side.
func randomWorkdays(r *rand.Rand, year int) (days []shift.Workday) {
	first := time.Date(year-1, 12, 1, 0, 0, 0, 0, time.UTC)
	for day := range 425 {
		if r.IntN(8) == 0 {
			days = append(days, shift.Workday{Date: first.AddDate(0, 0, day).Format(time.DateOnly), As: time.Weekday(r.IntN(7))})
		}
	}
	return days
}

// randomSpec returns a spec that fires at least every two weeks. The hours
// around the changes of clocks come often.
func randomSpec(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	minute := pick("0", "1", "29", "30", "31", "59", "*/20", "10-50/10", "5,35")
	hour := pick("0", "1", "2", "2", "3", "23", "1-3", "*/6", "0,12")
	day := pick("*", "*", "*", "1,8,15,22", "*/5", "?")
	weekday := pick("*", "*", "1-5", "0", "SAT,SUN", "3-6/3")
	return minute + " " + hour + " " + day + " * " + weekday
}
