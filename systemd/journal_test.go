package systemd

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

type sent struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

// recorder is a journal; it refuses entries whose message begins with "lost".
func recorder() (log *slog.Logger, got *[]sent, fallback *bytes.Buffer) {
	got, fallback = new([]sent), new(bytes.Buffer)
	j := NewJournal(slog.NewJSONHandler(fallback, nil))
	j.send = func(message string, p journal.Priority, fields map[string]string) error {
		if strings.HasPrefix(message, "lost") {
			return errors.New("no journal")
		}
		if fields["SYSLOG_IDENTIFIER"] != "agentkeeper" || fields["SYSLOG_PID"] == "" {
			return errors.New("no identifier")
		}
		delete(fields, "SYSLOG_IDENTIFIER")
		delete(fields, "SYSLOG_PID")
		*got = append(*got, sent{message, p, fields})
		return nil
	}
	return slog.New(j), got, fallback
}

func TestJournal(t *testing.T) {
	log, got, fallback := recorder()
	at := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	log.Debug("not at this level")
	log.Info("online", "agent", "hq/291", "next_attempt", at, "code", "", "detail", "two words\nand lines")
	log.With("part", "web").WithGroup("tls").With("cipher", "x").Warn("shown", "version", 13)
	log.Error("audit", "secret", session.NewSecret("hunter2"), slog.Group("by", "uid", 7), "error", errors.New("torn"))
	want := []sent{
		{`online agent=hq/291 next_attempt=2026-11-25T20:00:00Z code="" detail="two words\nand lines"`, journal.PriInfo, map[string]string{
			"AGENTKEEPER_AGENT": "hq/291", "AGENTKEEPER_NEXT_ATTEMPT": "2026-11-25T20:00:00Z", "AGENTKEEPER_CODE": "", "AGENTKEEPER_DETAIL": "two words\nand lines"}},
		{`shown part=web tls.cipher=x tls.version=13`, journal.PriWarning, map[string]string{
			"AGENTKEEPER_PART": "web", "AGENTKEEPER_TLS_CIPHER": "x", "AGENTKEEPER_TLS_VERSION": "13"}},
		{`audit secret=*** by.uid=7 error=torn`, journal.PriErr, map[string]string{
			"AGENTKEEPER_SECRET": "***", "AGENTKEEPER_BY_UID": "7", "AGENTKEEPER_ERROR": "torn"}},
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if fallback.Len() != 0 {
		t.Errorf("the fallback got %s", fallback)
	}
}

// TestJournalAway writes to the fallback what the journal does not take, with
// all its attributes.
func TestJournalAway(t *testing.T) {
	log, got, fallback := recorder()
	log.With("part", "web").Info("lost entry", "agent", "hq/291")
	if len(*got) != 0 || !strings.Contains(fallback.String(), `"msg":"lost entry","part":"web","agent":"hq/291"`) {
		t.Errorf("journal %v, fallback %s", *got, fallback)
	}
}

func TestFieldNames(t *testing.T) {
	for key, want := range map[string]string{
		"agent":                  "AGENTKEEPER_AGENT",
		"window-left.Seconds9":   "AGENTKEEPER_WINDOW_LEFT_SECONDS9",
		"ключ":                   "AGENTKEEPER_____",
		strings.Repeat("x", 100): "AGENTKEEPER_" + strings.Repeat("X", 52),
	} {
		if got := fieldName(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if StderrIsJournal() {
		t.Error("the tests' standard error is no journal")
	}
}
