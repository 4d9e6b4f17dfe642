package shift

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"agentkeeper/session"
)

// Spec is a schedule as people write it.
type Spec struct {
	SignIn   string         // cron, five fields: minute, hour, day, month, weekday
	SignOut  string         // likewise
	Zone     *time.Location // nil: the machine's
	Holidays []string       // local days without a sign-in, as 2006-01-02
}

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
	Key  string // the setting: sign_in, sign_out or holidays
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
	in, inErr := parseCron("sign_in", spec.SignIn)
	out, outErr := parseCron("sign_out", spec.SignOut)
	holidays, err := parseHolidays(spec.Holidays)
	if err = errors.Join(inErr, outErr, err); err != nil {
		return nil, err
	}
	s := &Schedule{signIn: daysOf(in), signOut: daysOf(out), zone: spec.Zone, holidays: holidays}
	if s.zone == nil {
		s.zone = time.Local
	}
	for kind := range s.plans {
		s.plans[kind] = planOf(kind, in, out)
	}
	if s.endless() {
		return nil, &Error{Key: "sign_out", Text: spec.SignOut, Err: ErrEndless}
	}
	return s, nil
}

// parseCron allows the five fields only: the library's extensions (@every,
// TZ=) have no place in a schedule, and TZ= alone makes it panic.
func parseCron(key, text string) (*cron.SpecSchedule, error) {
	why := errors.New("it is not five fields")
	if len(strings.Fields(text)) == 5 && !strings.ContainsAny(text, "@=") {
		var parsed cron.Schedule
		parsed, why = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(withSunday(text))
		if spec, ok := parsed.(*cron.SpecSchedule); ok {
			return spec, fires(key, text, spec)
		}
	}
	return nil, &Error{key, text, fmt.Errorf("is no cron schedule: %w; "+
		`write minute, hour, day, month and weekday (Sunday is 0 or 7), for example "0 9 * * 1-5"`, why)}
}

// withSunday writes 7, which the cron library does not know, as Sunday in the
// weekday of a spec of five fields: alone, or as the end of a range, with or
// without a step (1-7, 5-7/2).
func withSunday(text string) string {
	fields := strings.Fields(text)
	var parts []string
	for part := range strings.SplitSeq(fields[4], ",") {
		parts = append(parts, sundayIn(part)...)
	}
	fields[4] = strings.Join(parts, ",")
	return strings.Join(fields, " ")
}

// sundayIn returns a part of a weekday field as parts without a 7.
func sundayIn(part string) []string {
	span, step, _ := strings.Cut(part, "/")
	first, last, isRange := strings.Cut(span, "-")
	every := 1
	if step != "" {
		every, _ = strconv.Atoi(step)
	}
	from, err := weekdayOf(first)
	switch {
	case !isRange && first == "7" && step == "":
		return []string{"0"}
	case !isRange || last != "7" || err != nil || from > 7 || every < 1 || every > 7:
		return []string{part} // without a 7, or no part at all, which the library says
	}
	var days []string
	for day := from; day <= 7; day += every {
		days = append(days, strconv.Itoa(day%7))
	}
	return days
}

// weekdayOf reads a weekday as cron writes it: a number, or a name's begin.
func weekdayOf(text string) (int, error) {
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	if i := slices.Index(names, strings.ToLower(text)); i >= 0 {
		return i, nil
	}
	return strconv.Atoi(text)
}

// Fires says what is wrong with a spec, nil for a good one. It is what Parse
// finds in one.
func Fires(spec string) error {
	_, err := parseCron("spec", spec)
	return err
}

// fires refuses a spec with an empty field (the library reads "," as one) or
// without a day.
func fires(key, text string, spec *cron.SpecSchedule) error {
	if spec.Hour == 0 || spec.Minute == 0 || daysOf(spec).empty() {
		return &Error{key, text, ErrNever}
	}
	return nil
}

func parseHolidays(texts []string) (map[int64]bool, error) {
	holidays := make(map[int64]bool, len(texts))
	var errs []error
	for _, text := range texts {
		date, err := time.Parse(time.DateOnly, text)
		if err != nil {
			errs = append(errs, &Error{"holidays", text, errors.New("is no day; write for example 2026-12-31")})
			continue
		}
		holidays[reading(date).day()] = true
	}
	return holidays, errors.Join(errs...)
}

// planOf returns the edges of a day of that kind.
func planOf(kind int, in, out *cron.SpecSchedule) []edge {
	var plan []edge
	for minute := range int16(24 * 60) {
		switch {
		case kind&hasSignIn != 0 && at(in, minute):
			plan = extend(plan, edge{minute, session.Stay})
		case kind&hasSignOut != 0 && at(out, minute):
			plan = extend(plan, edge{minute, session.Leave})
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

func at(spec *cron.SpecSchedule, minute int16) bool {
	return spec.Hour>>(minute/60)&1 != 0 && spec.Minute>>(minute%60)&1 != 0
}
