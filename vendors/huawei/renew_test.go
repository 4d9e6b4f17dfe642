package huawei

import (
	"testing"
	"time"
)

func TestGuidOverdue(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	k := key{Guid: "a", GuidSince: at}
	if k.overdue(at.Add(24*time.Hour), 0) {
		t.Error("a Guid that never changed was found overdue")
	}
	k.paced(at, at.Add(62*time.Second))
	k.paced(at, at.Add(70*time.Second)) // a slower change does not slow the pace
	if k.Pace != 62*time.Second {
		t.Fatalf("pace %v", k.Pace)
	}
	for after, want := range map[time.Duration]bool{70 * time.Second: false, 80 * time.Second: false, 84 * time.Second: true} {
		if got := k.overdue(at.Add(after), 0); got != want {
			t.Errorf("overdue after %v: %v", after, got)
		}
	}
	// Where only a request every 30 s tells, it is due with the first one after.
	for after, want := range map[time.Duration]bool{96 * time.Second: false, 98 * time.Second: true} {
		if got := k.overdue(at.Add(after), 30*time.Second); got != want {
			t.Errorf("without polls, overdue after %v: %v", after, got)
		}
	}
}
