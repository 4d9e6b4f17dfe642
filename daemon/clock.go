package daemon

import (
	"time"

	"golang.org/x/sys/unix"
)

// readingMost is how long the reading of two clocks may take for their difference
// to mean something: a process that is stopped in between would look asleep.
const readingMost = 100 * time.Millisecond

// asleep returns for how long the machine has slept since it was switched on; ok
// is false where that cannot be told now.
func asleep() (d time.Duration, ok bool) {
	for range 3 {
		before := read(unix.CLOCK_MONOTONIC)
		boot := read(unix.CLOCK_BOOTTIME)
		after := read(unix.CLOCK_MONOTONIC)
		if boot > 0 && after-before < readingMost {
			return boot - after, true
		}
	}
	return 0, false
}

// read returns what a clock of the kernel shows, 0 where it has none.
func read(id int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(id, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
