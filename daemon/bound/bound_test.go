package bound_test

import (
	"testing"
	"time"

	"agentkeeper/daemon/bound"
)

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		bound.Count(0): "0", bound.Count(999): "999", bound.Count(1000): "1,000", bound.Count(1234567): "1,234,567",
		bound.Bytes(107): "107 bytes", bound.Bytes(1024): "1 KiB", bound.Bytes(1536): "1,536 bytes", bound.Bytes(1 << 20): "1 MiB", bound.Bytes(3 << 30): "3 GiB",
		bound.Time(time.Second): "1 s", bound.Time(90 * time.Second): "90 s", bound.Time(5 * time.Minute): "5 min", bound.Time(2 * time.Hour): "2 h", bound.Time(250 * time.Millisecond): "250 ms",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	got := bound.Table([]bound.Bound{{Where: "a door", What: "visitors", Limit: bound.Count(2), Beyond: "wait", Test: "TestDoor"}})
	if want := "| where | what | at most | beyond it |\n|---|---|---|---|\n| a door | visitors | 2 | wait |\n"; got != want {
		t.Errorf("%q", got)
	}
}
