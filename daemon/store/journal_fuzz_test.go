package store

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// FuzzJournal reads any bytes as a journal: what it gives as whole can be read,
// and it never gives a value that nobody wrote.
func FuzzJournal(f *testing.F) {
	good := appendLine(appendLine(nil, 7, "sess.0001.hq/291", []byte("value")), 8, "wish.0001.hq/291", nil)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte("\n\n 1 2 3 4\n0 0 0 0 0\n"))
	f.Add(append(bytes.Repeat([]byte("x"), 70_000), good...))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, journalName), data, 0o600))
		j, found, err := openJournal(dir, slog.New(slog.DiscardHandler))
		if err != nil || !found {
			t.Fatalf("found %v, %v", found, err)
		}
		defer j.close()
		ix, err := j.read()
		if err != nil {
			return // a line beyond all bounds
		}
		for key, e := range ix.entries {
			value, err := j.value(e)
			if e.readable() != (err == nil) {
				t.Errorf("%q: readable %v, %v", key, e.readable(), err)
			}
			if err == nil && !e.same(value) {
				t.Errorf("%q: its value is not its own", key)
			}
		}
		before := len(ix.entries)
		j.add([]line{{"sess.0002.new", []byte("v"), 9}})
		if ix, err = j.read(); err != nil || !ix.entries["sess.0002.new"].same([]byte("v")) || len(ix.entries) < before {
			t.Errorf("a line that was added is not there: %v", err)
		}
	})
}
