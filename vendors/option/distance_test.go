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

// Names that contain the mistyped one come first, then those a few letters away.
func TestDidYouMean(t *testing.T) {
	known := []string{"listen", "listen_hosts", "login", "log", "Zone", "time_zone"}
	for name, want := range map[string]string{
		"lisen": `; did you mean "listen"?`, "LISTEN": `; did you mean "listen" or "listen_hosts"?`, "zone": `; did you mean "Zone" or "time_zone"?`,
		"lo": `; did you mean "login" or "log"?`, "password": "", "": "",
	} {
		if got := option.DidYouMean(name, known); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
