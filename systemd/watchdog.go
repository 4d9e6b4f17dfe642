package systemd

import (
	"context"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// pulses is how often in the watchdog's time progress is looked for.
const pulses = 3

// Watch feeds the watchdog until ctx ends; it returns at once where the unit
// has none. pulse asks what must not stand still for a move and returns when it
// made the last one: only a move since the last look feeds the watchdog. A
// process that hangs, a pulse that blocks and a loop that stands still are
// therefore the same to the manager, which ends the process after WatchdogSec.
func (m *Manager) Watch(ctx context.Context, pulse func() time.Time) {
	limit, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Warn("the watchdog's time cannot be read; it will end the process", "error", err)
	}
	if limit == 0 {
		return
	}
	tick := time.NewTicker(limit / pulses)
	defer tick.Stop()
	last := pulse()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		at := pulse()
		if at.After(last) {
			m.alive()
		} else {
			m.log.Warn("the scheduler made no move; the watchdog is not fed", "last_move", at, "watchdog", limit.String())
		}
		last = at
	}
}
