// Package shift says at any instant whether agents are to be online.
//
// A schedule is cron specs for sign-ins and for sign-outs, one or several of
// each, on the wall clock of one zone. It is evaluated as a state, never waited
// for as an edge: [Schedule.At] tells the wish at an instant from that instant
// alone, so a start in mid-shift, a clock that jumps and a minute that nobody saw
// need no care of the caller's.
//
// The rules:
//
//   - The last sign-in or sign-out that the wall clock has reached decides. Two
//     sign-ins before a sign-out are one shift.
//   - A sign-out and a sign-in at the same minute happen in this order: a shift
//     that begins when another ends goes on without a break.
//   - The wall clock reaches a minute when it first shows it or a later one. So
//     a minute that a daylight-saving change skips is reached right after the
//     gap, and one that comes twice is reached the first time only. A shift
//     that lies in a gap with both its ends does not happen.
//   - On a holiday, a local date, there is no sign-in. Sign-outs stay, and a
//     shift begun before goes on to its end.
//   - A workday, a local date, counts as a weekday: the specs of that weekday
//     fire, and it is no holiday. A shift begun the day before ends as on the
//     day's own weekday, and one begun on a workday ends as it would on the
//     weekday that it counts as, after midnight too: until the first sign-in of
//     a day its sign-outs are those of the weekday that follows what the day
//     before counted as.
//   - In a spec that restricts both day and weekday either one is enough, as
//     cron has it. A restriction is anything but * or */1, as the cron library
//     has it.
//
// # What is refused, and what is only advised
//
// A spec is a mistake when some part of it can mean nothing: it is not five
// fields, no year has its day, or no sign-out ever takes effect, because each
// comes at the minute of a sign-in; agents would be online for ever, which is
// said by leaving the schedule out. Everything else means something, if not what
// its writer meant, and another schedule of the same shape may be right:
// overlapping sign-ins, a sign-out when nobody is on, one at the minute of the
// sign-in (a shift of no length), a shift of a minute, one that goes on over the
// weekend, one as good as always on. [Advise] tells of those.
//
// The package is pure: no clock, no goroutine, no I/O.
package shift

import (
	"time"

	"agentkeeper/session"
)

// horizon is how many days At looks back and ahead: the longest time from one
// 29 February to the next, over a year like 2100.
const horizon = 8*365 + 1

// Schedule is the wish at every instant. It never changes after Parse, so any
// number of agents and goroutines may share one. Nil is always online.
type Schedule struct {
	signIn, signOut specs
	zone            *time.Location
	holidays        map[int64]bool
	workdays        map[int64]time.Weekday // as which each counts; also of holidays
	plans           map[firing][]edge      // of every day that there can be
}

// edge is a minute of a day from which on a wish holds.
type edge struct {
	minute int16
	wish   session.Wish
}

// firing is which specs fire on a day.
type firing struct {
	in    set
	early set // of the sign-outs, before the day's first sign-in
	late  set // of the sign-outs, from then on
}

// At returns what is wished at t (session.Stay or session.Leave) and the
// instant, after t and in the schedule's zone, of the next change of it; the
// zero time if there is none in the next eight years. Between t and next the
// wish is constant, and at next it is the other one.
//
// A caller that sleeps until next by a timer asks again when the clock may
// have been set. It costs microseconds.
func (s *Schedule) At(t time.Time) (wish session.Wish, next time.Time) {
	if s == nil {
		return session.Stay, time.Time{}
	}
	now := reached(t, s.zone)
	wish = s.wish(now)
	last := now.day() + horizon
	for at, ok := s.change(now, wish, last); ok; at, ok = s.change(now, wish, last) {
		next = reaches(at, s.zone)
		now = reached(next, s.zone) // beyond at where a gap swallowed several changes
		if s.wish(now) != wish {
			return wish, next
		}
	}
	return wish, time.Time{}
}

// wish returns what the last edge up to now says.
func (s *Schedule) wish(now wall) session.Wish {
	for day := now.day(); day >= now.day()-horizon; day-- {
		plan := s.plan(day)
		for i := len(plan) - 1; i >= 0; i-- {
			if wallAt(day, plan[i].minute) <= now {
				return plan[i].wish
			}
		}
	}
	return session.Leave
}

// change returns the first edge after now, on the last day or before, that
// wishes something other than wish.
func (s *Schedule) change(now wall, wish session.Wish, last int64) (at wall, ok bool) {
	for day := now.day(); day <= last; day++ {
		for _, e := range s.plan(day) {
			if at := wallAt(day, e.minute); at > now && e.wish != wish {
				return at, true
			}
		}
	}
	return 0, false
}

// plan returns the edges of a day, in order, each wishing other than the one
// before it.
func (s *Schedule) plan(day int64) []edge {
	f := s.firing(day)
	if f == (firing{}) {
		return nil
	}
	return s.plans[f]
}

// firing returns which specs fire on a day.
func (s *Schedule) firing(day int64) firing {
	today := calendarDayOf(day)
	f := firing{early: s.signOut.on(today)}
	f.late = f.early
	as, works := s.workdays[day]
	if works {
		f.late = s.signOut.on(today.as(as))
	} else {
		as = today.weekday
	}
	if !s.holidays[day] || works {
		f.in = s.signIn.on(today.as(as))
	}
	if before, worked := s.workdays[day-1]; worked {
		f.early = s.signOut.on(today.as((before + 1) % 7))
	}
	return f
}
