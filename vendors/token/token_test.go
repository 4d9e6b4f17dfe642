package token

import (
	"slices"
	"testing"
	"time"
)

var issued = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Shares are spread over their range, and what a store brings is put into it.
func TestShare(t *testing.T) {
	var shares []Share
	for range 2000 {
		shares = append(shares, DrawShare())
	}
	slices.Sort(shares)
	if shares[0] < ShareFrom || shares[0] > 0.71 || shares[1999] > ShareTo || shares[1999] < 0.89 || shares[1000] < 0.78 || shares[1000] > 0.82 {
		t.Errorf("shares from %v by %v to %v", shares[0], shares[1000], shares[1999])
	}
	for stored, want := range map[Share]Share{0: ShareFrom, -1: ShareFrom, 0.8: 0.8, 7: ShareTo} {
		if got := stored.Clamp(); got != want {
			t.Errorf("%v is taken for %v, want %v", stored, got, want)
		}
	}
}

func TestRenewal(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{time.Hour: 48 * time.Minute, 10 * time.Second: 30 * time.Second, 0: 30 * time.Second, -time.Hour: 30 * time.Second} {
		if got := Share(0.8).Renewal(issued, life, 30*time.Second).Sub(issued); got != want {
			t.Errorf("a life of %v: renewed after %v, want %v", life, got, want)
		}
	}
}

// Two checks and a probe that takes its time fit into half a window and a whole one.
func TestNextCheck(t *testing.T) {
	const window = 5 * time.Minute
	for range 2000 {
		if d := NextCheck(issued, window).Sub(issued); d < window/3 || d > 46*window/100 {
			t.Fatalf("the next check after %v of %v", d, window)
		}
	}
	for window, want := range map[time.Duration]time.Duration{time.Hour: 30 * time.Second, time.Minute: 10 * time.Second, 3 * time.Second: time.Second} {
		if got := ProbeTimeout(window, 30*time.Second); got != want {
			t.Errorf("a window of %v: %v, want %v", window, got, want)
		}
	}
}

// A renewal is asked for when it is due, and again in growing pauses.
func TestAsking(t *testing.T) {
	var a Asking
	due := issued.Add(time.Minute)
	var asked []time.Duration
	for now := issued; now.Before(due.Add(5 * time.Minute)); now = now.Add(time.Second) {
		if at := a.At(due); at.Before(due) {
			t.Fatalf("to be asked for at %v, due at %v", at, due)
		}
		if a.Ask(now, due, time.Minute) {
			asked = append(asked, now.Sub(due)/time.Second)
		}
		if a.None() != (len(asked) == 0) {
			t.Fatalf("asked %v, none: %v", asked, a.None())
		}
	}
	if want := []time.Duration{0, 10, 30, 70, 130, 190, 250}; !slices.Equal(asked, want) {
		t.Errorf("asked after %d s, want %d", asked, want)
	}
}
