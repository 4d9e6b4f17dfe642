package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another process has the directory; try again when it
// has ended.
var ErrLocked = errors.New("another process uses the store's directory")

const (
	modeEmbedded = "embedded"
	hashKeySize  = 32
	probeSize    = 1 << 20
	probeFiles   = 64 // more than the server's start has open
)

// claimDir creates dir where needed, locks it, checks whose it is and takes
// other people's rights from everything in it. The lock ends with the file.
func claimDir(dir string) (lock *os.File, err error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	for _, step := range []func(string) error{checkMode, tighten} {
		if err := step(dir); err != nil {
			_ = lock.Close()
			return nil, err
		}
	}
	return lock, nil
}

// makeDir leaves the mode of a directory that exists as it is.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create the store's directory: %w", err)
	}
	return nil
}

func lockDir(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store's lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
	}
	return nil, fmt.Errorf("lock %s: %w", name, err)
}

// checkMode refuses a directory that belongs to a cluster's member: a server
// that starts on it in the wrong mode deletes what it does not know.
func checkMode(dir string) error {
	name := filepath.Join(dir, "mode")
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the store's mode: %w", err)
	}
	switch mode := strings.TrimSpace(string(data)); mode {
	case modeEmbedded:
		return nil
	case "":
		return writeFile(name, []byte(modeEmbedded+"\n"))
	default:
		return fmt.Errorf("%s says %q, want %q: give this process a directory of its own", name, mode, modeEmbedded)
	}
}

// tighten takes every right of group and others from what lies in dir, for
// files that were copied back with wider modes.
func tighten(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." || !(d.Type().IsRegular() || d.IsDir()) {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			return err
		}
		return root.Chmod(path, info.Mode().Perm()&0o700)
	})
}

// writeFile replaces a file as a whole: after a crash it is the old or the new
// one. Only the owner can read it.
func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // fails once it is renamed
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// hashKey reads or makes the key of Hash. A damaged one is replaced: then every
// secret looks changed once.
func hashKey(dir string) ([]byte, error) {
	name := filepath.Join(dir, "hash.key")
	key, err := os.ReadFile(name)
	if err == nil && len(key) == hashKeySize {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the hash key: %w", err)
	}
	key = make([]byte, hashKeySize)
	_, _ = rand.Read(key) // never fails
	return key, writeFile(name, key)
}

// probe tells whether the server could work in dir: with disk space and file
// descriptors to spare.
func probe(dir string) error {
	name := filepath.Join(dir, "probe")
	defer func() { _ = os.Remove(name) }()
	if err := writeFile(name, bytes.Repeat([]byte{0xA5}, probeSize)); err != nil {
		return err
	}
	files := make([]*os.File, 0, probeFiles)
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for range probeFiles { // all are open at once
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("not enough file descriptors left for the store: %w", err)
		}
		files = append(files, f)
	}
	return nil
}
