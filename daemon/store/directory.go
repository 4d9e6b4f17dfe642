package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"agentkeeper/daemon/atomicfile"
)

// ErrLocked means that another process has the directory; try again when it
// has ended.
var ErrLocked = errors.New("another process uses the store's directory")

const (
	modeEmbedded = "embedded"
	probeSize    = 1 << 20
	probeFiles   = 64 // more than the server's start has open
)

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

// prepareDir checks whose directory this is and takes other people's rights
// from everything in it. What a disk that cannot be written keeps it from is
// done at a later start.
func prepareDir(dir string, log *slog.Logger) error {
	if err := checkMode(dir, log); err != nil {
		return err
	}
	if err := tighten(dir); err != nil {
		log.Warn("store: other users' rights to its files cannot be taken away", "error", err)
	}
	return nil
}

// checkMode refuses a directory that belongs to a cluster's member: a server
// that starts on it in the wrong mode deletes what it does not know. A file
// that a crash or a bad sector garbled is written anew: what such a member has
// beside it tells a member's directory, too.
func checkMode(dir string, log *slog.Logger) error {
	name := filepath.Join(dir, "mode")
	data, err := os.ReadFile(name)
	mode := strings.TrimSpace(string(data))
	switch {
	case err == nil && mode == modeEmbedded:
		return nil
	case clustered(dir):
		return fmt.Errorf("%s belongs to a member of a cluster: give this process a directory of its own", dir)
	case err == nil && word(mode):
		return fmt.Errorf("%s says %q, want %q: give this process a directory of its own", name, mode, modeEmbedded)
	case err != nil && !errors.Is(err, fs.ErrNotExist), mode != "":
		log.Warn("store: the file that says which kind of store this is was damaged; written anew", "file", name, "content", fmt.Sprintf("%.40q", mode), "error", err)
	}
	if err := writeFile(name, []byte(modeEmbedded+"\n")); err != nil {
		log.Warn("store: the file that says which kind of store this is cannot be written; trying again at the next start", "error", err)
	}
	return nil
}

// clustered reports whether the state of a cluster's consensus lies in dir.
func clustered(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_SYSTEM_ACCOUNT, "_js_"))
	return err == nil
}

// word reports whether another program, or another version of this one, may
// have written mode: damage makes no other mode out of ours.
func word(mode string) bool { return slices.Contains([]string{"cluster", "shared", "node"}, mode) }

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

// writeFile replaces a file as a whole. Only the owner can read it.
func writeFile(name string, data []byte) error { return atomicfile.Write(name, data, 0o600, -1) }

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
