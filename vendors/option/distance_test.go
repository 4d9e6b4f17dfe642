package option_test

import (
	"strings"
	"testing"

	"agentkeeper/vendors/option"
)

func TestDistance(t *testing.T) {
	at, above := strings.Repeat("x", option.DistanceLimit), strings.Repeat("x", option.DistanceLimit+1)
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"rate", "rate", 0}, {"rate", "rat", 1}, {"rate", "tare", 2}, {"ж", "жж", 1}, {"", "abc", 3},
		{at, at[1:] + "y", 1},
		{above, above, len(above)}, // not compared
		{above, "x", len(above)},
		{"x", above, len(above)},
	} {
		if got := option.Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%.20q, %.20q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
