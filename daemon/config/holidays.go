package config

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/holiday"
	"agentkeeper/vendors/option"
)

// holidays reads the days of a schedule without a sign-in: dates, and files of
// them.
func (l *loader) holidays(m *strict.Mapping, s *Schedule) {
	const key = "holidays"
	for _, n := range m.List(key) {
		item := strict.Target(n)
		switch _, err := time.Parse(time.DateOnly, item.Value); {
		case item.Kind == yaml.ScalarNode && err == nil:
			s.Holidays = append(s.Holidays, item.Value)
		case item.Kind == yaml.ScalarNode && isFileOfDays(item.Value):
			for _, day := range l.fileOfDays(m, key, n, s.TimeZone) {
				if day.Kind != holiday.Working {
					s.Holidays = append(s.Holidays, day.Date)
					s.name(day)
				}
			}
		default:
			m.WrongAt(n, "%s holds something that is no day; write for example 2026-12-31, or the name of a file of days", m.Name(key))
		}
	}
	slices.Sort(s.Holidays)
	s.Holidays = slices.Compact(s.Holidays)
}

// name keeps the name that a file gives a day.
func (s *Schedule) name(day holiday.Day) {
	if day.Name == "" {
		return
	}
	if s.DayNames == nil {
		s.DayNames = map[string]string{}
	}
	s.DayNames[day.Date] = day.Name
}

// isFileOfDays tells the name of a file from a mistyped date.
func isFileOfDays(text string) bool { return strings.ContainsFunc(text, unicode.IsLetter) }

// DaysFile is a file of days that a schedule names, as check tells of it.
type DaysFile struct {
	Path    string
	Zone    *time.Location // of the schedule
	Days    int
	Working int // of them, marked as working days
	Left    holiday.Left
}

// fileOfDays reads the file that n names, once for each zone, however many
// schedules name it. Its mistakes are placed in it.
func (l *loader) fileOfDays(m *strict.Mapping, key string, n *yaml.Node, zone *time.Location) []holiday.Day {
	path := strict.RelativeTo(m.File, strict.Target(n).Value)
	id := [2]string{path, zone.String()}
	if days, known := l.calendar.files[id]; known {
		return days
	}
	l.calendar.files[id] = nil
	text, err := l.readList(path, holiday.MaxFile)
	if err != nil {
		m.WrongAt(n, "%s %s: %v", m.Name(key), path, err)
		return nil
	}
	days, left, mistakes := holiday.Parse(text, zone)
	for _, wrong := range mistakes {
		l.Wrong(option.Pos{File: path, Line: wrong.Line, Col: wrong.Col}, "%s", wrong.Text)
	}
	l.calendar.files[id] = days
	if len(mistakes) == 0 {
		file := DaysFile{Path: path, Zone: zone, Days: len(days), Left: left}
		for _, day := range days {
			if day.Kind == holiday.Working {
				file.Working++
			}
		}
		l.config.Days = append(l.config.Days, file)
	}
	return days
}
