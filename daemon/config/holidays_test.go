package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/holiday"
	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

const twoSchedules = hq + `groups:
- name: g
  platform: hq
  schedule: {sign_in: '0 9 * * *', sign_out: '0 18 * * *', holidays: [2026-12-31, days/ru.ics, days/own.txt]}
  passwords_dir: d
  agents: [{login: '1', number: '2', schedule: {sign_in: '0 9 * * *', sign_out: '0 18 * * *', holidays: [days/ru.ics]}}]
`

func TestHolidayFiles(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{main: twoSchedules, "d/1": "x",
		"days/ru.ics":  "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260509\nSUMMARY:Victory Day\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20260510T100000\nEND:VEVENT\nEND:VCALENDAR\n",
		"days/own.txt": "2026-05-09\n2026-06-01 # stocktaking\n",
	})
	group, own := c.Groups[0].Schedule, c.Agents[0].Schedule
	equal(t, group.Holidays, []string{"2026-05-09", "2026-06-01", "2026-12-31"})
	equal(t, group.DayNames, map[string]string{"2026-05-09": "Victory Day", "2026-06-01": "stocktaking"})
	equal(t, own.Holidays, []string{"2026-05-09"})
	equal(t, c.Days, []DaysFile{{Path: "days/ru.ics", Zone: time.Local, Days: 1, Left: holiday.Left{Timed: 1}}, {Path: "days/own.txt", Zone: time.Local, Days: 2}})
}

// A broken file is said once, where it is broken, whoever names it.
func TestBrokenHolidayFiles(t *testing.T) {
	inDir(t, map[string]string{main: twoSchedules, "d/1": "x", "days/ru.ics": "<html>\n", "days/own.txt": "2026-06-01\n1.7.2026\n"})
	_, _, err := load(t)
	equal(t, problemLines(t, err), []string{
		`days/own.txt:2:1: no day stands here; write for example 2026-12-31, and # before a comment`,
		`days/ru.ics:1:1: no day stands here; write for example 2026-12-31, and # before a comment`,
	})
}

const withWorkdays = hq + `groups:
- name: g
  platform: hq
  schedule:
    sign_in: ['0 9 * * mon-fri', '0  10 * * sat']
    sign_out: '0 18 * * *'
    holidays: [cn.ics]
    workdays:
    - 2027-01-17
    - cn.ics
    - 2027-02-20: fri
    - 2027-01-16: THU
      2027-01-15: 7
    - own.txt
  passwords_dir: d
  agents: [{login: '1', number: '2'}]
`

// A calendar that marks days off and working days stands for both; a weekday that
// is written stands above the one of the date.
func TestWorkdays(t *testing.T) {
	event := func(date, name, mark string) string {
		return "BEGIN:VEVENT\nDTSTART;VALUE=DATE:" + date + "\nSUMMARY:" + name + "\n" + mark + "\nEND:VEVENT\n"
	}
	c, warnings := mustLoad(t, map[string]string{main: withWorkdays, "d/1": "x", "own.txt": "2027-01-16 # inventory\n2027-03-03\n",
		"cn.ics": "BEGIN:VCALENDAR\n" + event("20270208", "off", "X-APPLE-SPECIAL-DAY:WORK-HOLIDAY") + event("20270220", "moved", "X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY") +
			event("20270221", "moved, too", "X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY") + event("20270222", "festival", "UID:x") + "END:VCALENDAR\n"})
	equal(t, lines(warnings), []string(nil))
	s := c.Groups[0].Schedule
	equal(t, s.SignIn, []string{"0 9 * * mon-fri", "0 10 * * sat"})
	equal(t, s.SignOut, []string{"0 18 * * *"})
	equal(t, s.Holidays, []string{"2027-02-08"})
	equal(t, s.Workdays, []shift.Workday{{Date: "2027-01-15", As: time.Sunday}, {Date: "2027-01-16", As: time.Thursday}, {Date: "2027-01-17", As: time.Monday},
		{Date: "2027-02-20", As: time.Friday}, {Date: "2027-02-21", As: time.Monday}, {Date: "2027-03-03", As: time.Wednesday}})
	equal(t, s.DayNames, map[string]string{"2027-01-16": "inventory", "2027-02-08": "off", "2027-02-20": "moved", "2027-02-21": "moved, too"})
	equal(t, c.Days, []DaysFile{{Path: "cn.ics", Zone: time.Local, Days: 3, Working: 2, Left: holiday.Left{Unmarked: 1}}, {Path: "own.txt", Zone: time.Local, Days: 2}})
	at := time.Date(2027, 2, 20, 9, 30, 0, 0, time.Local)
	if wish, next := s.Shift().At(at); wish != session.Stay || !next.Equal(at.Add(8*time.Hour+30*time.Minute)) {
		t.Errorf("on a Saturday that counts as Friday: %s until %s", wish, next)
	}
}

// As many as are allowed are read, and one more is a mistake.
func TestScheduleLimits(t *testing.T) {
	config := func(specs, days int) map[string]string {
		in := make([]string, specs)
		for i := range in {
			in[i] = fmt.Sprintf("'%d 9 * * *'", i)
		}
		var file strings.Builder
		for i := range days {
			file.WriteString(time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) + "\n")
		}
		return map[string]string{"w.txt": file.String(), main: schedule("sign_in: [" + strings.Join(in, ", ") + "], sign_out: '0 18 * * *', workdays: [w.txt]")}
	}
	mustLoad(t, config(shift.MaxSpecs, shift.MaxWorkdays))
	inDir(t, config(shift.MaxSpecs+1, shift.MaxWorkdays+1))
	_, _, err := load(t)
	equal(t, problemLines(t, err), []string{
		"agentkeeper.yaml:2:54: schedule.sign_in is a list of 33 cron specs; it may hold 32",
		"agentkeeper.yaml:2:542: schedule.workdays are 2001 days; a schedule may have 2000 of them. Are these the right files?",
	})
}
