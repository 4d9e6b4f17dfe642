package shift_test

import (
	"testing"
	"time"

	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

// 7 is Sunday, as crontab(5) has it, alone, in lists and at the end of ranges.
func TestSeventhWeekday(t *testing.T) {
	monday := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for spec, on := range map[string]string{
		"7": "      S", "0": "      S", "1,7": "M     S", "5-7": "    FSS", "1-7": "MTWTFSS", "0-7": "MTWTFSS", "6-7": "     SS",
		"1-7/2": "M W F S", "1-7/3": "M  T  S", "fri-7": "    FSS", "7,3": "  W   S", "7-7": "      S", "1-5": "MTWTF  ",
	} {
		s := parse(t, shift.Spec{SignIn: []string{"0 9 * * " + spec}, SignOut: []string{"0 18 * * *"}, Zone: time.UTC})
		for i := range 7 {
			want := session.Leave
			if on[i] != ' ' {
				want = session.Stay
			}
			if wish, _ := s.At(monday.AddDate(0, 0, i)); wish != want {
				t.Errorf("%s on day %d: %v, want %v", spec, i, wish, want)
			}
		}
	}
}
