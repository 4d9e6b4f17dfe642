package shift

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
)

// Spec is a schedule as people write it. A list of cron specs fires whenever one
// of it does.
type Spec struct {
	SignIn   []string       // cron, five fields each: minute, hour, day, month, weekday
	SignOut  []string       // likewise
	Zone     *time.Location // nil: the machine's
	Holidays []string       // local days without a sign-in, as 2006-01-02
	Workdays []Workday      // days that count as another weekday, and are no holidays
}

// Workday is a day on which the specs of a weekday fire, whatever its own. Of two
// for the same day the later one counts.
type Workday struct {
	Date string // local, as 2006-01-02
	As   time.Weekday
}

// PlainWorkday is a working day of which nobody says as which weekday it counts:
// on a Saturday or Sunday as Monday, else as its own.
func PlainWorkday(date time.Time) Workday {
	as := date.Weekday()
	if as == time.Saturday || as == time.Sunday {
		as = time.Monday
	}
	return Workday{Date: date.Format(time.DateOnly), As: as}
}

// MaxWorkdays bounds the workdays of one schedule.
const MaxWorkdays = 2000

// Why a spec is refused, beyond not being readable; in the chain of an [Error].
var (
	// ErrNever is that of a spec for a day that no year has.
	ErrNever = errors.New("never fires; write a day that exists")
	// ErrEndless is that of a schedule whose every sign-out is also a sign-in,
	// the same spec twice for one: its first shift would never end.
	ErrEndless = errors.New("fires only when sign_in does, so no shift would ever end; write the end of the shift")
)

// Error is one mistake in a Spec.
type Error struct {
	Key  string // the setting: sign_in, sign_out, holidays or workdays
	Text string // what was written there
	Err  error  // what is wrong and what to do
}

// Error returns key, text, what is wrong and what to do, in one line.
func (e *Error) Error() string { return fmt.Sprintf("%s %q %v", e.Key, e.Text, e.Err) }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Parse returns the schedule of a spec. Its error joins one [*Error] for each
// mistake.
func Parse(spec Spec) (*Schedule, error) {
	in, inErr := parseCrons("sign_in", spec.SignIn)
	out, outErr := parseCrons("sign_out", spec.SignOut)
	holidays, err := parseHolidays(spec.Holidays)
	workdays, workErr := parseWorkdays(spec.Workdays)
	if err = errors.Join(inErr, outErr, err, workErr); err != nil {
		return nil, err
	}
	s := &Schedule{signIn: in, signOut: out, zone: spec.Zone, holidays: holidays, workdays: workdays}
	if s.zone == nil {
		s.zone = time.Local
	}
	s.draw()
	if s.endless() {
		return nil, &Error{Key: "sign_out", Text: strings.Join(spec.SignOut, "; "), Err: ErrEndless}
	}
	return s, nil
}

func parseHolidays(texts []string) (map[int64]bool, error) {
	holidays := make(map[int64]bool, len(texts))
	var errs []error
	for _, text := range texts {
		day, err := parseDay("holidays", text)
		holidays[day], errs = true, append(errs, err)
	}
	return holidays, errors.Join(errs...)
}

func parseWorkdays(list []Workday) (map[int64]time.Weekday, error) {
	if len(list) > MaxWorkdays {
		return nil, &Error{"workdays", list[MaxWorkdays].Date, fmt.Errorf("is one too many; a schedule may have %d", MaxWorkdays)}
	}
	workdays := make(map[int64]time.Weekday, len(list))
	var errs []error
	for _, w := range list {
		day, err := parseDay("workdays", w.Date)
		if err == nil && (w.As < time.Sunday || w.As > time.Saturday) {
			err = &Error{"workdays", w.Date, errors.New("counts as no weekday; use Sunday to Saturday")}
		}
		workdays[day], errs = w.As, append(errs, err)
	}
	return workdays, errors.Join(errs...)
}

// parseDay returns the number of a local day.
func parseDay(key, text string) (int64, error) {
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, &Error{key, text, errors.New("is no day; write for example 2026-12-31")}
	}
	return reading(date).day(), nil
}

// draw makes the plans of every day that there can be.
func (s *Schedule) draw() {
	s.plans = map[firing][]edge{}
	var last firing
	for date := range calendar {
		out := s.signOut.on(date)
		if f := (firing{in: s.signIn.on(date), early: out, late: out}); f != last {
			s.drawOne(f)
			last = f
		}
	}
	for day := range s.holidays {
		s.drawOne(s.firing(day))
	}
	for day := range s.workdays {
		s.drawOne(s.firing(day))
		s.drawOne(s.firing(day + 1))
	}
}

func (s *Schedule) drawOne(f firing) {
	if _, known := s.plans[f]; !known {
		s.plans[f] = s.planOf(f)
	}
}

// planOf returns the edges of a day on which those specs fire.
func (s *Schedule) planOf(f firing) (plan []edge) {
	in := s.signIn.minutes(f.in)
	early := s.signOut.minutes(f.early)
	late := s.signOut.minutes(f.late)
	out := &early
	for hour := range in {
		for written := in[hour] | early[hour] | late[hour]; written != 0; written &= written - 1 {
			minute := bits.TrailingZeros64(written)
			at := int16(hour*60 + minute)
			switch {
			case in[hour]>>minute&1 != 0:
				plan, out = extend(plan, edge{at, session.Stay}), &late
			case out[hour]>>minute&1 != 0:
				plan = extend(plan, edge{at, session.Leave})
			}
		}
	}
	return slices.Clip(plan)
}

func extend(plan []edge, e edge) []edge {
	if n := len(plan); n > 0 && plan[n-1].wish == e.wish {
		return plan
	}
	return append(plan, e)
}

// endless reports whether no sign-out ever takes effect.
func (s *Schedule) endless() bool {
	for _, plan := range s.plans {
		if slices.ContainsFunc(plan, func(e edge) bool { return e.wish == session.Leave }) {
			return false
		}
	}
	return true
}
