package config

import (
	"errors"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on machines without a zone database

	"agentkeeper/daemon/shift"
	"agentkeeper/vendors/option"
)

// Schedule says when agents are to be online. Both specs are five-field cron,
// parse with cron.ParseStandard and fire some day.
type Schedule struct {
	SignIn   string
	SignOut  string
	TimeZone *time.Location
	Holidays []string // days without a sign-in, as 2006-01-02, sorted, each once
	// HolidayNames are the names of those whose file gives one, by day.
	HolidayNames map[string]string
	Pos          option.Pos
}

// Shift returns the schedule as a wish at every instant; nil is always online.
func (s *Schedule) Shift() *shift.Schedule {
	if s == nil {
		return nil
	}
	parsed, err := shift.Parse(s.spec())
	if err != nil {
		return nil // not reachable: Load parsed it
	}
	return parsed
}

func (s *Schedule) spec() shift.Spec {
	return shift.Spec{SignIn: s.SignIn, SignOut: s.SignOut, Zone: s.TimeZone, Holidays: s.Holidays}
}

// schedule reads the section under key; nil where it is left out.
func (l *loader) schedule(parent *mapping, key string) *Schedule {
	if !parent.has(key) {
		return nil
	}
	m := parent.section(key)
	s := &Schedule{
		SignIn:   m.cron("sign_in"),
		SignOut:  m.cron("sign_out"),
		TimeZone: l.zone(m),
		Pos:      m.pos,
	}
	s.Holidays, s.HolidayNames = l.holidays(m, s.TimeZone)
	if s.SignIn != "" && s.SignOut != "" {
		m.whole(s)
		l.adviseShifts(m, s)
	}
	m.done(nil)
	return s
}

// whole finds what is wrong with the specs together.
func (m *mapping) whole(s *Schedule) {
	_, err := shift.Parse(s.spec())
	var wrong *shift.Error
	switch {
	case errors.Is(err, shift.ErrEndless):
		m.wrong("sign_out", "fires only when schedule.sign_in does, so no shift would ever end; write the end of the shift")
	case errors.As(err, &wrong):
		m.wrong(wrong.Key, "is no schedule; write minute, hour, day, month and weekday, for example \"0 9 * * 1-5\"")
	}
}

// adviseShifts tells of shifts that are hardly meant so.
func (l *loader) adviseShifts(m *mapping, s *Schedule) {
	specs := [2]string{s.SignIn, s.SignOut}
	advice, known := l.advice[specs]
	if !known {
		advice = shift.Advise(s.spec())
		l.advice[specs] = advice
	}
	for _, a := range advice {
		l.warn(m.at(a.Key), "%s %s", m.name(a.Key), a.Text)
	}
}

// cron reads a spec that must be there; "" after a mistake.
func (m *mapping) cron(key string) string {
	text, ok := m.scalar(key)
	if !ok {
		m.missing(key, `write five cron fields, for example "0 9 * * 1-5"`)
		return ""
	}
	text = strings.Join(strings.Fields(text), " ")
	switch err := shift.Fires(text); {
	case errors.Is(err, shift.ErrNever):
		m.wrong(key, "never fires; write a day that exists")
	case err != nil:
		m.wrong(key, "is no cron schedule; write minute, hour, day, month and weekday, for example \"0 9 * * 1-5\"")
	default:
		return text
	}
	return ""
}

// zone reads time_zone; the machine's where it is left out.
func (l *loader) zone(m *mapping) *time.Location {
	name, ok := m.scalar("time_zone")
	if !ok || name == "" {
		return time.Local
	}
	if zone, known := l.zones[name]; known {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		m.wrong("time_zone", "is not known; write a name like Europe/Moscow")
		return time.Local
	}
	l.zones[name] = zone
	return zone
}
