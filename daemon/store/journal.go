package store

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// The journal is the second copy of every record: a text file beside the
// server's own files that gets a line for each write which the server has
// acknowledged, before the caller hears of it. The server drops whatever lies
// behind a damaged byte of its files without a word; compared with the journal,
// what is missing is known, and it is written again.
//
// A line never tells of a write that the server does not have on disk, so a
// journal that lags (an append that failed, a power cut: it is synced only now
// and then) never raises a false alarm.
//
// A line is
//
//	KEYSUM REVISION KEY VALUESUM VALUE
//
// with CRC-32C sums, in hexadecimal, of "REVISION KEY" and of VALUE, which is in
// base64; no value is a tombstone. The last line about a key holds.
const (
	journalName = "records.journal"
	compactFrom = 1 << 20 // bytes of lines since the last compaction, at least
	maxLine     = 2 * maxPayload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal is safe for concurrent use.
type journal struct {
	log *slog.Logger

	mu      sync.Mutex
	file    *os.File // held open: it can be read after somebody has deleted it
	size    int64    // up to the end of the last whole line
	compact int64    // the size after the last compaction
	behind  bool     // a line could not be appended
	dirty   bool     // lines are not synced
	buf     []byte
	rewrite *rewrite // under way: takes every line, too; nil: none
}

// entry is the last line about a key.
type entry struct {
	revision uint64
	at       int64 // of the value's text
	length   int
	sum      uint32 // of the value's text
}

// index is what a journal holds.
type index struct {
	entries map[string]entry
	damaged int // lines that cannot be read, or whose value cannot
}

// openJournal opens the journal of a directory, or makes one; found is false
// where there was none. Where it cannot be made (a full disk) it has no file,
// and is behind.
func openJournal(dir string, log *slog.Logger) (j *journal, found bool, err error) {
	j = &journal{log: log, behind: true}
	name := filepath.Join(dir, journalName)
	for _, leftover := range leftovers(dir) {
		_ = os.Remove(leftover) // a compaction that a crash ended; a full disk keeps it
	}
	j.file, err = os.OpenFile(name, os.O_RDWR, 0o600)
	if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) {
		j.file, err = os.Open(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return j, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("open the second copy of the records: %w", err)
	}
	info, err := j.file.Stat()
	if err != nil {
		_ = j.file.Close()
		return nil, false, fmt.Errorf("open the second copy of the records: %w", err)
	}
	j.size = info.Size()
	j.compact = info.Size()
	j.behind = false
	return j, true, nil
}

func leftovers(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, journalName+".new-*"))
	return found
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		if j.dirty {
			_ = j.file.Sync() // the server has everything, synced
		}
		_ = j.file.Close()
	}
	j.file, j.behind = nil, true
}

// kept reports whether a key's writes are in the journal: all but those of who
// owns what, which every start writes anew.
func kept(key string) bool {
	return !strings.HasPrefix(key, "node.") && !strings.HasPrefix(key, "shard.")
}

func appendLine(b []byte, revision uint64, key string, value []byte) []byte {
	head := strconv.FormatUint(revision, 10) + " " + key
	text := base64.RawStdEncoding.EncodeToString(value)
	return fmt.Appendf(b, "%08x %s %08x %s\n", sum(head), head, sum(text), text)
}

func sum[T string | []byte](text T) uint32 { return crc32.Checksum([]byte(text), castagnoli) }

// line is one write on its way to the journal.
type line struct {
	key      string
	value    []byte
	revision uint64
}

// add appends lines. It does not fail: a journal that could not take a line
// lags, and is written anew by tend.
func (j *journal) add(lines []line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(lines) == 0 || (j.behind && j.rewrite == nil) {
		return
	}
	j.buf = j.buf[:0]
	for _, l := range lines {
		j.buf = appendLine(j.buf, l.revision, l.key, l.value)
	}
	if cap(j.buf) > 1<<20 {
		defer func() { j.buf = nil }()
	}
	if j.rewrite != nil {
		j.rewrite.late = append(j.rewrite.late, j.buf...)
	}
	if j.behind {
		return
	}
	if _, err := j.file.WriteAt(j.buf, j.size); err != nil {
		j.behind = true
		j.log.Warn("store: the second copy of the records cannot be written; it is written anew when it can be", "error", err)
		return
	}
	j.size += int64(len(j.buf))
	j.dirty = true
}

