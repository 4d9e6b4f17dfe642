package gate

import (
	"testing"
	"time"
)

func TestWhole(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", 2 * time.Hour: "2h", 90 * time.Minute: "1h30m", 90 * time.Second: "1m30s", 30 * time.Second: "30s",
		1500 * time.Millisecond: "1.5s", time.Hour + time.Second: "1h0m1s", 100 * time.Hour: "100h", 10*time.Hour + 10*time.Minute: "10h10m",
	} {
		if got := whole(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
