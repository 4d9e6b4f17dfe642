package holiday_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/holiday"
)

// calendar wraps events as a program would write them.
func calendar(events ...string) string {
	var out strings.Builder
	out.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n")
	for _, e := range events {
		out.WriteString("BEGIN:VEVENT\r\n" + strings.ReplaceAll(e, "|", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	return out.String() + "END:VCALENDAR\r\n"
}

func TestDays(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a list", "2026-12-31\n2026-01-01\n", "2026-01-01,2026-12-31"},
		{"a list with comments, blanks, a byte order mark and CRLF", "\ufeff# of 2026\r\n\r\n 2026-12-31  # New Year's Eve\r\n2026-12-31\r\n", "2026-12-31 New Year's Eve"},
		{"a list without a last newline", "2026-12-31", "2026-12-31"},
		{"an all-day event", calendar("DTSTART;VALUE=DATE:20261231|SUMMARY:New Year\\, almost"), "2026-12-31 New Year, almost"},
		{"without VALUE", calendar("DTSTART:20261231"), "2026-12-31"},
		{"the end is exclusive", calendar("DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20260103"), "2026-01-01,2026-01-02"},
		{"an end on the same day is one day", calendar("DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20260101"), "2026-01-01"},
		{"a length in days", calendar("DTSTART;VALUE=DATE:20260101|DURATION:P2D"), "2026-01-01,2026-01-02"},
		{"a length in weeks", calendar("DTSTART;VALUE=DATE:20991230|DURATION:P1W"), "2099-12-30,2099-12-31"},
		{"midnight to midnight", calendar("DTSTART;TZID=Europe/Moscow:20260509T000000|DTEND;TZID=Europe/Moscow:20260510T000000"), "2026-05-09"},
		{"times of day are no holidays", calendar("DTSTART:20260509T100000Z|DTEND:20260509T110000Z", "DTSTART;VALUE=DATE:20260510",
			"DTSTART:20260511T000000|DTEND:20260511T100000", "DTSTART:20260512T000000|DURATION:PT1H", "DTSTART:20260513T000000"), "2026-05-10"},
		{"cancelled", calendar("DTSTART;VALUE=DATE:20260509|STATUS:CANCELLED", "DTSTART;VALUE=DATE:20260510"), "2026-05-10"},
		{"yearly, up to a day", calendar("DTSTART;VALUE=DATE:20240501|RRULE:FREQ=YEARLY;UNTIL=20260501|SUMMARY:May Day"), "2024-05-01 May Day,2025-05-01 May Day,2026-05-01 May Day"},
		{"yearly, so many times", calendar("DTSTART;VALUE=DATE:20241231|DTEND;VALUE=DATE:20250102|RRULE:FREQ=YEARLY;COUNT=2"), "2024-12-31,2025-01-01,2025-12-31,2026-01-01"},
		{"the fourth Thursday of November", calendar("DTSTART;VALUE=DATE:20251127|RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2"), "2025-11-27,2026-11-26"},
		{"leap days", calendar("DTSTART;VALUE=DATE:20240229|RRULE:FREQ=YEARLY;UNTIL=20350101"), "2024-02-29,2028-02-29,2032-02-29"},
		{"exceptions and additions", calendar("DTSTART;VALUE=DATE:20240501|RRULE:FREQ=YEARLY;COUNT=3|EXDATE;VALUE=DATE:20250501|RDATE;VALUE=DATE:20250502,20250503"),
			"2024-05-01,2025-05-02,2025-05-03,2026-05-01"},
		{"a moved instance", calendar("UID:a|DTSTART;VALUE=DATE:20240501|RRULE:FREQ=YEARLY;COUNT=2", "UID:a|RECURRENCE-ID;VALUE=DATE:20250501|DTSTART;VALUE=DATE:20250504"), "2024-05-01,2025-05-04"},
		{"a cancelled instance", calendar("UID:a|DTSTART;VALUE=DATE:20240501|RRULE:FREQ=YEARLY;COUNT=2", "UID:a|RECURRENCE-ID;VALUE=DATE:20250501|DTSTART;VALUE=DATE:20250501|STATUS:CANCELLED"), "2024-05-01"},
		{"folded lines, lower case, LF, an alarm within", "begin:vcalendar\nbegin:vevent\ndtstart;value=date:2026\n 1231\nsummary:New\n  Year\nBEGIN:VALARM\nDURATION:PT5M\nDTSTART:x\nEND:VALARM\nend:vevent\nend:vcalendar\n", "2026-12-31 New Year"},
		{"parameters with colons", calendar(`DTSTART;X-A="b:c;d";VALUE=DATE:20261231`), "2026-12-31"},
		{"two calendars in one file", calendar("DTSTART:20261230") + calendar("DTSTART:20261231"), "2026-12-30,2026-12-31"},
		{"outside of this century", calendar("DTSTART:19990101|RRULE:FREQ=YEARLY;COUNT=2"), "2000-01-01"},
		{"a name of many lines and no text", calendar("DTSTART:20261231|SUMMARY:a\\nb \x01\xff" + strings.Repeat("x", 200)), "2026-12-31 a b ?" + strings.Repeat("x", 74) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			days, _, mistakes := holiday.Parse([]byte(test.text), time.UTC)
			var got []string
			for _, d := range days {
				got = append(got, strings.TrimSpace(d.Date+" "+d.Name))
			}
			if len(mistakes) > 0 {
				t.Error(mistakes)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, ",")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A rule without an end ends with the century.
func TestEndless(t *testing.T) {
	days, _, mistakes := holiday.Parse([]byte(calendar("DTSTART:20260101|RRULE:FREQ=YEARLY")), time.UTC)
	if len(mistakes) > 0 || len(days) != 74 || days[73].Date != "2099-01-01" {
		t.Errorf("%v, %d days", mistakes, len(days))
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "1: the file holds no day from 2000 to 2099; write one date a line, for example 2026-12-31"},
		{"comments only", "# none\n", "1: the file holds no day from 2000 to 2099; write one date a line, for example 2026-12-31"},
		{"other dates", "2026-12-31\n31.12.2026\n2026-02-29 x\n", `2: no day stands here; write for example 2026-12-31, and # before a comment` + "\n" +
			`3: no day stands here; write for example 2026-12-31, and # before a comment`},
		{"no calendar", "BEGIN:VCARD\nEND:VCARD\n", "1: the file begins with something else; a calendar begins with BEGIN:VCALENDAR"},
		{"no events", calendar(), "1: the calendar holds no all-day event from 2000 to 2099; export one of holidays"},
		{"meetings only", calendar("DTSTART:20260509T100000Z"), "1: the calendar holds no all-day event from 2000 to 2099; export one of holidays"},
		{"no begin of an event", calendar("SUMMARY:x"), "4: the event has no DTSTART; fetch the file again"},
		{"no such day", calendar("DTSTART:20260230"), `5: DTSTART is no day; it should be like 20261231` + "\n4: the event has no DTSTART; fetch the file again"},
		{"a time that should be a day", calendar("DTSTART;VALUE=DATE:20260509T100000Z|DTEND:20260510"), `5: DTSTART is no day; it should be like 20261231` + "\n4: the event has no DTSTART; fetch the file again"},
		{"ends before it begins", calendar("DTSTART:20260102|DTEND:20260101"), "4: the event ends before it begins"},
		{"too long", calendar("DTSTART:20260102|DTEND:20280101"), "4: the event lasts longer than 366 days; up to that are read"},
		{"long ago", calendar("DTSTART:00010102"), "4: the event begins before the year 1600; is it the right file?"},
		{"a bad length", calendar("DTSTART:20260102|DURATION:3D"), `6: DURATION is no length in days; it should be like P3D`},
		{"a bad rule", calendar("DTSTART:20260102|RRULE:FREQ=SOMETIMES"), `6: RRULE cannot be read; is it one of RFC 5545?`},
		{"a rule out of bounds", calendar("DTSTART:20260102|RRULE:FREQ=YEARLY;BYMONTH=13"), `6: RRULE cannot be read; is it one of RFC 5545?`},
		{"a far rule", calendar("DTSTART:20260102|RRULE:FREQ=YEARLY;INTERVAL=2000"), `6: RRULE repeats after more than 1000; up to that is read`},
		{"cut off", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n", "2: what begins here is not ended; the file is cut off, fetch it again"},
		{"ends of nothing", "BEGIN:VCALENDAR\nEND:VEVENT\nEND:VCALENDAR\n", "2: this END ends nothing that is open; fetch the file again"},
		{"no calendar's line", "BEGIN:VCALENDAR\nhello\nEND:VCALENDAR\n", `2: no line of a calendar; fetch the file again`},
		{"too many days", calendar("DTSTART:20000101|RRULE:FREQ=DAILY"), "4: more than 20000 days; is it the right file?"},
		{"deep", strings.Repeat("BEGIN:VCALENDAR\n", 17), "17: components nest deeper than 16; is it the right file?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			days, _, mistakes := holiday.Parse([]byte(test.text), time.UTC)
			var got []string
			for _, m := range mistakes {
				got = append(got, fmt.Sprintf("%d: %s", m.Line, m.Text))
			}
			if len(days) > 0 {
				t.Error(days)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A page instead of the file is a few lines of complaint.
func TestAnotherFile(t *testing.T) {
	_, _, mistakes := holiday.Parse([]byte(strings.Repeat("<p>Sign in</p>\n", 5000)), time.UTC)
	if len(mistakes) != 21 || mistakes[20].Text != "more lines are wrong; is it the right file?" {
		t.Errorf("%d mistakes, last %v", len(mistakes), mistakes[len(mistakes)-1])
	}
	if _, _, mistakes := holiday.Parse(make([]byte, holiday.MaxFile+1), time.UTC); len(mistakes) != 1 {
		t.Error(mistakes)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "2026-12-31 # x\n", "\ufeff\r\n", "BEGIN:VCALENDAR\n", calendar("DTSTART:20261231", "DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20260103|RRULE:FREQ=YEARLY"),
		calendar("UID:a|DTSTART:20240501|RRULE:FREQ=MONTHLY;BYDAY=-1FR;BYSETPOS=1;WKST=SU;COUNT=5|EXDATE:20240531", "UID:a|RECURRENCE-ID:20240628|DTSTART:20240629"),
		calendar("DTSTART:20240229|DURATION:P1W|RRULE:FREQ=WEEKLY;INTERVAL=3;UNTIL=20300101T000000Z;BYDAY=MO,TU"),
		calendar("DTSTART:20270220|X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY", "DTSTART:20270221"),
		calendar("DTSTART:20240101|RRULE:FREQ=YEARLY;BYWEEKNO=1,-1;BYYEARDAY=-366,1;BYEASTER=1"), calendar("DTSTART:20240101T000000|DTEND:20240102T000000|RDATE;VALUE=PERIOD:20240105T000000Z/P1D"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		days, _, mistakes := holiday.Parse([]byte(text), time.UTC)
		if (len(days) > 0) == (len(mistakes) > 0) {
			t.Fatalf("%d days and %d mistakes", len(days), len(mistakes))
		}
		for i, d := range days {
			if _, err := time.Parse(time.DateOnly, d.Date); err != nil || (i > 0 && d.Date <= days[i-1].Date) || strings.ContainsAny(d.Name, "\r\n\x00") {
				t.Errorf("%+v", d)
			}
		}
		for _, m := range mistakes {
			if m.Line < 1 || m.Line > strings.Count(text, "\n")+1 || m.Text == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}

// Exchange writes the begin of an all-day event in UTC and flags it.
func TestAllDayOfExchange(t *testing.T) {
	const flag = "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE|"
	text := calendar(
		flag+"DTSTART:20261230T210000Z|DTEND:20261231T210000Z|SUMMARY:old year",
		"DTSTART:20270106T210000Z|DTEND:20270108T210000Z|X-MICROSOFT-CDO-ALLDAYEVENT:true",
		flag+"UID:w|DTSTART:20270228T210000Z|DTEND:20270301T210000Z|RRULE:FREQ=DAILY;COUNT=3|EXDATE:20270301T210000Z",
		"DTSTART:20270401T210000Z|DTEND:20270402T210000Z|X-MICROSOFT-CDO-ALLDAYEVENT:FALSE",
		flag+"DTSTART:20270501T210000Z|DTEND:20270502T210000Z|STATUS:CANCELLED", "DTSTART:20270601T100000|DTEND:20270601T110000")
	for _, zone := range []string{"Europe/Moscow", "Europe/Berlin", "Asia/Vladivostok"} {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		days, left, mistakes := holiday.Parse([]byte(text), place)
		var got []string
		for _, d := range days {
			got = append(got, d.Date)
		}
		want := []string{"2026-12-31", "2027-01-07", "2027-01-08", "2027-03-01", "2027-03-03"}
		if diff := cmp.Diff(want, got); diff != "" || len(mistakes) > 0 || left != (holiday.Left{Timed: 2, Cancelled: 1}) {
			t.Error(zone, diff, mistakes, left)
		}
	}
}

// A calendar that marks days off and working days, as that of China does, has
// festivals on which people work, too.
func TestMarkedDays(t *testing.T) {
	days, left, mistakes := holiday.Parse([]byte(calendar(
		"DTSTART;VALUE=DATE:20270206|DTEND;VALUE=DATE:20270208|SUMMARY:off|X-APPLE-SPECIAL-DAY:WORK-HOLIDAY",
		"DTSTART;VALUE=DATE:20270220|SUMMARY:moved|x-apple-special-day:alternate-workday",
		"DTSTART;VALUE=DATE:20270221|SUMMARY:festival",
		"DTSTART;VALUE=DATE:20270222|SUMMARY:birthday|X-APPLE-SPECIAL-DAY:BIRTHDAY",
		"DTSTART;VALUE=DATE:20270223|SUMMARY:both|X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY",
		"DTSTART;VALUE=DATE:20270223|X-APPLE-SPECIAL-DAY:WORK-HOLIDAY")), time.UTC)
	want := []holiday.Day{
		{Date: "2027-02-06", Name: "off", Kind: holiday.DayOff}, {Date: "2027-02-07", Name: "off", Kind: holiday.DayOff},
		{Date: "2027-02-20", Name: "moved", Kind: holiday.Working}, {Date: "2027-02-23", Name: "both", Kind: holiday.Working},
	}
	if diff := cmp.Diff(want, days); diff != "" || left != (holiday.Left{Unmarked: 2}) || len(mistakes) > 0 {
		t.Error(diff, left, mistakes)
	}
}
