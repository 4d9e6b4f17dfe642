package shift_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/shift"
)

func TestPreview(t *testing.T) {
	for _, c := range []struct{ name, zone, in, out, holidays, workdays, from, to, want string }{
		{"a holiday and an ordinary day", "Europe/Moscow", "0 9 * * 1-5", "0 18 * * 1-5", "2026-12-31 2027-01-02", "", "2026-12-30T12:00:00+03:00", "2027-01-03T12:00:00+03:00",
			"30 18:00 offline|31 00:00 holiday: no sign-in at 09:00|01 09:00 online|01 18:00 offline"},
		{"on the holiday itself", "Europe/Moscow", "0 9 * * *", "0 18 * * *", "2026-12-31", "", "2026-12-31T12:00:00+03:00", "2026-12-31T20:00:00+03:00",
			"31 00:00 holiday: no sign-in at 09:00"},
		{"the skipped hour", "Europe/Berlin", "30 2 * * *", "0 5 * * *", "", "", "2026-03-28T12:00:00+01:00", "2026-03-29T12:00:00+02:00",
			"29 03:00 clock: clocks go forward from 02:00 to 03:00|29 03:00 online: 02:30 does not exist that day|29 05:00 offline"},
		{"a shift within the skipped hour", "Europe/Berlin", "10 2 * * *", "50 2 * * *", "", "", "2026-03-28T12:00:00+01:00", "2026-03-30T02:20:00+02:00",
			"29 03:00 clock: clocks go forward from 02:00 to 03:00; what begins at 02:10 ends in the gap and does not happen|30 02:10 online"},
		{"the doubled hour", "Europe/Berlin", "10 2 * * *", "0 9 * * *", "", "", "2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00",
			"25 02:10 online: the first of two|25 02:00 clock: clocks go back from 03:00 to 02:00|25 09:00 offline"},
		{"the skipped day", "Pacific/Apia", "0 22 * * 5", "0 6 * * 6", "", "", "2011-12-29T12:00:00-10:00", "2012-01-01T00:00:00+14:00",
			"31 00:00 clock: clocks go forward from 00:00 to 00:00|31 00:00 online: 22:00 does not exist that day|31 06:00 offline"},
		{"many sign-ins on a holiday", "Europe/Moscow", "*/15 9 * * *", "*/15 10 * * *", "2026-12-31", "", "2026-12-30T12:00:00+03:00", "2026-12-31T12:00:00+03:00",
			"31 00:00 holiday: no sign-in at 09:00"},
		{"several sign-ins on a holiday", "Europe/Moscow", "0 8 * * *|0 14 * * *", "0 12,18 * * *", "2026-12-31", "", "2026-12-30T20:00:00+03:00", "2026-12-31T20:00:00+03:00",
			"31 00:00 holiday: no sign-in at 08:00, 14:00"},
		{"a Saturday that counts as Monday", "Europe/Moscow", "0 9 * * 1-5|0 10 * * 6", "0 18 * * 1-5|0 16 * * 6", "", "2026-11-07=1", "2026-11-06T20:00:00+03:00", "2026-11-08T12:00:00+03:00",
			"07 00:00 workday: as Monday: sign-in at 09:00|07 09:00 online|07 18:00 offline"},
		{"a workday on a holiday", "Europe/Moscow", "0 9 * * 1-5", "0 18 * * 1-5", "2026-11-04", "2026-11-04=3", "2026-11-03T20:00:00+03:00", "2026-11-05T00:00:00+03:00",
			"04 00:00 workday: as Wednesday: sign-in at 09:00 (also a holiday, but the workday counts)|04 09:00 online|04 18:00 offline"},
		{"a workday without a shift", "Europe/Moscow", "0 9 * * 1-5", "0 18 * * 1-5", "", "2026-11-04=0", "2026-11-03T20:00:00+03:00", "2026-11-05T00:00:00+03:00",
			"04 00:00 workday: as Sunday: no sign-in"},
		{"a workday as any", "Europe/Moscow", "0 9 * * 1-5", "0 18 * * 1-5", "", "2026-11-04=3 2026-11-05=1", "2026-11-03T20:00:00+03:00", "2026-11-05T08:00:00+03:00",
			"04 09:00 online|04 18:00 offline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse(t, shift.Spec{SignIn: list(c.in), SignOut: list(c.out), Zone: zone(t, c.zone), Holidays: strings.Fields(c.holidays), Workdays: workdaysOf(t, c.workdays)})
			var got []string
			for _, m := range s.Preview(utc(t, c.from), utc(t, c.to)) {
				what := [...]string{m.Wish.String(), "holiday", "workday", "clock"}[m.Kind]
				got = append(got, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", m.At.Format("02 15:04"), what, m.Note), ": "))
			}
			if diff := cmp.Diff(strings.ReplaceAll(c.want, "|", "\n"), strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
	if (*shift.Schedule)(nil).Today(time.Now()) != "" {
		t.Error("a nil schedule has a day that is unlike others")
	}
	if (*shift.Schedule)(nil).Preview(time.Now(), time.Now().AddDate(1, 0, 0)) != nil {
		t.Error("a nil schedule has moments")
	}
}

// workdaysOf reads 2026-11-07=1, the number that of a weekday.
func workdaysOf(t *testing.T, text string) (days []shift.Workday) {
	t.Helper()
	for _, part := range strings.Fields(text) {
		date, as, _ := strings.Cut(part, "=")
		weekday, ok := shift.ParseWeekday(as)
		if !ok {
			t.Fatalf("%s is no workday", part)
		}
		days = append(days, shift.Workday{Date: date, As: weekday})
	}
	return days
}

func TestToday(t *testing.T) {
	s := parse(t, shift.Spec{SignIn: list("0 9 * * 1-5"), SignOut: list("0 18 * * 1-5"), Zone: zone(t, "Europe/Moscow"),
		Holidays: []string{"2026-11-04", "2026-11-08"}, Workdays: workdaysOf(t, "2026-11-07=1 2026-11-06=5")})
	for at, want := range map[string]string{
		"2026-11-03T23:59:59+03:00": "", "2026-11-03T21:00:00Z": "a holiday of the schedule: no sign-in at 09:00", "2026-11-04T23:59:59+03:00": "a holiday of the schedule: no sign-in at 09:00",
		"2026-11-06T12:00:00+03:00": "", "2026-11-07T12:00:00+03:00": "a workday of the schedule, as Monday: sign-in at 09:00", "2026-11-08T12:00:00+03:00": "",
	} {
		if got := s.Today(utc(t, at)); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

func TestAdvise(t *testing.T) {
	for _, c := range []struct{ name, in, out, want string }{
		{"a working week", "0 9 * * 1-5", "0 18 * * 1-5", ""},
		{"nights", "0 22 * * *", "0 6 * * *", ""},
		{"sign-outs on free days", "0 9 * * 1-5", "0 18 * * *", ""},
		{"back to back", "0 6,14 * * *", "0 14,22 * * *", ""},
		{"the whole week but Sunday", "0 8 * * 1", "0 20 * * 6", ""},
		{"two sign-ins", "0 9,12 * * *", "0 18 * * *", "sign_in at 12:00 never begins a shift, for one is on already; drop it, or write the sign_out that should come before"},
		{"two sign-outs", "0 9 * * *", "0 18,20 * * *", "sign_out at 20:00 never ends a shift, for none is on then; drop it"},
		{"no length", "0 9,20 * * *", "0 9,18,22 * * *", "sign_out at 09:00 never ends a shift, for a sign_in at the same minute goes before it; a shift of no length is none"},
		{"every minute", "* 9 * * *", "0 18 * * *", "sign_in at 09:01, 09:02, 09:03 and 56 times more never begins a shift, for one is on already; drop it, or write the sign_out that should come before"},
		{"Friday forgotten", "0 9 * * 1-5", "0 18 * * 1-4", "sign_out leaves the shift that begins Fri 09:00 on until Mon 18:00 (81h), while others end within a day; write a day for it if that is not meant"},
		{"a minute", "0 9 * * *", "1 9 * * *", "sign_out ends the shift that begins Sat 09:00 after 1m; signing in and out takes as long"},
		{"as good as always", "0 9 1 1 *", "0 9 31 12 *", "sign_out ends a shift after 365 days at last; leave the schedule out for agents that are always online"},
		{"no cron", "x", "0 9 * * *", ""},
		{"a list", "0 9 * * 1-5|0 10 * * 6", "0 18 * * 1-5|0 16 * * 6", ""},
		{"Saturday forgotten in a list", "0 9 * * 1-5|0 10 * * 6", "0 18 * * 1-4|0 18 * * 5",
			"sign_out leaves the shift that begins Sat 10:00 on until Mon 18:00 (56h), while others end within a day; write a day for it if that is not meant"},
		{"never the first", "0 8 * * 1-5|0 9 * * 1|0 9 * * 6", "0 18 * * *", "sign_in[1] at 09:00 never begins a shift, for one is on already; drop it, or write the sign_out that should come before"},
		{"never the last", "0 8 * * 1-5", "0 17 * * 5|0 18 * * 1-4|0 18 * * 5", "sign_out[2] at 18:00 never ends a shift, for none is on then; drop it"},
		{"twice in a list", "0 9 * * 1-5|0 9 * * mon-fri", "0 18 * * *|0 18 * * *", "sign_in[1] stands in the list twice; drop one|sign_out[1] stands in the list twice; drop one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, a := range shift.Advise(shift.Spec{SignIn: list(c.in), SignOut: list(c.out)}) {
				key := a.Key
				if a.Index > 0 {
					key += fmt.Sprintf("[%d]", a.Index)
				}
				got = append(got, key+" "+a.Text)
			}
			if diff := cmp.Diff(strings.ReplaceAll(c.want, "|", "\n"), strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkAdvise(b *testing.B) {
	for b.Loop() {
		shift.Advise(shift.Spec{SignIn: []string{"0 9 * * 1-5"}, SignOut: []string{"0 18 * * 1-5"}})
	}
}
