package fleet

import (
	"slices"
	"testing"

	"agentkeeper/session"
)

func TestNaturalOrder(t *testing.T) {
	want := []session.ID{
		{Platform: "hq", Login: ""}, {Platform: "hq", Login: "0"}, {Platform: "hq", Login: "9"}, {Platform: "hq", Login: "010"},
		{Platform: "hq", Login: "10"}, {Platform: "hq", Login: "10a"}, {Platform: "hq", Login: "10a2"}, {Platform: "hq", Login: "10a10"},
		{Platform: "hq", Login: "99999999999999999998"}, {Platform: "hq", Login: "99999999999999999999"}, {Platform: "hq", Login: "bot"},
		{Platform: "hq", Login: "bot2@x"}, {Platform: "hq", Login: "bot10@x"}, {Platform: "hq2", Login: "1"}, {Platform: "hq10", Login: "1"},
	}
	for i, a := range want {
		for j, b := range want {
			if got := compareIDs(a, b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("compare %v and %v: %d", a, b, got)
			}
		}
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	if slices.SortFunc(got, compareIDs); !slices.Equal(got, want) {
		t.Errorf("sorted: %v, want %v", got, want)
	}
}
