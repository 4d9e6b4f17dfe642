// Package holiday reads files of days: a plain list, or a calendar as other
// programs export it.
//
// A list has one date a line, 2026-12-31, and comments that begin with #; the
// comment behind a date is its name.
//
// A calendar is iCalendar (RFC 5545). Its all-day events count, with their
// recurrences: RRULE by teambition/rrule-go, RDATE, EXDATE and single instances
// that were moved or cancelled. An event with times of day is no holiday, one
// from midnight to midnight is (Outlook writes all-day events so), and one that
// Exchange flags as all-day, whose times it may write in UTC: it counts on the day
// of the schedule's zone that begins nearest to them. A cancelled one counts for
// nothing. Where any event is marked as a day off or as a working day that was
// moved (X-APPLE-SPECIAL-DAY, as Apple's calendar of China has it), only the
// marked ones count: the others are festivals on which people work. The end is
// exclusive, as the standard has it. Content lines are read here and not by a
// library of calendars, because those at hand tell no line numbers and panic on
// some texts.
//
// Days before 2000 and after 2099 are left out, so a rule without an end has
// one. What a file can cost is bounded: its lines, events, recurrences and days.
//
// The package is pure: no clock, no file, no network.
package holiday

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxFile bounds a file, in bytes.
const MaxFile = 4 << 20

// Day is one day of a file.
type Day struct {
	Date string // 2006-01-02
	Name string // "" where the file gives none; one line
	Kind Kind
}

// Kind is what a calendar says of a day.
type Kind uint8

// The kinds.
const (
	Unsaid  Kind = iota // a day as the file's reader takes it
	DayOff              // marked as one
	Working             // marked as a working day that was moved there
)

// Mistake is what is wrong with a file and what to do, and where.
type Mistake struct {
	Line, Col int // from 1
	Text      string
}

// Bounds of what is read.
const (
	maxDays     = 20_000 // of all events, repetitions counted
	maxMistakes = 20
	maxName     = 80 // in characters
)

func firstDay() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
func lastDay() time.Time  { return time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC) }

// Left is how many events of a calendar give no day.
type Left struct {
	Timed     int // begin or end within a day: meetings
	Cancelled int
	Unmarked  int // in a calendar that marks days off and working days
}

// Parse returns a file's days, sorted, each once, with what was left out, or what
// is wrong with it: at least one of days and mistakes is empty. zone is that of
// the schedule: Exchange writes the begin of an all-day event in UTC. A file without any day is a mistake, for it is
// what a failed download looks like.
func Parse(text []byte, zone *time.Location) ([]Day, Left, []Mistake) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	r := &reader{days: map[string]Day{}, zone: zone}
	if len(text) > MaxFile {
		r.wrong(1, "the file is larger than %d bytes; is it the right one?", MaxFile)
		return nil, Left{}, r.mistakes
	}
	if isCalendar(text) {
		r.calendar(text)
	} else {
		r.list(text)
	}
	if len(r.mistakes) > 0 {
		return nil, Left{}, r.mistakes
	}
	return r.sorted(), r.left, nil
}

// isCalendar looks at the first line that is not empty.
func isCalendar(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) >= len(begin) && strings.EqualFold(string(text[:len(begin)]), begin)
}

const begin = "BEGIN:"

// reader collects days and mistakes.
type reader struct {
	days     map[string]Day // by date
	added    int
	zone     *time.Location
	left     Left
	mistakes []Mistake
}

// wrong notes a mistake; after the first twenty they say nothing new.
func (r *reader) wrong(line int, format string, args ...any) {
	switch n := len(r.mistakes); {
	case n < maxMistakes:
		r.mistakes = append(r.mistakes, Mistake{Line: line, Col: 1, Text: fmt.Sprintf(format, args...)})
	case n == maxMistakes:
		r.mistakes = append(r.mistakes, Mistake{Line: line, Col: 1, Text: "more lines are wrong; is it the right file?"})
	}
}

// add notes a day and reports whether there is room for more. Of two events on one
// day a working day counts, and the first name.
func (r *reader) add(day time.Time, name string, kind Kind) bool {
	if day.Before(firstDay()) || day.After(lastDay()) {
		return true
	}
	r.added++
	date := day.Format(time.DateOnly)
	known := r.days[date]
	r.days[date] = Day{Date: date, Name: cmp.Or(known.Name, name), Kind: max(known.Kind, kind)}
	return r.added <= maxDays
}

func (r *reader) sorted() []Day {
	return slices.SortedFunc(maps.Values(r.days), func(a, b Day) int { return cmp.Compare(a.Date, b.Date) })
}

// list reads one date a line.
func (r *reader) list(text []byte) {
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		date, comment, _ := strings.Cut(string(raw), "#")
		if date = strings.TrimSpace(date); date == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			r.wrong(line, "no day stands here; write for example 2026-12-31, and # before a comment")
		} else if !r.add(day, nameOf(comment), Unsaid) {
			r.wrong(line, "more than %d days; is it the right file?", maxDays)
			return
		}
	}
	if len(r.mistakes) == 0 && len(r.days) == 0 {
		r.wrong(1, "the file holds no day from 2000 to 2099; write one date a line, for example 2026-12-31")
	}
}

// nameOf makes one short printable line of a text.
func nameOf(text string) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Join(strings.FieldsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }), " ")
	if utf8.RuneCountInString(text) > maxName {
		text = string([]rune(text)[:maxName-1]) + "…"
	}
	return text
}
