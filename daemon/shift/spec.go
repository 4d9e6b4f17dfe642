package shift

import (
	"errors"
	"fmt"
	"slices"
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
		parsed, why = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
		if spec, ok := parsed.(*cron.SpecSchedule); ok {
			return spec, fires(key, text, spec)
		}
	}
	return nil, &Error{key, text, fmt.Errorf("is no cron schedule: %w; "+
		`write minute, hour, day, month and weekday (Sunday is 0), for example "0 9 * * 1-5"`, why)}
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
