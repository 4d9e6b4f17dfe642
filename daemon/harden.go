package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps what the process holds in memory, passwords and sessions' keys,
// from everybody but root: no core file is written whatever happens, and no
// other process of the same user can trace this one or read its memory, its
// environment or its open files under /proc. The process itself still can, so
// its own metrics go on. Call it before the first secret is read; a later exec
// undoes it.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process undumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	return nil
}
