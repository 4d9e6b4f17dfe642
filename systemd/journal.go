package systemd

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// prefix begins the names of the service's own fields in the journal.
const prefix = "AGENTKEEPER_"

// StderrIsJournal reports whether standard error goes to the journal, which
// then takes entries with fields as well.
func StderrIsJournal() bool {
	is, err := journal.StderrIsJournalStream()
	return err == nil && is && journal.Enabled()
}

// Journal is a handler that writes journal entries with fields: an attribute
// agent becomes AGENTKEEPER_AGENT, the level PRIORITY. The message repeats the
// attributes, for whoever reads it without the fields. What the journal does
// not take goes to the fallback, which must be for the same levels.
type Journal struct {
	fallback slog.Handler
	send     func(message string, p journal.Priority, fields map[string]string) error
	attrs    []slog.Attr // of the logger, names complete
	group    string      // of the next attributes, with a point at its end
}

// NewJournal returns a handler in front of fallback, whose level it has.
func NewJournal(fallback slog.Handler) *Journal {
	return &Journal{fallback: fallback, send: journal.Send}
}

// Enabled implements slog.Handler.
func (j *Journal) Enabled(ctx context.Context, level slog.Level) bool {
	return j.fallback.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (j *Journal) Handle(ctx context.Context, r slog.Record) error {
	e := entry{fields: map[string]string{"SYSLOG_IDENTIFIER": "agentkeeper", "SYSLOG_PID": strconv.Itoa(os.Getpid())}}
	e.text.WriteString(r.Message)
	for _, a := range j.attrs {
		e.add("", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		e.add(j.group, a)
		return true
	})
	if err := j.send(e.text.String(), priority(r.Level), e.fields); err != nil {
		return j.fallback.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (j *Journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *j
	next.fallback = j.fallback.WithAttrs(attrs)
	next.attrs = append([]slog.Attr(nil), j.attrs...)
	for _, a := range attrs {
		a.Key = j.group + a.Key
		next.attrs = append(next.attrs, a)
	}
	return &next
}

// WithGroup implements slog.Handler.
func (j *Journal) WithGroup(name string) slog.Handler {
	next := *j
	next.fallback = j.fallback.WithGroup(name)
	if name != "" {
		next.group = j.group + name + "."
	}
	return &next
}

// entry is one entry in the making.
type entry struct {
	text   strings.Builder
	fields map[string]string
}

func (e *entry) add(group string, a slog.Attr) {
	value := a.Value.Resolve()
	if a.Key == "" && value.Kind() != slog.KindGroup {
		return
	}
	name := group + a.Key
	if value.Kind() != slog.KindGroup {
		text := textOf(value)
		e.fields[fieldName(name)] = text
		e.text.WriteString(" " + name + "=" + quoted(text))
		return
	}
	if a.Key != "" {
		name += "."
	}
	for _, member := range value.Group() {
		e.add(name, member)
	}
}

func textOf(v slog.Value) string {
	if v.Kind() == slog.KindTime {
		return v.Time().Format(time.RFC3339Nano)
	}
	return v.String()
}

// quoted is a value as the message shows it.
func quoted(text string) string {
	if text == "" || strings.ContainsAny(text, " =\"\t\r\n") {
		return strconv.Quote(text)
	}
	return text
}

// fieldName is what the journal takes as a name: capitals, digits and
// underscores, at most 64.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	const longest = 64
	return prefix + name[:min(len(name), longest-len(prefix))]
}

func priority(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
