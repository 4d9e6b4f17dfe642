package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A server that fails to open a stream at its start, be it for want of a file
// descriptor, deletes the stream's directory. So for the time of a start a
// second name, a hard link, guards each of the streams' files; deleting the
// first names then loses nothing. The links cost no space, and their
// directories stay for the next start, because a full disk grants no new ones.

func guardDir(dir, stream string) string { return filepath.Join(dir, "guard", stream) }

// streamsOn lists the streams of which something is on disk.
func streamsOn(dir string) (names []string) {
	for _, name := range []string{keeperName, eventsName} {
		if entries, err := os.ReadDir(streamDir(dir, name)); err == nil && len(entries) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// guard protects the streams before a start. A start that nobody survived is
// made up for first.
func guard(set settings) error {
	if err := putBack(set); err != nil {
		return err
	}
	if err := unguard(set.dir); err != nil {
		return err
	}
	for _, stream := range streamsOn(set.dir) {
		if err := linkAll(streamDir(set.dir, stream), guardDir(set.dir, stream)); err != nil {
			return fmt.Errorf("guard stream %s for the server's start: %w", stream, err)
		}
	}
	return nil
}

// hasMessages reports whether a stream's files of messages are there. That its
// directory is proves nothing: the server may be deleting it still, or its
// description was restored into a new one.
func hasMessages(dir string) bool {
	found, _ := fs.Glob(os.DirFS(dir), "msgs/*") // a missing directory has none
	return len(found) > 0
}

// putBack gives streams that the server deleted back to their place. A stream
// whose messages are there keeps what the server made of it.
func putBack(set settings) error {
	for _, stream := range []string{keeperName, eventsName} {
		from, to := guardDir(set.dir, stream), streamDir(set.dir, stream)
		if hasMessages(to) || len(guarded(from)) == 0 {
			continue
		}
		set.log.Warn("store: the server deleted a stream that it could not open; put it back", "stream", stream)
		if err := linkAll(from, to); err != nil {
			return fmt.Errorf("put stream %s back: %w", stream, err)
		}
	}
	return nil
}

// unguard ends the protection after a good start.
func unguard(dir string) error {
	for _, stream := range []string{keeperName, eventsName} {
		for _, name := range guarded(guardDir(dir, stream)) {
			if err := os.Remove(filepath.Join(guardDir(dir, stream), name)); err != nil {
				return fmt.Errorf("end the guard of stream %s: %w", stream, err)
			}
		}
	}
	return nil
}

// guarded lists a stream's files that are worth a guard: its description, its
// messages and how far its consumers have come, but no batch under way.
func guarded(dir string) (names []string) {
	for _, pattern := range append([]string{filepath.Join("msgs", "*"), filepath.Join("obs", "*", "*")}, descriptionFiles...) {
		found, _ := fs.Glob(os.DirFS(dir), pattern) // a missing directory has none
		names = append(names, found...)
	}
	return names
}

// linkAll links the guarded files of one directory into another one, which it
// creates if there are any.
func linkAll(from, to string) error {
	for _, name := range guarded(from) {
		link := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			return err
		}
		if err := os.Link(filepath.Join(from, name), link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
