package shift_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

const online, offline = session.Stay, session.Leave

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

// Each case lists by hand, in local time with its offset, all changes between
// from and to.
func TestClockChanges(t *testing.T) {
	cases := []struct {
		name, zone, in, out, from, to string
		want                          []string
	}{
		{
			"start in the gap comes right after it", "Europe/Berlin", "30 2 * * *", "0 5 * * *",
			"2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-29T05:00:00+02:00", "2026-03-30T02:30:00+02:00", "2026-03-30T05:00:00+02:00"},
		},
		{
			"end in the gap comes right after it", "Europe/Berlin", "0 22 * * *", "30 2 * * *",
			"2026-03-28T12:00:00+01:00", "2026-03-29T12:00:00+02:00",
			[]string{"2026-03-28T22:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		},
		{
			"a shift within the gap is none", "Europe/Berlin", "10 2 * * *", "50 2 * * *",
			"2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00",
			[]string{"2026-03-30T02:10:00+02:00", "2026-03-30T02:50:00+02:00"},
		},
		{
			"a break within the gap is none", "Europe/Berlin", "50 2 * * *", "10 2 * * *",
			"2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00",
			[]string{"2026-03-30T02:10:00+02:00", "2026-03-30T02:50:00+02:00"},
		},
		{
			"a shift in the doubled hour happens once", "Europe/Berlin", "10 2 * * *", "50 2 * * *",
			"2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00",
			[]string{"2026-10-25T02:10:00+02:00", "2026-10-25T02:50:00+02:00"},
		},
		{
			"a night shift over the doubled hour lasts an hour longer", "Europe/Berlin", "0 22 * * *", "0 6 * * *",
			"2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00",
			[]string{"2026-10-24T22:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		},
		{
			"the minute at which the clock goes back is reached afterwards", "Europe/Berlin", "0 3 * * *", "0 4 * * *",
			"2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00",
			[]string{"2026-10-25T03:00:00+01:00", "2026-10-25T04:00:00+01:00"},
		},
		{
			"midnight is skipped", "America/Sao_Paulo", "0 0 * * 0", "0 8 * * 0",
			"2018-11-03T12:00:00-03:00", "2018-11-04T12:00:00-02:00",
			[]string{"2018-11-04T01:00:00-02:00", "2018-11-04T08:00:00-02:00"},
		},
		{
			"the last hour of a day comes twice", "America/Sao_Paulo", "30 23 * * 6", "0 0 * * 0",
			"2018-02-17T12:00:00-02:00", "2018-02-18T12:00:00-03:00",
			[]string{"2018-02-17T23:30:00-02:00", "2018-02-18T00:00:00-03:00"},
		},
		{
			"half an hour is skipped", "Australia/Lord_Howe", "15 2 * * *", "45 2 * * *",
			"2026-10-03T12:00:00+10:30", "2026-10-04T12:00:00+11:00",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00"},
		},
		{
			"half an hour comes twice", "Australia/Lord_Howe", "45 1 * * *", "0 2 * * *",
			"2026-04-04T12:00:00+11:00", "2026-04-05T12:00:00+10:30",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-05T02:00:00+10:30"},
		},
		{
			"a whole day is skipped", "Pacific/Apia", "0 9 * * *", "0 17 * * *",
			"2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00",
			[]string{"2011-12-29T09:00:00-10:00", "2011-12-29T17:00:00-10:00", "2011-12-31T09:00:00+14:00", "2011-12-31T17:00:00+14:00"},
		},
		{
			"a night shift that starts on the skipped day", "Pacific/Apia", "0 22 * * 5", "0 6 * * 6",
			"2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00",
			[]string{"2011-12-31T00:00:00+14:00", "2011-12-31T06:00:00+14:00"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := parse(t, shift.Spec{SignIn: []string{c.in}, SignOut: []string{c.out}, Zone: zone(t, c.zone)})
			var got []string
			for _, change := range follow(s, utc(t, c.from), utc(t, c.to)) {
				got = append(got, change.At.In(zone(t, c.zone)).Format(time.RFC3339))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWish(t *testing.T) {
	const day, night = "0 9 * * 1-5|0 18 * * 1-5", "0 22 * * *|0 6 * * *"
	cases := []struct {
		name, spec, holidays string
		at                   string
		wish                 session.Wish
		next                 string // "" = none
	}{
		{"a start in mid-shift", day, "", "2026-11-18T12:34:56+03:00", online, "2026-11-18T18:00:00+03:00"},
		{"the minute of the sign-in", day, "", "2026-11-18T09:00:00+03:00", online, "2026-11-18T18:00:00+03:00"},
		{"the second before it", day, "", "2026-11-18T08:59:59+03:00", offline, "2026-11-18T09:00:00+03:00"},
		{"the minute of the sign-out", day, "", "2026-11-18T18:00:00+03:00", offline, "2026-11-19T09:00:00+03:00"},
		{"a weekend", day, "", "2026-11-21T12:00:00+03:00", offline, "2026-11-23T09:00:00+03:00"},
		{"a holiday", day, "2026-11-18", "2026-11-18T12:00:00+03:00", offline, "2026-11-19T09:00:00+03:00"},
		{"a holiday in the local zone, still yesterday in UTC", night, "2026-11-18", "2026-11-18T22:30:00+03:00", offline, "2026-11-19T22:00:00+03:00"},
		{"a shift begun before a holiday", night, "2026-11-18", "2026-11-18T03:00:00+03:00", online, "2026-11-18T06:00:00+03:00"},
		{"a long shift over holidays", "0 8 * * 1|0 20 * * 5", "2026-11-17 2026-11-18", "2026-11-18T12:00:00+03:00", online, "2026-11-20T20:00:00+03:00"},
		{"over midnight", night, "", "2026-11-18T00:00:00+03:00", online, "2026-11-18T06:00:00+03:00"},
		{"two sign-ins are one shift", "0 9,12 * * *|0 18 * * *", "", "2026-11-18T12:00:00+03:00", online, "2026-11-18T18:00:00+03:00"},
		{"two sign-outs are one end", "0 9 * * *|0 18,20 * * *", "", "2026-11-18T19:00:00+03:00", offline, "2026-11-19T09:00:00+03:00"},
		{"shifts back to back", "0 6,14 * * *|0 14,22 * * *", "", "2026-11-18T10:00:00+03:00", online, "2026-11-18T22:00:00+03:00"},
		{"day or weekday, by the day", "0 9 13 * 5|0 17 * * *", "", "2026-11-12T20:00:00+03:00", offline, "2026-11-13T09:00:00+03:00"},
		{"day or weekday, by the weekday", "0 9 13 * 5|0 17 * * *", "", "2026-11-14T20:00:00+03:00", offline, "2026-11-20T09:00:00+03:00"},
		{"every day and a weekday is the weekday", "0 9 * * 5|0 17 * * *", "", "2026-11-13T20:00:00+03:00", offline, "2026-11-20T09:00:00+03:00"},
		{"leap day ahead", "0 9 29 2 *|0 17 29 2 *", "", "2026-11-18T12:00:00+03:00", offline, "2028-02-29T09:00:00+03:00"},
		{"leap day over 2100", "0 9 29 2 *|0 8 29 2 *", "", "2096-02-29T09:00:00+03:00", online, "2104-02-29T08:00:00+03:00"},
		{"leap day behind", "0 9 29 2 *|0 8 29 2 *", "", "2104-02-29T07:59:59+03:00", online, "2104-02-29T08:00:00+03:00"},
		{"always but on holidays", "* * * * *|0 0 * * *", "2026-11-20", "2026-11-18T12:00:00+03:00", online, "2026-11-20T00:00:00+03:00"},
		{"after the last holiday", "* * * * *|0 0 * * *", "2026-11-20", "2026-11-21T00:00:00+03:00", online, ""},
		{"spaces are free", "0  9 * * *  |  0 18\t* * *", "", "2026-11-18T12:00:00+03:00", online, "2026-11-18T18:00:00+03:00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in, out, _ := strings.Cut(c.spec, "|")
			s := parse(t, shift.Spec{SignIn: []string{in}, SignOut: []string{out}, Zone: zone(t, "Europe/Moscow"), Holidays: strings.Fields(c.holidays)})
			var next time.Time
			if c.next != "" {
				next = utc(t, c.next)
			}
			same(t, s, utc(t, c.at), c.wish, next)
		})
	}
}

// A workday counts as a weekday, its shift ends as on that weekday, and the one
// begun the day before as ever. 2026-11-07 is a Saturday.
func TestWorkdays(t *testing.T) {
	const (
		days   = "0 9 * * 1-5"
		ends   = "0 18 * * 1-5"
		nights = "0 22 * * 1-5"
		morns  = "0 6 * * 2-6"
	)
	cases := []struct{ name, in, out, holidays, workdays, from, to, want string }{
		{"a Saturday as Monday", days, ends, "", "2026-11-07=1", "2026-11-06", "2026-11-09", "06 09-06 18 07 09-07 18"},
		{"a Sunday as Monday", days, ends, "", "2026-11-08=1", "2026-11-07", "2026-11-10", "08 09-08 18 09 09-09 18"},
		{"as a day that is shorter", "0 9 * * 1-5", "0 18 * * 1-4|0 16 * * 5", "", "2026-11-07=5 2026-11-08=4", "2026-11-07", "2026-11-09", "07 09-07 16 08 09-08 18"},
		{"instead of its own specs", "0 9 * * 1-5|0 10 * * 6", "0 18 * * 1-5|0 16 * * 6", "", "2026-11-07=1", "2026-11-07", "2026-11-08", "07 09-07 18"},
		{"a weekday as Sunday", days, ends, "", "2026-11-04=0", "2026-11-03", "2026-11-06", "03 09-03 18 05 09-05 18"},
		{"that is also a holiday", days, ends, "2026-11-04", "2026-11-04=3", "2026-11-04", "2026-11-05", "04 09-04 18"},
		{"beside a holiday that was moved", days, ends, "2026-11-09", "2026-11-07=1", "2026-11-06", "2026-11-11", "06 09-06 18 07 09-07 18 10 09-10 18"},
		{"nights", nights, morns, "", "2026-11-07=1", "2026-11-06", "2026-11-11", "-06 06 06 22-07 06 07 22-08 06 09 22-10 06 10 22-"},
		{"nights, the whole weekend", nights, morns, "", "2026-11-07=1 2026-11-08=2", "2026-11-06", "2026-11-10", "-06 06 06 22-07 06 07 22-08 06 08 22-09 06 09 22-"},
		{"nights before a holiday", nights, morns, "2026-11-08", "2026-11-07=1", "2026-11-07", "2026-11-10", "-07 06 07 22-08 06 09 22-"},
		{"a day of the month", "0 9 7 * *|0 9 * * 1", "0 18 * * *", "", "2026-11-07=2", "2026-11-07", "2026-11-08", "07 09-07 18"},
		{"day and weekday, either", "0 9 1 * 1", "0 18 * * *", "", "2026-11-07=1", "2026-11-07", "2026-11-08", "07 09-07 18"},
		{"the skipped hour on a Sunday as Monday", "30 2 * * 1", "0 5 * * 1", "", "2026-03-29=1", "2026-03-28", "2026-03-31", "29 03-29 05 30 02-30 05"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			berlin := zone(t, "Europe/Berlin")
			s := parse(t, shift.Spec{SignIn: list(c.in), SignOut: list(c.out), Zone: berlin, Holidays: strings.Fields(c.holidays), Workdays: workdaysOf(t, c.workdays)})
			var got strings.Builder
			for _, change := range follow(s, local(t, c.from, berlin), local(t, c.to, berlin)) {
				at := change.At.In(berlin).Format("02 15")
				if change.Wish == offline {
					at = "-" + at
				} else if got.Len() > 0 {
					at = " " + at
				}
				got.WriteString(at)
			}
			if open := strings.TrimSuffix(c.want, "-"); open != got.String() {
				t.Errorf("%s, want %s", got.String(), open)
			}
		})
	}
}

func local(t *testing.T, date string, zone *time.Location) time.Time {
	t.Helper()
	at, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPlainWorkday(t *testing.T) {
	for date, as := range map[string]time.Weekday{"2026-11-06": time.Friday, "2026-11-07": time.Monday, "2026-11-08": time.Monday, "2026-11-09": time.Monday} {
		if got := shift.PlainWorkday(utc(t, date+"T00:00:00Z")); got != (shift.Workday{Date: date, As: as}) {
			t.Errorf("%v, want %v", got, as)
		}
	}
}

// As many specs and workdays as are allowed are read, and one more is refused.
func TestListLimits(t *testing.T) {
	spec := shift.Spec{SignOut: []string{"59 23 * * *"}, Zone: time.UTC}
	for i := range shift.MaxSpecs {
		spec.SignIn = append(spec.SignIn, fmt.Sprintf("%d 9 * * *", i))
	}
	for i := range shift.MaxWorkdays {
		spec.Workdays = append(spec.Workdays, shift.Workday{Date: time.Unix(int64(i)*86400, 0).UTC().Format(time.DateOnly), As: time.Monday})
	}
	parse(t, spec)
	for key, more := range map[string]shift.Spec{
		"sign_in":  {SignIn: append(spec.SignIn, "0 9 * * *"), SignOut: spec.SignOut},
		"sign_out": {SignIn: spec.SignOut, SignOut: append(spec.SignIn, "0 9 * * *")},
		"workdays": {SignIn: spec.SignIn, SignOut: spec.SignOut, Workdays: append(spec.Workdays, shift.Workday{Date: "2026-12-31"})},
	} {
		if _, err := shift.Parse(more); err == nil || !slices.Equal(keysOf(err), []string{key}) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// While a clock that was put back shows an hour again, nothing of that hour
// happens again, asked at whatever instant of it.
func TestSecondPassOfTheDoubledHour(t *testing.T) {
	s := parse(t, shift.Spec{SignIn: []string{"10 2 * * *"}, SignOut: []string{"50 2 * * *"}, Zone: zone(t, "Europe/Berlin")})
	tomorrow := utc(t, "2026-10-26T02:10:00+01:00")
	same(t, s, utc(t, "2026-10-25T02:30:00+02:00"), online, utc(t, "2026-10-25T02:50:00+02:00"))
	for _, at := range []string{"02:00:00", "02:10:00", "02:30:00", "02:49:59", "02:50:00", "03:00:00"} {
		same(t, s, utc(t, "2026-10-25T"+at+"+01:00"), offline, tomorrow)
	}
}

func TestNilIsAlwaysOnline(t *testing.T) {
	same(t, nil, time.Now(), online, time.Time{})
}

func TestZoneDefaultsToTheMachines(t *testing.T) {
	s := parse(t, shift.Spec{SignIn: []string{"0 9 * * *"}, SignOut: []string{"0 18 * * *"}})
	at := time.Date(2026, 11, 18, 12, 0, 0, 0, time.Local)
	same(t, s, at, online, time.Date(2026, 11, 18, 18, 0, 0, 0, time.Local))
}

// A changed zone of the argument, or its monotonic reading, changes nothing.
func TestSameInstantSameAnswer(t *testing.T) {
	s := parse(t, shift.Spec{SignIn: []string{"0 9 * * *"}, SignOut: []string{"0 18 * * *"}, Zone: zone(t, "Europe/Moscow")})
	now := time.Now()
	wish, next := s.At(now)
	same(t, s, now.Round(0).In(zone(t, "Asia/Kolkata")), wish, next)
	if got := next.Location().String(); got != "Europe/Moscow" {
		t.Errorf("next is in zone %s", got)
	}
}

// At the turns of years beyond the zones' tables, leap years among them, every
// hour has its answer, and it ends (ZoneBounds does not help there).
func TestTurnOfFarYears(t *testing.T) {
	for _, p := range places {
		z := zone(t, p.zone)
		s := parse(t, shift.Spec{SignIn: []string{"0 9 * * *"}, SignOut: []string{"0 18 * * *"}, Zone: z})
		for year := 2038; year < 2050; year++ {
			for h := range 24 * 7 {
				at := time.Date(year, 12, 28, h, 0, 0, 0, z)
				y, m, d := at.Date()
				wish, next := offline, time.Date(y, m, d, 9, 0, 0, 0, z)
				switch {
				case at.Hour() >= 18:
					next = time.Date(y, m, d+1, 9, 0, 0, 0, z)
				case at.Hour() >= 9:
					wish, next = online, time.Date(y, m, d, 18, 0, 0, 0, z)
				}
				same(t, s, at, wish, next)
			}
		}
	}
}

// Long before and after all zone tables there is an answer, and it ends.
func TestFarAwayInstants(t *testing.T) {
	s := parse(t, shift.Spec{SignIn: []string{"0 9 * * *"}, SignOut: []string{"0 18 * * *"}, Zone: zone(t, "Europe/Berlin")})
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Date(1500, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
		wish, next := s.At(at)
		if after, _ := s.At(next); !next.After(at) || next.Sub(at) > 24*time.Hour || after == wish {
			t.Errorf("At(%v) = %v, %v and then %v", at, wish, next, after)
		}
	}
}

func TestMistakes(t *testing.T) {
	const in, out = "0 9 * * *", "0 18 * * *"
	cases := []struct {
		name string
		spec shift.Spec
		keys []string
		is   error
		says string
	}{
		{"no such day", shift.Spec{SignIn: []string{"0 9 30 2 *"}, SignOut: []string{out}}, []string{"sign_in"}, shift.ErrNever, `sign_in "0 9 30 2 *" never fires`},
		{"no such days in any of the months", shift.Spec{SignIn: []string{in}, SignOut: []string{"0 9 31 2,4,6,9,11 *"}}, []string{"sign_out"}, shift.ErrNever, "a day that exists"},
		{"an empty minute", shift.Spec{SignIn: []string{", 9 * * *"}, SignOut: []string{out}}, []string{"sign_in"}, shift.ErrNever, ""},
		{"an empty hour", shift.Spec{SignIn: []string{"0 , * * *"}, SignOut: []string{out}}, []string{"sign_in"}, shift.ErrNever, ""},
		{"an empty month", shift.Spec{SignIn: []string{"0 9 * , *"}, SignOut: []string{out}}, []string{"sign_in"}, shift.ErrNever, ""},
		{"the same twice", shift.Spec{SignIn: []string{in}, SignOut: []string{in}}, []string{"sign_out"}, shift.ErrEndless, "no shift would ever end"},
		{"the same in other words", shift.Spec{SignIn: []string{"0 9 * * 1-5"}, SignOut: []string{"0 9 * * MON-FRI"}}, []string{"sign_out"}, shift.ErrEndless, ""},
		{"every sign-out is a sign-in", shift.Spec{SignIn: []string{"* * * * *"}, SignOut: []string{out}}, []string{"sign_out"}, shift.ErrEndless, ""},
		{"nothing written", shift.Spec{}, []string{"sign_in", "sign_out"}, nil, "not five fields"},
		{"six fields", shift.Spec{SignIn: []string{"0 0 9 * * *"}, SignOut: []string{out}}, []string{"sign_in"}, nil, "not five fields"},
		{"a descriptor", shift.Spec{SignIn: []string{"@daily"}, SignOut: []string{"@every 1 2 3 4"}}, []string{"sign_in", "sign_out"}, nil, "not five fields"},
		{"a zone in the spec", shift.Spec{SignIn: []string{"TZ=UTC 9 * * *"}, SignOut: []string{out}}, []string{"sign_in"}, nil, "not five fields"},
		{"an eighth weekday", shift.Spec{SignIn: []string{"0 9 * * 8"}, SignOut: []string{out}}, []string{"sign_in"}, nil, "Sunday is 0 or 7"},
		{"a range beyond Sunday", shift.Spec{SignIn: []string{"0 9 * * 1-8"}, SignOut: []string{out}}, []string{"sign_in"}, nil, "Sunday is 0 or 7"},
		{"hour 24", shift.Spec{SignIn: []string{in}, SignOut: []string{"0 24 * * *"}}, []string{"sign_out"}, nil, "above maximum (23)"},
		{"no holiday", shift.Spec{SignIn: []string{in}, SignOut: []string{out}, Holidays: []string{"2026-01-01", "2026-02-30", "31.12.2026"}},
			[]string{"holidays", "holidays"}, nil, `holidays "31.12.2026" is no day`},
		{"all at once", shift.Spec{SignIn: []string{"x"}, SignOut: []string{"0 9 30 2 *"}, Holidays: []string{""}}, []string{"sign_in", "sign_out", "holidays"}, shift.ErrNever, ""},
		{"an empty list", shift.Spec{SignIn: []string{}, SignOut: []string{out}}, []string{"sign_in"}, nil, "not five fields"},
		{"some of a list", shift.Spec{SignIn: []string{in, "x", "0 9 31 2 *"}, SignOut: []string{out}}, []string{"sign_in", "sign_in"}, shift.ErrNever, `sign_in "x" is no cron schedule`},
		{"all sign-outs of a list are sign-ins", shift.Spec{SignIn: list("0 9 * * *|0 18 * * 1-5"), SignOut: list("0 18 * * 1|0 9 * * 0")}, []string{"sign_out"}, shift.ErrEndless, ""},
		{"no day worked", shift.Spec{SignIn: []string{in}, SignOut: []string{out}, Workdays: []shift.Workday{{Date: "2026-02-30", As: 1}, {Date: "2026-12-31", As: 7}}},
			[]string{"workdays", "workdays"}, nil, `workdays "2026-02-30" is no day`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := shift.Parse(c.spec)
			if err == nil || s != nil {
				t.Fatalf("Parse = %v, %v", s, err)
			}
			if diff := cmp.Diff(c.keys, keysOf(err)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

// keysOf returns the keys of all mistakes in a tree of joined errors.
func keysOf(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var keys []string
		for _, e := range joined.Unwrap() {
			keys = append(keys, keysOf(e)...)
		}
		return keys
	}
	if one := (*shift.Error)(nil); errors.As(err, &one) {
		return []string{one.Key}
	}
	return nil
}

func FuzzParse(f *testing.F) {
	for _, s := range specs {
		f.Add(s.in, s.out, "2026-12-31", "2026-12-27=1", int64(1_795_000_000))
	}
	f.Add("TZ=", "CRON_TZ=x", "", "2026-12-27=9", int64(0))
	f.Add("@every 1s", ", , , , ,|0 9 * * *", "2026-02-30", "2026-02-30=0", int64(-1))
	f.Add("0 9 29 2 *", "*/99 1/5 ? JAN-dec sun", "0000-01-01", "2100-02-28=1 2100-03-01=1 9999-12-31=6", int64(4_000_000_000))
	berlin := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, in, out, holiday, workday string, unix int64) {
		spec := shift.Spec{SignIn: list(in), SignOut: list(out), Zone: berlin}
		if holiday != "" {
			spec.Holidays = []string{holiday}
		}
		for _, part := range strings.Fields(workday) {
			date, as, _ := strings.Cut(part, "=")
			spec.Workdays = append(spec.Workdays, shift.Workday{Date: date, As: time.Weekday(len(as)%9 - 1)})
			if day, ok := shift.ParseWeekday(as); ok {
				spec.Workdays[len(spec.Workdays)-1].As = day
			}
		}
		s, err := shift.Parse(spec)
		if err != nil {
			if len(keysOf(err)) == 0 {
				t.Fatalf("%v names no key", err)
			}
			return
		}
		at := time.Unix(unix%(1<<34), 0)
		shift.Advise(spec)
		s.Preview(at, at.AddDate(0, 0, 3))
		wish, next := s.At(at)
		if next.IsZero() {
			return
		}
		before, same := s.At(next.Add(-1))
		after, _ := s.At(next)
		if !next.After(at) || before != wish || !same.Equal(next) || after == wish {
			t.Fatalf("%+v: At(%v) = %v, %v; before next %v, %v; at next %v", spec, at, wish, next, before, same, after)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	spec := shift.Spec{SignIn: list("0 9 * * 1-5|0 10 * * 6"), SignOut: list("0 18 * * 1-5|0 16 * * 6"), Workdays: workdays(2026), Holidays: holidays(2026)}
	for b.Loop() {
		if _, err := shift.Parse(spec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAt(b *testing.B) {
	specs := map[string]shift.Spec{
		"weekdays": {SignIn: []string{"0 9 * * 1-5"}, SignOut: []string{"0 18 * * 1-5"}},
		"leap day": {SignIn: []string{"0 9 29 2 *"}, SignOut: []string{"0 18 29 2 *"}},
		"lists":    {SignIn: list("0 9 * * 1-5|0 10 * * 6|0 12 * * 7"), SignOut: list("0 18 * * 1-5|0 16 * * 6|0 15 * * 7"), Workdays: workdays(2026)},
		"no next":  {SignIn: []string{"* * * * *"}, SignOut: []string{"0 0 * * *"}, Holidays: []string{"2020-01-01"}},
	}
	for name, spec := range specs {
		b.Run(name, func(b *testing.B) {
			spec.Zone = zone(b, "Europe/Moscow")
			s, err := shift.Parse(spec)
			if err != nil {
				b.Fatal(err)
			}
			at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
			for b.Loop() {
				s.At(at)
			}
		})
	}
}
