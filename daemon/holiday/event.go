package holiday

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// event is one VEVENT under decode.
type event struct {
	line       int // of its BEGIN
	uid, name  string
	start, end time.Time // days, as UTC; the end exclusive, zero where it is left out
	length     int       // of DURATION, in days; 0: left out
	midnight   bool      // start is written as a time of day
	allDay     bool      // says Exchange, which may write the day's begin in UTC
	from, to   time.Time // what is written in UTC
	timed      bool      // begins or ends within a day: no holiday
	cancelled  bool
	kind       Kind
	instanceAt string    // RECURRENCE-ID as written
	instance   time.Time // the day of the series that it stands for
	rule       *rrule.ROption
	more       string // RDATEs as written, with commas
	except     string // EXDATEs, likewise
}

// take obeys one property.
func (e *event) take(r *reader, p property) {
	switch p.name {
	case "DTSTART":
		e.start, e.from = e.day(r, p), instantOf(p.value)
	case "DTEND":
		e.end, e.to = e.day(r, p), instantOf(p.value)
	case "DURATION":
		e.duration(r, p)
	case "SUMMARY":
		e.name = nameOf(unescape(p.value))
	case "UID":
		e.uid = p.value
	case "STATUS":
		e.cancelled = strings.EqualFold(p.value, "CANCELLED")
	case "RECURRENCE-ID":
		e.instanceAt = p.value
	case "X-MICROSOFT-CDO-ALLDAYEVENT":
		e.allDay = strings.EqualFold(p.value, "TRUE")
	case "X-APPLE-SPECIAL-DAY":
		e.kind = kindOf(p.value)
	case "RRULE":
		e.recurs(r, p)
	case "RDATE":
		e.more += "," + p.value
	case "EXDATE":
		e.except += "," + p.value
	}
}

// kindOf reads the mark of a special day; there are others, of birthdays for
// example.
func kindOf(mark string) Kind {
	switch strings.ToUpper(strings.TrimSpace(mark)) {
	case "WORK-HOLIDAY":
		return DayOff
	case "ALTERNATE-WORKDAY":
		return Working
	}
	return Unsaid
}

const (
	dateLayout     = "20060102"
	midnightLayout = dateLayout + "T000000"
)

// day reads a day: a date, or a midnight of the calendar's own zone. Any other
// time makes the event a timed one.
func (e *event) day(r *reader, p property) time.Time {
	for _, layout := range []string{dateLayout, midnightLayout} {
		if day, err := time.Parse(layout, p.value); err == nil && !(layout != dateLayout && isDate(p)) {
			e.midnight = e.midnight || layout != dateLayout
			return day
		}
	}
	if _, err := time.Parse(dateLayout+"T150405", strings.TrimSuffix(p.value, "Z")); err == nil && !isDate(p) {
		e.timed = true
		return time.Time{}
	}
	r.wrong(p.line, "%s is no day; it should be like 20261231", p.name)
	return time.Time{}
}

