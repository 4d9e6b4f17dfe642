package listener

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	logEvery = time.Minute // a line for one cause
	logKinds = 200         // causes that are told apart
)

// Log writes a warning for each cause once a minute, with the number of those
// that were left out meanwhile. It remembers 200 causes at once; a further one
// is not logged. So a cause must not be a text that a stranger chooses. Its
// methods may be called from any goroutine.
type Log struct {
	log *slog.Logger

	mu    sync.Mutex
	lines map[string]*lastLine
}

type lastLine struct {
	at      time.Time
	omitted int
}

// NewLog returns a Log that writes to log.
func NewLog(log *slog.Logger) *Log { return &Log{log: log, lines: map[string]*lastLine{}} }

// Warn writes a line unless one of the same message and cause was written
// within the last minute. cause itself is not written.
func (l *Log) Warn(msg, cause string, attrs ...slog.Attr) {
	repeats, due := l.due(msg + " " + cause)
	if !due {
		return
	}
	if repeats > 0 {
		attrs = append(attrs, slog.Int("repeats", repeats))
	}
	l.log.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}

// due reports whether a line may be written now, and how many were left out
// since the last one.
func (l *Log) due(key string) (repeats int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	last := l.lines[key]
	switch {
	case last == nil && len(l.lines) >= logKinds:
		l.forget(now)
		if len(l.lines) >= logKinds {
			return 0, false
		}
		fallthrough
	case last == nil:
		l.lines[key] = &lastLine{at: now}
		return 0, true
	case now.Sub(last.at) < logEvery:
		last.omitted++
		return 0, false
	}
	repeats = last.omitted
	*last = lastLine{at: now}
	return repeats, true
}

// forget drops what is old and has nothing to add. The caller holds mu.
func (l *Log) forget(now time.Time) {
	for key, last := range l.lines {
		if now.Sub(last.at) >= logEvery && last.omitted == 0 {
			delete(l.lines, key)
		}
	}
}
