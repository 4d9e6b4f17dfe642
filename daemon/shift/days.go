package shift

import (
	"maps"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"agentkeeper/session"
)

// days is a set of dates: the last three fields of a cron spec.
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

// on reports whether the date is in the set.
func (d days) on(date time.Time) bool {
	if d.month>>date.Month()&1 == 0 {
		return false
	}
	dom := d.dom>>date.Day()&1 != 0
	dow := d.dow>>date.Weekday()&1 != 0
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

// The 28 years from 2000-01-01 have every calendar that a year can have.
const (
	cycleStart = 10957
	cycleEnd   = cycleStart + 28*365 + 7
)

// empty reports whether there is no such date in any year.
func (d days) empty() bool {
	for day := int64(cycleStart); day < cycleEnd; day++ {
		if d.on(wallAt(day, 0).date()) {
			return false
		}
	}
	return true
}

// endless reports whether no sign-out ever takes effect.
func (s *Schedule) endless() bool {
	for day := int64(cycleStart); day < cycleEnd; day++ {
		if s.leaves(day) {
			return false
		}
	}
	return !slices.ContainsFunc(slices.Collect(maps.Keys(s.holidays)), s.leaves)
}

// leaves reports whether agents are to sign out some time on that day.
func (s *Schedule) leaves(day int64) bool {
	return slices.ContainsFunc(s.plan(day), func(e edge) bool { return e.wish == session.Leave })
}
