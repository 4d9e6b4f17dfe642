package store

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"agentkeeper/daemon/atomicfile"
)

// rewrite is a journal's successor while it is written: it takes the place of
// the old one as a whole, by commit, or never. The lines that are added
// meanwhile come behind all others.
type rewrite struct {
	journal *journal
	dir     string
	file    *os.File
	out     *bufio.Writer
	size    int64
	buf     []byte
	late    []byte // the lines added meanwhile; the journal's lock guards them
}

// rewriteIn begins a successor in a directory, which need not be the one that
// the journal lies in. commit or abandon ends it.
func (j *journal) rewriteIn(dir string) (*rewrite, error) {
	f, err := os.CreateTemp(dir, journalName+".new-*") // for the owner alone
	if err != nil {
		return nil, fmt.Errorf("write the second copy of the records: %w", err)
	}
	w := &rewrite{journal: j, dir: dir, file: f, out: bufio.NewWriterSize(f, 256<<10)}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rewrite = w
	return w, nil
}

func (w *rewrite) line(revision uint64, key string, value []byte) error {
	w.buf = appendLine(w.buf[:0], revision, key, value)
	n, err := w.out.Write(w.buf)
	w.size += int64(n)
	return err
}

// abandon removes what was written; it does nothing after commit.
func (w *rewrite) abandon() {
	if w.file == nil {
		return
	}
	w.journal.mu.Lock()
	w.journal.rewrite = nil
	w.journal.mu.Unlock()
	_ = w.file.Close()
	_ = os.Remove(w.file.Name())
}

// commit makes the successor durable and puts it in the old one's place.
func (w *rewrite) commit() error {
	if err := errors.Join(w.out.Flush(), w.file.Sync()); err != nil {
		return fmt.Errorf("write the second copy of the records: %w", err)
	}
	j := w.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := w.file.WriteAt(w.late, w.size); err != nil {
		return fmt.Errorf("write the second copy of the records: %w", err)
	}
	if err := os.Rename(w.file.Name(), filepath.Join(w.dir, journalName)); err != nil {
		return fmt.Errorf("write the second copy of the records: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close()
	}
	w.size += int64(len(w.late))
	j.file, j.rewrite = w.file, nil
	j.size, j.compact = w.size, w.size
	j.behind, j.dirty = false, len(w.late) > 0
	w.file = nil
	return atomicfile.SyncDir(w.dir)
}

// squeeze writes the journal anew without outdated lines, while others go on
// adding some.
func (j *journal) squeeze(dir string) error {
	w, err := j.rewriteIn(dir) // first: from now on it takes every line
	if err != nil {
		return err
	}
	defer w.abandon()
	ix, err := j.read()
	if err != nil {
		return err
	}
	for _, key := range ix.inOrder() {
		e := ix.entries[key]
		value, err := j.value(e)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := w.line(e.revision, key, value); err != nil {
			return err
		}
	}
	return w.commit()
}

// inOrder lists the keys as they lie in the file.
func (ix index) inOrder() []string {
	keys := make([]string, 0, len(ix.entries))
	for key := range ix.entries {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(ix.entries[a].at, ix.entries[b].at) })
	return keys
}
