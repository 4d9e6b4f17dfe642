package wire

import (
	"net/http"
	"testing"
	"time"
)

const longest = 24 * time.Hour

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, s := range []string{"", "0", "30", " 30 ", "-1", "1.5", "86401", "99999999999999999999999", "Mon, 02 Mar 2026 09:01:00 GMT",
		"Monday, 02-Mar-26 09:01:00 GMT", "Mon Mar  2 09:01:00 2026", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 02 Mar 2020 09:00:00 GMT", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		d := RetryAfter(http.Header{"Retry-After": {value}}, now, longest)
		if d < 0 || d > longest {
			t.Errorf("%q is %v", value, d)
		}
	})
}

func TestRetryAfterReads(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "1.5": 0, "0": 0, "30": 30 * time.Second, " 120 ": 2 * time.Minute, "99999999999999999999999": longest,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
		"Fri, 31 Dec 9999 23:59:59 GMT": longest, "99999999999": longest, "999999": longest,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, now, longest); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}
