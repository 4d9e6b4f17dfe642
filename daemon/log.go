package daemon

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/sys/unix"

	"agentkeeper/systemd"
)

// NewLog returns a logger: "text" (coloured on a terminal, unless NO_COLOR is
// set), "json", or "auto", which is text on a terminal, entries with fields where
// w is standard error and leads to systemd's journal, and JSON elsewhere. level
// may change while it is in use.
func NewLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	terminal := IsTerminal(w)
	if format == "json" || (format != "text" && !terminal) {
		lines := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
		if format == "auto" && w == os.Stderr && systemd.StderrIsJournal() {
			return slog.New(systemd.NewJournal(lines))
		}
		return slog.New(lines)
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal || os.Getenv("NO_COLOR") != "",
	}))
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
