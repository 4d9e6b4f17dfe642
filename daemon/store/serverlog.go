package store

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// serverLog hands the server's own log on: what it notices at debug level,
// what worries it as a warning. It remembers why a start failed.
type serverLog struct {
	log   *slog.Logger
	fatal atomic.Pointer[string]
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf(format, v...)) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log.Warn(fmt.Sprintf(format, v...)) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.fatal.Store(&text)
	l.log.Warn(text)
}

// failure returns what stopped the start, "" for nothing.
func (l *serverLog) failure() string {
	if text := l.fatal.Load(); text != nil {
		return *text
	}
	return ""
}
