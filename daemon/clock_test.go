package daemon

import "testing"

// TestAsleep reads the clocks twice: nothing slept in between.
func TestAsleep(t *testing.T) {
	first, ok := asleep()
	second, again := asleep()
	if ok && again && (second-first).Abs() > 2*readingMost {
		t.Errorf("the machine slept for %v, then for %v", first, second)
	}
}
