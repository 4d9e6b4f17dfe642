package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/holiday"
	"agentkeeper/daemon/shift"
	"agentkeeper/vendors/option"
)

const keyWorkdays = "workdays"

// workdays reads the days of a schedule that count as a weekday: dates, files of
// them, and dates with the weekday. Holidays are known by then.
func (l *loader) workdays(m *strict.Mapping, s *Schedule) {
	w := workdays{m: m, report: &l.Report, days: map[string]workday{}}
	for _, n := range m.List(keyWorkdays) {
		item := strict.Target(n)
		switch date, isDate := dateOf(item); {
		case item.Kind == yaml.MappingNode:
			w.withWeekdays(item)
		case isDate:
			w.add(workday{Workday: shift.PlainWorkday(date), pos: m.PosOf(n), plain: true, written: true})
		case item.Kind == yaml.ScalarNode && isFileOfDays(item.Value) && !beginsWithDate(item.Value):
			for _, day := range l.fileOfDays(m, keyWorkdays, n, s.TimeZone) {
				w.addOfFile(day, m.PosOf(n), s)
			}
		default:
			w.noDay(n)
		}
	}
	if n := len(w.days); n > shift.MaxWorkdays {
		m.Wrong(keyWorkdays, "are %d days; a schedule may have %d of them. Are these the right files?", n, shift.MaxWorkdays)
		return
	}
	for _, date := range slices.Sorted(maps.Keys(w.days)) {
		s.Workdays = append(s.Workdays, w.days[date].Workday)
	}
	w.advise(s)
}

// workdays are those of one schedule under decode.
type workdays struct {
	m      *strict.Mapping
	report *strict.Report
	days   map[string]workday // by date
}

// workday is one day and where it comes from.
type workday struct {
	shift.Workday
	pos     option.Pos
	plain   bool // nobody says as which weekday it counts
	written bool // as a date, in no file
}

// dateOf reads a date.
func dateOf(n *yaml.Node) (time.Time, bool) {
	date, err := time.Parse(time.DateOnly, n.Value)
	return date, err == nil && n.Kind == yaml.ScalarNode
}

// beginsWithDate tells a date and a weekday without a blank between from the name
// of a file.
func beginsWithDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text[:min(len(text), len(time.DateOnly))])
	return err == nil
}

func (w *workdays) noDay(n *yaml.Node) {
	w.m.WrongAt(n, "%s holds something that is no day; write for example 2026-12-31, or with a weekday 2026-12-31: mon, or the name of a file of days", w.m.Name(keyWorkdays))
}

// withWeekdays reads dates and as what they count.
func (w *workdays) withWeekdays(n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		date, isDate := dateOf(strict.Target(n.Content[i]))
		as, isWeekday := shift.ParseWeekday(strict.Target(n.Content[i+1]).Value)
		switch {
		case !isDate:
			w.noDay(n.Content[i])
		case !isWeekday:
			w.m.WrongAt(n.Content[i+1], "%s: this is no weekday; write sun, mon, tue, wed, thu, fri or sat", w.m.Name(keyWorkdays))
		default:
			day := shift.Workday{Date: date.Format(time.DateOnly), As: as}
			w.add(workday{Workday: day, pos: w.m.PosOf(n.Content[i]), written: true})
		}
	}
}

// addOfFile takes a day of a file unless it is marked as a day off.
func (w *workdays) addOfFile(day holiday.Day, pos option.Pos, s *Schedule) {
	date, err := time.Parse(time.DateOnly, day.Date)
	if err != nil || day.Kind == holiday.DayOff {
		return
	}
	w.add(workday{Workday: shift.PlainWorkday(date), pos: pos, plain: true})
	s.name(day)
}

// add takes a day. A weekday that somebody wrote stands above one that follows
// from the date.
func (w *workdays) add(day workday) {
	switch known, ok := w.days[day.Date]; {
	case !ok || (known.plain && !day.plain):
		w.days[day.Date] = day
	case !day.plain && known.As != day.As:
		w.report.Wrong(day.pos, "%s: %s counts as %s here and as %s before; keep one", w.m.Name(keyWorkdays), day.Date, day.As, known.As)
	}
}

// advise tells of workdays that are holidays, too, and of those that change
// nothing.
func (w *workdays) advise(s *Schedule) {
	both := map[option.Pos][]string{}
	for _, d := range s.Workdays {
		day := w.days[d.Date]
		date, _ := time.Parse(time.DateOnly, d.Date)
		switch _, isHoliday := slices.BinarySearch(s.Holidays, d.Date); {
		case isHoliday:
			both[day.pos] = append(both[day.pos], d.Date)
		case day.written && d.As == date.Weekday():
			w.report.Warn(day.pos, "%s: %s is a %s and no holiday, so this changes nothing", w.m.Name(keyWorkdays), d.Date, d.As)
		}
	}
	for pos, dates := range both {
		more := ""
		if n := len(dates) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more of these days)", n)
		}
		w.report.Warn(pos, "%s: %s is also a holiday of this schedule, and counts as a workday%s; drop one of the two if that is not meant", w.m.Name(keyWorkdays), dates[0], more)
	}
}
