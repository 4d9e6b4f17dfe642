// Package atomicfile replaces files as a whole, durably: the store's small files
// and the agents' credentials are written by it.
//
// google/renameio does most of this. It does not sync the directory, so that
// after a power cut the old file may be back, and the store counts on the new
// one; with that added here it would save a dozen lines.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file, or makes it. Readers see the old content or the new,
// whole; once Write has returned nil, it is the new one after a power cut, too.
// The file has its mode, and its group where gid is not negative, before it has
// any content. It blocks for the disk.
func Write(name string, data []byte, mode fs.FileMode, gid int) (err error) {
	dir := filepath.Dir(name)
	tmp, err := os.CreateTemp(dir, ".new-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if gid >= 0 {
		if err := tmp.Chown(-1, gid); err != nil {
			return fmt.Errorf("give %s to its group: %w", name, err)
		}
	}
	if err := tmp.Chmod(mode); err != nil {
		return fmt.Errorf("set the mode of %s: %w", name, err)
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	return SyncDir(dir)
}

// SyncDir makes durable which files a directory has.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the directory %s: %w", dir, err)
	}
	return nil
}
