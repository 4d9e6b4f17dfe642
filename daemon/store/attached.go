package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// files are the server's files as they were at an engine's start. Whoever
// removes them takes nothing from the server, which holds them open and goes on
// acknowledging writes to them; but no next process would find those.
type files struct {
	mu   sync.Mutex
	dirs map[string]os.FileInfo // of the streams' messages
	last map[string]int         // the highest number of a block of messages
}

// remember notes where the streams are.
func (e *engine) remember() error {
	e.files.mu.Lock()
	defer e.files.mu.Unlock()
	e.files.dirs, e.files.last = map[string]os.FileInfo{}, map[string]int{}
	for _, stream := range []string{keeperName, eventsName} {
		info, err := os.Stat(filepath.Join(streamDir(e.dir, stream), "msgs"))
		if err != nil {
			return fmt.Errorf("look at the store's files: %w", err)
		}
		e.files.dirs[stream] = info
	}
	return nil
}

// attached says what is no longer where it was. It costs a few system calls.
func (e *engine) attached() error {
	if e.place == nil {
		return nil
	}
	if err := e.place.check(); err != nil {
		return err
	}
	e.files.mu.Lock()
	defer e.files.mu.Unlock()
	for stream, was := range e.files.dirs {
		dir := filepath.Join(streamDir(e.dir, stream), "msgs")
		now, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &detachedError{dir, "is gone: somebody removed it while this process was using it"}
		case err != nil:
			return fmt.Errorf("look at the store's files: %w", err)
		case !os.SameFile(was, now):
			return &detachedError{dir, "was replaced while this process was using it"}
		}
		if err := e.files.blocks(stream, dir); err != nil {
			return err
		}
	}
	return nil
}

// blocks makes sure that the newest block of messages is there: the server never
// removes it itself.
func (f *files) blocks(stream, dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("look at the store's files: %w", err)
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("look at the store's files: %w", err)
	}
	last := 0
	for _, name := range names {
		if digits, ok := strings.CutSuffix(name, ".blk"); ok {
			if n, err := strconv.Atoi(digits); err == nil {
				last = max(last, n)
			}
		}
	}
	if last < f.last[stream] {
		return &detachedError{filepath.Join(dir, fmt.Sprintf("%d.blk", f.last[stream])), "is gone: somebody removed it while this process was using it"}
	}
	f.last[stream] = last
	return nil
}
