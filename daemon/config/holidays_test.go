package config

import (
	"testing"
	"time"

	"agentkeeper/daemon/holiday"
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
	equal(t, group.HolidayNames, map[string]string{"2026-05-09": "Victory Day", "2026-06-01": "stocktaking"})
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
