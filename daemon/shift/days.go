package shift

import (
	"time"

	"github.com/robfig/cron/v3"
)

// calendarDay is what a cron spec sees of a day.
type calendarDay struct {
	month   time.Month
	day     int
	weekday time.Weekday
}

func calendarDayOf(day int64) calendarDay {
	date := wallAt(day, 0).date()
	_, month, dom := date.Date()
	return calendarDay{month, dom, date.Weekday()}
}

// as returns the day as if it fell on a weekday.
func (d calendarDay) as(weekday time.Weekday) calendarDay {
	d.weekday = weekday
	return d
}

// days is a set of days: the last three fields of a cron spec.
type days struct {
	dom, month, dow uint64 // one bit for each number
	either          bool   // day or weekday, not both
}

// anyValue is the bit by which the cron library marks a field that is * or has
// such a part.
const anyValue = 1 << 63

func daysOf(spec *cron.SpecSchedule) days {
	return days{
		dom:    spec.Dom,
		month:  spec.Month,
		dow:    spec.Dow,
		either: (spec.Dom|spec.Dow)&anyValue == 0,
	}
}

// on reports whether the day is in the set.
func (d days) on(date calendarDay) bool {
	if d.month>>date.month&1 == 0 {
		return false
	}
	dom := d.dom>>date.day&1 != 0
	dow := d.dow>>date.weekday&1 != 0
	if d.either {
		return dom || dow
	}
	return dom && dow
}

// weekly reports whether the weekday alone decides.
func (d days) weekly() bool {
	const allDays, allMonths = 1<<32 - 2, 1<<13 - 2
	return d.dom&allDays == allDays && d.month&allMonths == allMonths
}

// empty reports whether there is no such day in any year.
func (d days) empty() bool {
	for date := range calendar {
		if d.on(date) {
			return false
		}
	}
	return true
}

// The 28 years from 2000-01-01 have every calendar that a year can have.
const (
	cycleStart = 10957
	cycleEnd   = cycleStart + 28*365 + 7
)

// calendar yields every day that a year can have, on every weekday; there is no
// other.
func calendar(yield func(calendarDay) bool) {
	lengths := [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for weekday := range time.Weekday(7) {
		for i, length := range lengths {
			for day := 1; day <= length; day++ {
				if !yield(calendarDay{time.January + time.Month(i), day, weekday}) {
					return
				}
			}
		}
	}
}