// instantOf reads a time in UTC; zero where it is something else.
func instantOf(text string) time.Time {
	at, err := time.Parse(dateLayout+"T150405Z", text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// nearestDay is the day that begins at an instant, or nearest to it, in a zone:
// a calendar's own zone may be another than the schedule's.
func nearestDay(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Add(12 * time.Hour).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// inUTC makes days of an all-day event whose begin and end are written in UTC.
func (e *event) inUTC(zone *time.Location) {
	if !e.allDay || e.from.IsZero() {
		return
	}
	e.start, e.timed = nearestDay(e.from, zone), false
	if !e.to.IsZero() {
		e.end = nearestDay(e.to, zone)
	}
	e.midnight = false
}

// dayOf returns the day of a date or a time of the event's series.
func (e *event) dayOf(text string, zone *time.Location) time.Time {
	if at := instantOf(text); !at.IsZero() && e.allDay && !e.from.IsZero() {
		return nearestDay(at, zone)
	}
	return anyDay(text)
}

func isDate(p property) bool {
	return strings.Contains(p.params, ";VALUE=DATE") && !strings.Contains(p.params, "DATE-TIME")
}

// anyDay is the day of a date or a time; zero where it is neither.
func anyDay(text string) time.Time {
	day, err := time.Parse(dateLayout, text[:min(len(text), len(dateLayout))])
	if err != nil {
		return time.Time{}
	}
	return day
}

// days reads a list of days or of periods, of which the begin counts.
func (e *event) days(text string, zone *time.Location) (days []time.Time) {
	for part := range strings.SplitSeq(text, ",") {
		if day := e.dayOf(strings.TrimSpace(part), zone); !day.IsZero() {
			days = append(days, day)
		}
	}
	return days
}

// duration reads days and weeks: P3D, P1W. One with hours makes the event a
// timed one.
func (e *event) duration(r *reader, p property) {
	text := strings.TrimPrefix(p.value, "+")
	if strings.Contains(text, "T") && strings.HasPrefix(text, "P") {
		e.timed = true
		return
	}
	days, isDays := strings.CutSuffix(text, "D")
	count := strings.TrimPrefix(strings.TrimSuffix(days, "W"), "P")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxLength || !strings.HasPrefix(text, "P") || isDays == strings.HasSuffix(text, "W") {
		r.wrong(p.line, "DURATION is no length in days; it should be like P3D")
		return
	}
	if e.length = n; !isDays {
		e.length = 7 * n
	}
}

// recurs reads a rule that repeats whole days.
func (e *event) recurs(r *reader, p property) {
	option, err := ruleOf(p.value)
	switch {
	case err != nil:
		r.wrong(p.line, "RRULE cannot be read; is it one of RFC 5545?")
	case option.Freq > rrule.DAILY || len(option.Byhour)+len(option.Byminute)+len(option.Bysecond) > 0:
		e.timed = true // several times a day, or at a time of day
	case option.Interval > maxInterval:
		r.wrong(p.line, "RRULE repeats after more than %d; up to that is read", maxInterval)
	default:
		e.rule = option
	}
}

// Bounds of a rule.
const (
	maxInterval = 1000
	maxRule     = 1024 // bytes
)

func ruleOf(text string) (*rrule.ROption, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("longer than %d bytes", maxRule)
	}
	option, err := rrule.StrToROption(strings.ToUpper(text))
	if err != nil {
		return nil, err
	}
	if _, err := rrule.NewRRule(*option); err != nil {
		return nil, err
	}
	return option, nil
}

// check finds what is wrong with the event as a whole.
func (e *event) check(r *reader) {
	e.inUTC(r.zone)
	if e.instanceAt != "" {
		e.instance = e.dayOf(e.instanceAt, r.zone)
	}
	switch {
	case e.timed || e.cancelled:
	case e.midnight && e.end.IsZero() && e.length == 0:
		e.timed = true // a moment at midnight
	case e.start.IsZero():
		r.wrong(e.line, "the event has no DTSTART; fetch the file again")
	case e.start.Year() < 1600:
		r.wrong(e.line, "the event begins before the year 1600; is it the right file?")
	case e.span() < 0:
		r.wrong(e.line, "the event ends before it begins")
	case e.span() > maxLength:
		r.wrong(e.line, "the event lasts longer than %d days; up to that are read", maxLength)
	}
}

// span is how many days one occurrence lasts. An end that equals the start is
// written by some programs for one day.
func (e *event) span() int {
	n := e.length
	if !e.end.IsZero() {
		n = int(e.end.Sub(e.start) / (24 * time.Hour))
	}
	if n == 0 {
		return 1
	}
	return n
}

// spread adds every occurrence but the exceptions, and reports whether there is
// room for more.
func (e *event) spread(r *reader, except []time.Time) bool {
	skip := map[time.Time]bool{}
	for _, day := range except {
		skip[day] = true
	}
	for _, start := range slices.Concat(e.occurrences(), e.days(e.more, r.zone)) {
		if skip[start] {
			continue
		}
		for i := range e.span() {
			if !r.add(start.AddDate(0, 0, i), e.name, e.kind) {
				return false
			}
		}
	}
	return true
}

// occurrences are the days on which the event begins.
func (e *event) occurrences() []time.Time {
	if e.rule == nil {
		return []time.Time{e.start}
	}
	option := *e.rule
	option.Dtstart = e.start
	if option.Until.IsZero() || option.Until.After(lastDay()) {
		option.Until = lastDay()
	}
	rule, err := rrule.NewRRule(option)
	if err != nil { // recurs tried it
		return nil
	}
	var days []time.Time
	for next := rule.Iterator(); len(days) <= maxDays; {
		day, ok := next()
		if !ok {
			break
		}
		days = append(days, day)
	}
	return days
}

// unescape undoes the escapes of a text.
func unescape(text string) string {
	return strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(text)
}
