package callback

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	logEvery = time.Minute // a line for one platform and cause
	logKinds = 200         // that are told apart; anybody can invent names
)

// limited logs a line for each platform and cause once a minute, with the
// number of those that were left out.
type limited struct {
	log *slog.Logger

	mu    sync.Mutex
	lines map[string]*lately
}

type lately struct {
	at   time.Time
	more int
}

func newLimited(log *slog.Logger) *limited { return &limited{log: log, lines: map[string]*lately{}} }

func (l *limited) warn(platform, cause string, attrs ...slog.Attr) {
	repeats, due := l.due(platform + " " + cause)
	if !due {
		return
	}
	attrs = append([]slog.Attr{slog.String("platform", platform), slog.String("cause", cause)}, attrs...)
	if repeats > 0 {
		attrs = append(attrs, slog.Int("repeats", repeats))
	}
	l.log.LogAttrs(context.Background(), slog.LevelWarn, "callback refused", attrs...)
}

// due reports whether a line may be written now, and how many were left out
// since the last one.
func (l *limited) due(key string) (repeats int, due bool) {
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
		l.lines[key] = &lately{at: now}
		return 0, true
	case now.Sub(last.at) < logEvery:
		last.more++
		return 0, false
	}
	repeats, last.at, last.more = last.more, now, 0
	return repeats, true
}

// forget drops what is old and has nothing to add. The caller holds mu.
func (l *limited) forget(now time.Time) {
	for key, last := range l.lines {
		if now.Sub(last.at) >= logEvery && last.more == 0 {
			delete(l.lines, key)
		}
	}
}

// Write takes what the HTTP server has to say: connections that failed, such as
// those of a platform that does not trust the certificate.
func (l *limited) Write(p []byte) (int, error) {
	l.warn("", "connection", slog.String("detail", strings.TrimSpace(string(p))))
	return len(p), nil
}
