// Package sessiontest is for tests of sessions: it waits in their place, and counts
// the goroutines that stand in them.
package sessiontest

import (
	"context"
	"runtime"
	"strings"

	"agentkeeper/session"
)

// Next steps s until it returns without a Wait, and blocks in between.
func Next(ctx context.Context, s session.Live) (session.Batch, error) {
	for {
		batch, wait, err := s.Step(ctx)
		if wait.None() {
			return batch, err
		}
		wait.Block(ctx)
	}
}

// Standing returns the stacks of the goroutines that stand in a keeper or in a
// vendor's session. An agent that waits in a room has none. Requests that a platform
// sends us are no agent's: they wait for one to step.
func Standing() (stacks []string) {
	for stack := range strings.SplitSeq(all(), "\n\n") {
		inside := strings.Contains(stack, "\nagentkeeper/vendors/") || strings.Contains(stack, "\nagentkeeper/session/keeper.")
		if inside && !strings.Contains(stack, ".Receive(") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// InBubbles returns how many goroutines there are in bubbles of testing/synctest. Those
// of the process itself, and what earlier tests left that is just ending, do not count.
func InBubbles() int { return strings.Count(all(), ", synctest bubble ") }

// all returns the stacks of all goroutines.
func all() string {
	for size := 1 << 20; ; size *= 2 {
		buffer := make([]byte, size)
		if n := runtime.Stack(buffer, true); n < size {
			return string(buffer[:n])
		}
	}
}
