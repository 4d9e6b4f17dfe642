package config

import (
	"errors"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on machines without a zone database

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/shift"
	"agentkeeper/vendors/option"
)

// Schedule says when agents are to be online. The specs of both lists are
// five-field cron, and each fires some day.
type Schedule struct {
	SignIn   []string // one at least
	SignOut  []string // likewise
	TimeZone *time.Location
	Holidays []string        // days without a sign-in, as 2006-01-02, sorted, each once
	Workdays []shift.Workday // days that count as a weekday, holiday or not; sorted, each once
	// DayNames are the names of holidays and workdays whose file gives one, by day;
	// nil where none does.
	DayNames map[string]string
	Pos      option.Pos

	shift *shift.Schedule // nil only while Load decodes, after a mistake
	work  *workKeys       // nil: the schedule says nothing of it
}

// Shift returns the wish at every instant; nil, of a nil Schedule, is always
// online. Agents that share a Schedule share its Shift. It panics for a Schedule
// that Load did not make, which says nothing about any instant.
func (s *Schedule) Shift() *shift.Schedule {
	switch {
	case s == nil:
		return nil
	case s.shift == nil:
		panic("config: a schedule that Load did not make")
	}
	return s.shift
}

func (s *Schedule) spec() shift.Spec {
	return shift.Spec{SignIn: s.SignIn, SignOut: s.SignOut, Zone: s.TimeZone, Holidays: s.Holidays, Workdays: s.Workdays}
}

// schedule reads the section under key; nil where it is left out.
func (l *loader) schedule(parent *strict.Mapping, key string) *Schedule {
	if !parent.Has(key) {
		return nil
	}
	m := parent.Section(key)
	s := &Schedule{TimeZone: l.zone(m), Pos: m.Pos, work: l.work(m)}
	in, out := cronsOf(m, "sign_in"), cronsOf(m, "sign_out")
	s.SignIn, s.SignOut = in.texts, out.texts
	l.holidays(m, s)
	l.workdays(m, s)
	if len(s.SignIn) > 0 && len(s.SignOut) > 0 {
		whole(m, s)
		l.adviseShifts(m, s, map[string][]option.Pos{"sign_in": in.at, "sign_out": out.at})
	}
	m.Done(nil)
	return s
}

// whole makes the shift, and finds what is wrong with the specs together.
func whole(m *strict.Mapping, s *Schedule) {
	parsed, err := shift.Parse(s.spec())
	s.shift = parsed
	var wrong *shift.Error
	switch {
	case errors.Is(err, shift.ErrEndless):
		m.Wrong("sign_out", "fires only when schedule.sign_in does, so no shift would ever end; write the end of the shift")
	case errors.As(err, &wrong):
		m.Wrong(wrong.Key, "is no schedule; write minute, hour, day, month and weekday, for example \"0 9 * * 1-5\"")
	}
}

// adviseShifts tells of shifts that are hardly meant so. at is where the specs of
// a key are written.
func (l *loader) adviseShifts(m *strict.Mapping, s *Schedule, at map[string][]option.Pos) {
	specs := [2]string{strings.Join(s.SignIn, "\n"), strings.Join(s.SignOut, "\n")}
	advice, known := l.calendar.advice[specs]
	if !known {
		advice = shift.Advise(s.spec())
		l.calendar.advice[specs] = advice
	}
	for _, a := range advice {
		pos := m.At(a.Key)
		if a.Index >= 0 {
			pos = at[a.Key][a.Index]
		}
		l.Warn(pos, "%s %s", m.Name(a.Key), a.Text)
	}
}

// crons are the cron specs under one key, and where each is written.
type crons struct {
	texts []string
	at    []option.Pos
}

// cronsOf reads specs that must be there, one or a list of them; none after a
// mistake.
func cronsOf(m *strict.Mapping, key string) (all crons) {
	n := m.Get(key)
	switch {
	case n == nil:
		m.Missing(key, `write five cron fields, for example "0 9 * * 1-5"`)
		return crons{}
	case n.Kind != yaml.ScalarNode && len(n.Content) == 0, n.Kind == yaml.MappingNode:
		m.Wrong(key, "holds no cron schedule; write one, for example \"0 9 * * 1-5\", or a list of them")
		return crons{}
	case n.Kind == yaml.SequenceNode && len(n.Content) > shift.MaxSpecs:
		m.Wrong(key, "is a list of %d cron specs; it may hold %d", len(n.Content), shift.MaxSpecs)
		return crons{}
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	bad := false
	for _, item := range items {
		text := strings.Join(strings.Fields(strict.Target(item).Value), " ")
		if why := wrongCron(text); why != "" {
			m.WrongAt(item, "%s %s", m.Name(key), why)
			bad = true
		}
		all.texts, all.at = append(all.texts, text), append(all.at, m.PosOf(item))
	}
	if bad {
		return crons{}
	}
	return all
}

// wrongCron says what is wrong with a cron spec and what to do, or "".
func wrongCron(text string) string {
	switch err := shift.Fires(text); {
	case err == nil:
		return ""
	case errors.Is(err, shift.ErrNever):
		return "never fires; write a day that exists"
	case len(strings.Fields(text)) >= 10:
		return "is more than one cron schedule; write a list: [\"0 9 * * 1-5\", \"0 10 * * 6\"]"
	}
	return "is no cron schedule; write minute, hour, day, month and weekday, for example \"0 9 * * 1-5\""
}

// zone reads time_zone; the machine's where it is left out.
func (l *loader) zone(m *strict.Mapping) *time.Location {
	name, ok := m.Scalar("time_zone")
	if !ok || name == "" {
		return time.Local
	}
	if zone, known := l.calendar.zones[name]; known {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		m.Wrong("time_zone", "is not known; write a name like Europe/Moscow")
		return time.Local
	}
	l.calendar.zones[name] = zone
	return zone
}
