package shift

import (
	"fmt"
	"strings"
	"time"

	"agentkeeper/session"
)

// Moment is something that a person who plans a shift wants to know: a change
// of the wish, a holiday that keeps agents away, a workday that is unlike the day
// it would be otherwise, or a change of the clock.
type Moment struct {
	At   time.Time // in the schedule's zone
	Kind MomentKind
	Wish session.Wish // of a Change: what is wished from At on
	// Note says what is unusual: of a Change, that the wall clock skips or
	// repeats its minute; of a Holiday, which sign-ins do not happen; of a Workday,
	// as what it counts and which sign-ins happen; of a Clock, how it is set. ""
	// where nothing is.
	Note string
}

// MomentKind is what a Moment is.
type MomentKind uint8

// The kinds.
const (
	Change MomentKind = iota
	Holiday
	WorkingDay
	Clock
)

// Preview returns the moments after from, up to to, in order. A holiday and a
// workday stand at the begin of their day, one that has begun at from among
// them, and only where they change something: a holiday keeps a sign-in away.
// Nil has no moments.
func (s *Schedule) Preview(from, to time.Time) []Moment {
	if s == nil {
		return nil
	}
	from, to = from.In(s.zone), to.In(s.zone)
	moments := s.dayMoments(from, to)
	moments = merge(moments, s.clockMoments(from, to))
	return merge(moments, s.changes(from, to))
}

// merge joins two lists in order; at the same instant a comes first.
func merge(a, b []Moment) (all []Moment) {
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || (len(a) > 0 && !b[0].At.Before(a[0].At)) {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return all
}

func (s *Schedule) changes(from, to time.Time) (moments []Moment) {
	_, at := s.At(from)
	for !at.IsZero() && !at.After(to) {
		wish, next := s.At(at)
		moments = append(moments, Moment{At: at, Kind: Change, Wish: wish, Note: s.unusual(at)})
		at = next
	}
	return moments
}

// unusual says what a change of the clock does to the change at an instant.
func (s *Schedule) unusual(at time.Time) string {
	shown, before := reached(at, s.zone), reached(at.Add(-time.Second), s.zone)
	switch planned := s.planned(before, shown); {
	case planned < shown:
		return clockTime(planned) + " does not exist that day"
	case repeats(at, s.zone):
		return "the first of two"
	}
	return ""
}

// planned returns the last edge after before, up to now.
func (s *Schedule) planned(before, now wall) wall {
	for day := now.day(); day >= before.day(); day-- {
		plan := s.plan(day)
		for i := len(plan) - 1; i >= 0; i-- {
			if at := wallAt(day, plan[i].minute); at <= now && at > before {
				return at
			}
		}
	}
	return now
}

// repeats reports whether the wall clock will show again what it shows at t.
func repeats(t time.Time, zone *time.Location) bool {
	end := offsetEnd(t.In(zone))
	if end.IsZero() || end.Sub(t) > zoneSpread {
		return false
	}
	return reading(end.In(zone)) <= reading(t.In(zone))
}

// clockMoments are the changes of the zone's offset.
func (s *Schedule) clockMoments(from, to time.Time) (moments []Moment) {
	for t := from; ; {
		_, before := t.Zone()
		end := offsetEnd(t)
		if end.IsZero() || end.After(to) {
			return moments
		}
		t = end.In(s.zone)
		if _, after := t.Zone(); after != before {
			note := setting(reading(t), after-before) + s.swallowed(reading(t)-wall(after-before), reading(t))
			moments = append(moments, Moment{At: t, Kind: Clock, Note: note})
		}
	}
}

// swallowed names a shift, or a break, that lies in a gap with both its ends.
func (s *Schedule) swallowed(before, now wall) string {
	wish := s.wish(before - 1)
	if now <= before || s.wish(now) != wish {
		return ""
	}
	for day := before.day(); day <= now.day(); day++ {
		for _, e := range s.plan(day) {
			if at := wallAt(day, e.minute); at >= before && at <= now && e.wish != wish {
				return "; what begins at " + clockTime(at) + " ends in the gap and does not happen"
			}
		}
	}
	return ""
}

// setting says how a clock is set that then shows now.
func setting(now wall, by int) string {
	way := "forward"
	if by < 0 {
		way = "back"
	}
	return fmt.Sprintf("clocks go %s from %s to %s", way, clockTime(now-wall(by)), clockTime(now))
}

func clockTime(w wall) string { return w.date().Format("15:04") }

// dayMoments are the days that are not as their weekday says: holidays on which
// somebody would have signed in, and workdays.
func (s *Schedule) dayMoments(from, to time.Time) (moments []Moment) {
	last := reading(to).day()
	for day := reading(from).day(); day <= last; day++ {
		if kind, note := s.special(day); note != "" {
			moments = append(moments, Moment{At: reaches(wallAt(day, 0), s.zone), Kind: kind, Note: note})
		}
	}
	return moments
}

// special says what is unlike other weeks about a day; "" is nothing.
func (s *Schedule) special(day int64) (kind MomentKind, note string) {
	is, today := s.firing(day), calendarDayOf(day)
	usual := is
	usual.in, usual.late = s.signIn.on(today), s.signOut.on(today)
	as, works := s.workdays[day]
	switch {
	case works && s.holidays[day]:
		return WorkingDay, fmt.Sprintf("as %s: %s (also a holiday, but the workday counts)", as, s.signIns(is))
	case works && is != usual:
		return WorkingDay, fmt.Sprintf("as %s: %s", as, s.signIns(is))
	case s.holidays[day] && !works && usual.in != 0:
		return Holiday, "no " + s.signIns(usual)
	}
	return 0, ""
}

// Today says what is unlike other weeks about the day that the schedule's wall
// clock shows at t: a holiday that keeps a sign-in away, or a workday that
// changes something; "" where nothing is. Nil has no such days.
func (s *Schedule) Today(t time.Time) string {
	if s == nil {
		return ""
	}
	switch kind, note := s.special(reading(t.In(s.zone)).day()); {
	case note == "":
		return ""
	case kind == Holiday:
		return "a holiday of the schedule: " + note
	default:
		return "a workday of the schedule, " + note
	}
}

// signIns lists the times at which a shift begins where those specs fire.
func (s *Schedule) signIns(f firing) string {
	var times []string
	for _, e := range s.planOf(f) {
		if e.wish == session.Stay {
			times = append(times, clockTime(wallAt(0, e.minute)))
		}
	}
	switch n := len(times); {
	case n == 0:
		return "no sign-in"
	case n > 3:
		return "sign-in at " + times[0] + " and after"
	}
	return "sign-in at " + strings.Join(times, ", ")
}