// read returns what the journal holds. A last line without its end was not
// finished, and is none.
func (j *journal) read() (index, error) {
	ix := index{entries: map[string]entry{}}
	j.mu.Lock()
	file, size := j.file, j.size
	j.mu.Unlock()
	if file == nil {
		return ix, nil
	}
	end, err := ix.readFrom(io.NewSectionReader(file, 0, size))
	if err != nil {
		return ix, fmt.Errorf("read the second copy of the records: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size == size {
		j.size = end // the next line replaces what was not finished
	}
	return ix, nil
}

// readFrom returns where the last whole line ends.
func (ix *index) readFrom(r io.Reader) (end int64, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			text, err = longLine(lines, text)
		}
		switch {
		case errors.Is(err, io.EOF):
			return end, nil
		case err != nil:
			return end, err
		}
		key, e, ok := parseLine(text[:len(text)-1])
		e.at += end
		end += int64(len(text))
		if key != "" {
			ix.entries[key] = e
		}
		if !ok {
			ix.damaged++
		}
	}
}

// longLine reads the rest of a line that does not fit the reader's buffer.
func longLine(r *bufio.Reader, begin []byte) ([]byte, error) {
	text := slices.Clone(begin)
	for {
		part, err := r.ReadSlice('\n')
		if text = append(text, part...); !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
		if len(text) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}

// parseLine reads one line without its end. A line whose key can be read and
// whose value cannot has a key and is not ok.
func parseLine(text []byte) (key string, e entry, ok bool) {
	f := bytes.SplitN(text, []byte{' '}, 5)
	if len(f) != 5 || !hasSum(f[0], text[len(f[0])+1:len(f[0])+1+len(f[1])+1+len(f[2])]) {
		return "", entry{}, false
	}
	revision, err := strconv.ParseUint(string(f[1]), 10, 64)
	if err != nil {
		return "", entry{}, false
	}
	e = entry{revision: revision, at: int64(len(text) - len(f[4])), length: len(f[4]), sum: sum(f[4])}
	if !hasSum(f[3], f[4]) {
		e.length = -1
	}
	return string(f[2]), e, e.length >= 0
}

func hasSum(hex, text []byte) bool { return string(hex) == fmt.Sprintf("%08x", sum(text)) }

// readable reports whether the entry's value was whole when it was read.
func (e entry) readable() bool { return e.length >= 0 }

// same reports whether a value is the entry's.
func (e entry) same(value []byte) bool {
	return e.readable() && e.sum == sum(base64.RawStdEncoding.EncodeToString(value))
}

// value reads an entry's value.
func (j *journal) value(e entry) ([]byte, error) {
	j.mu.Lock()
	file := j.file
	j.mu.Unlock()
	if file == nil || !e.readable() {
		return nil, errors.New("the second copy of a record cannot be read")
	}
	text := make([]byte, e.length)
	if _, err := file.ReadAt(text, e.at); err != nil {
		return nil, fmt.Errorf("read the second copy of a record: %w", err)
	}
	if sum(text) != e.sum {
		return nil, errors.New("the second copy of a record has changed")
	}
	return base64.RawStdEncoding.AppendDecode(nil, text)
}

// pairs returns the living keys that can be read, for a start without a server.
func (j *journal) pairs(ix index) (list []pair) {
	for key, e := range ix.entries {
		value, err := j.value(e)
		if err == nil && len(value) > 0 {
			list = append(list, pair{key, value})
		}
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return list
}

// due reports whether the journal lacks lines, or most of it is outdated.
func (j *journal) due() (behind, long bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.behind, j.size-j.compact > max(compactFrom, j.compact)
}

// distrust makes the journal be written anew.
func (j *journal) distrust() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind = true
}

// sync makes durable what was appended.
func (j *journal) sync() {
	j.mu.Lock()
	file, dirty := j.file, j.dirty
	j.dirty = false
	j.mu.Unlock()
	if dirty && file != nil {
		_ = file.Sync() // tried again after the next line; the server has everything
	}
}
