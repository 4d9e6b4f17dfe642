package shift

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// MaxSpecs bounds the specs in one list; a set of them is the bits of a number.
const MaxSpecs = 32

// cronSpec is one cron spec: the days and the minutes at which it fires.
type cronSpec struct {
	days
	hours, minutes uint64 // one bit for each number
}

// specs are those of one list.
type specs []cronSpec

// set is some specs of a list, a bit for each.
type set uint32

// on returns the specs that fire on a day.
func (s specs) on(date calendarDay) (fire set) {
	for i := range s {
		if s[i].on(date) {
			fire |= 1 << i
		}
	}
	return fire
}

// minutes are minutes of a day: for each hour a bit for each minute.
type minutes [24]uint64

// minutes returns those at which any of some specs fires.
func (s specs) minutes(of set) (all minutes) {
	for ; of != 0; of &= of - 1 {
		spec := s[bits.TrailingZeros32(uint32(of))]
		for hour := range all {
			if spec.hours>>hour&1 != 0 {
				all[hour] |= spec.minutes
			}
		}
	}
	return all
}

// weekly reports whether the weekday alone decides for all of them.
func (s specs) weekly() bool {
	return !slices.ContainsFunc(s, func(spec cronSpec) bool { return !spec.weekly() })
}

// parseCrons reads the specs of a list.
func parseCrons(key string, texts []string) (all specs, err error) {
	if len(texts) == 0 {
		_, err := parseCron(key, "")
		return nil, err
	}
	if len(texts) > MaxSpecs {
		return nil, &Error{key, texts[MaxSpecs], fmt.Errorf("is one too many; a list may hold %d cron specs", MaxSpecs)}
	}
	var errs []error
	for _, text := range texts {
		spec, err := parseCron(key, text)
		all, errs = append(all, spec), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// parseCron allows the five fields only: the library's extensions (@every,
// TZ=) have no place in a schedule, and TZ= alone makes it panic.
func parseCron(key, text string) (cronSpec, error) {
	why := errors.New("it is not five fields")
	if len(strings.Fields(text)) == 5 && !strings.ContainsAny(text, "@=") {
		var parsed cron.Schedule
		parsed, why = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(withSunday(text))
		if spec, ok := parsed.(*cron.SpecSchedule); ok {
			return fires(key, text, spec)
		}
	}
	return cronSpec{}, &Error{key, text, fmt.Errorf("is no cron schedule: %w; "+
		`write minute, hour, day, month and weekday (Sunday is 0 or 7), for example "0 9 * * 1-5"`, why)}
}

// fires refuses a spec with an empty field (the library reads "," as one) or
// without a day.
func fires(key, text string, parsed *cron.SpecSchedule) (cronSpec, error) {
	const hours, minutes = 1<<24 - 1, 1<<60 - 1
	spec := cronSpec{days: daysOf(parsed), hours: parsed.Hour & hours, minutes: parsed.Minute & minutes}
	if spec.hours == 0 || spec.minutes == 0 || spec.empty() {
		return cronSpec{}, &Error{key, text, ErrNever}
	}
	return spec, nil
}

// Fires says what is wrong with a cron spec, nil for a good one. It is what
// Parse finds in one.
func Fires(spec string) error {
	_, err := parseCron("spec", spec)
	return err
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

func weekdayNames() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// weekdayOf reads a weekday as cron writes it: a number, or a name's begin.
func weekdayOf(text string) (int, error) {
	if i := slices.Index(weekdayNames(), strings.ToLower(text)); i >= 0 {
		return i, nil
	}
	return strconv.Atoi(text)
}

// ParseWeekday reads one weekday as a cron spec writes it: sun to sat in any
// case, or a digit from 0 to 7, where 0 and 7 are Sunday.
func ParseWeekday(text string) (day time.Weekday, ok bool) {
	if len(text) == 1 && text >= "0" && text <= "7" {
		return time.Weekday(text[0]-'0') % 7, true
	}
	i := slices.Index(weekdayNames(), strings.ToLower(text))
	return time.Weekday(max(i, 0)), i >= 0
}
