// Package raced thins long tests of code without shared memory out where the
// race detector makes each of them ten times as slow. test/run.sh runs the
// packages that use it once more without the detector, and then all cases run.
package raced

import "math/rand/v2"

// LeaveOut reports whether a test leaves a case out: never without the race
// detector, and with it, by chance, all but one case of n.
func LeaveOut(n int) bool { return Enabled && rand.IntN(n) != 0 }
