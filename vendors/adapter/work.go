package adapter

import (
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Work is what a vendor tells of its agents' working state. All functions
// are pure and may be called from any goroutine.
type Work struct {
	// Read returns what an event tells; ok is false for one that tells nothing.
	Read func(e session.Event) (c work.Change, ok bool)
	// Ask reads the state back; nil where no way is documented.
	Ask *Ask
}

// Ask is a query for an agent's working state over HTTP.
type Ask struct {
	Method string
	// Path is relative to the platform's base, as in a command.
	Path func(login string) string
	// Read reads the answer's body; ok is false for one that tells nothing, for
	// example because the platform throttles queries.
	Read func(body []byte) (c work.Change, ok bool)
}

// Looks reports whether the state can be read back.
func (w *Work) Looks() bool { return w != nil && w.Ask != nil }
