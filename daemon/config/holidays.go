package config

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/holiday"
	"agentkeeper/vendors/option"
)

// holidays reads the days of a schedule: dates, and files of them. names are
// those that the files give, nil where they give none.
func (l *loader) holidays(m *mapping, zone *time.Location) (days []string, names map[string]string) {
	for _, n := range m.list("holidays") {
		item := target(n)
		switch _, err := time.Parse(time.DateOnly, item.Value); {
		case item.Kind == yaml.ScalarNode && err == nil:
			days = append(days, item.Value)
		case item.Kind == yaml.ScalarNode && isFileOfDays(item.Value):
			for _, day := range l.fileOfDays(m, n, relativeTo(m.file, item.Value), zone) {
				days = append(days, day.Date)
				if day.Name != "" {
					if names == nil {
						names = map[string]string{}
					}
					names[day.Date] = day.Name
				}
			}
		default:
			m.report.wrong(position(m.file, n), "%s holds something that is no day; write for example 2026-12-31, or the name of a file of days", m.name("holidays"))
		}
	}
	slices.Sort(days)
	return slices.Compact(days), names
}

// isFileOfDays tells the name of a file from a mistyped date.
func isFileOfDays(text string) bool { return strings.ContainsFunc(text, unicode.IsLetter) }

// DaysFile is a file of days that a schedule names, as check tells of it.
type DaysFile struct {
	Path string
	Zone *time.Location // of the schedule
	Days int
	Left holiday.Left
}

// fileOfDays reads a file once for each zone, however many schedules name it. Its mistakes
// are placed in it.
func (l *loader) fileOfDays(m *mapping, n *yaml.Node, path string, zone *time.Location) []holiday.Day {
	key := [2]string{path, zone.String()}
	if days, known := l.calendars[key]; known {
		return days
	}
	l.calendars[key] = nil
	text, err := l.readList(path, holiday.MaxFile)
	if err != nil {
		m.report.wrong(position(m.file, n), "%s %s: %v", m.name("holidays"), path, err)
		return nil
	}
	days, left, mistakes := holiday.Parse(text, zone)
	for _, wrong := range mistakes {
		l.wrong(option.Pos{File: path, Line: wrong.Line, Col: wrong.Col}, "%s", wrong.Text)
	}
	l.calendars[key] = days
	if len(mistakes) == 0 {
		l.config.Days = append(l.config.Days, DaysFile{Path: path, Zone: zone, Days: len(days), Left: left})
	}
	return days
}
