package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// askName bounds the question who has the store's name.
const askName = 5 * time.Second

// place is the store's directory as this process holds it: locked, and known
// again by its device and inode, so that another one under the same name is
// noticed. The directory itself is locked, which needs no room on its disk and
// cannot be deleted apart from it; the file "lock" in it is locked, too, for
// file systems that lock no directories. A name in the network namespace keeps
// a second process out even where somebody has replaced the whole directory.
type place struct {
	dir  string
	log  *slog.Logger
	name net.Listener // nil: the system has no such names
	root *os.File

	mu   sync.Mutex
	lock *os.File // nil: it could not be made
}

// detachedError says that what lies under the store's name is not, or no
// longer, what this process holds.
type detachedError struct {
	path string
	what string
}

func (e *detachedError) Error() string { return fmt.Sprintf("%s %s", e.path, e.what) }

// claimPlace creates dir where needed and locks it. The lock ends with close.
func claimPlace(dir string, log *slog.Logger) (*place, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	p := &place{dir: dir, log: log}
	if err := p.claim(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *place) claim() (err error) {
	if p.name, err = claimName(p.dir); err != nil {
		return err
	}
	return p.hold()
}

// hold locks what lies under the directory's name now.
func (p *place) hold() (err error) {
	if p.root, err = os.Open(p.dir); err != nil {
		return fmt.Errorf("open the store's directory: %w", err)
	}
	err = flock(p.root)
	locked := err == nil
	if errors.Is(err, ErrLocked) {
		return err
	}
	p.lock, err = lockFile(p.dir)
	switch {
	case errors.Is(err, ErrLocked):
		return err
	case err != nil && !locked:
		return fmt.Errorf("lock the store: %w", err)
	case err != nil:
		p.log.Warn("store: its lock file cannot be made; the directory is locked", "error", err)
	}
	return nil
}

func (p *place) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range []*os.File{p.lock, p.root} {
		if f != nil {
			_ = f.Close()
		}
	}
	if p.name != nil {
		_ = p.name.Close()
	}
}

// flock locks an open file or directory for this process.
func flock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", f.Name(), ErrLocked)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// lockFile locks the file "lock" in dir. One that cannot be written is locked
// all the same.
func lockFile(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		readable, again := os.Open(name)
		if again != nil {
			return nil, err
		}
		f = readable
	}
	if err := flock(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// claimName takes a name, made of the directory's path, that no second process
// in this network namespace can have and that no file stands for. A stranger's
// process that has it is not obeyed.
func claimName(dir string) (net.Listener, error) {
	if runtime.GOOS != "linux" {
		return nil, nil //nolint:nilnil // no name, no trouble
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the store's directory: %w", err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	name := fmt.Sprintf("@agentkeeper-store-%x", sha256.Sum256([]byte(path)))
	l, err := net.Listen("unix", name)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, unix.EADDRINUSE) && ours(name):
		return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
	}
	return nil, nil //nolint:nilnil // the locks in the directory have to do
}

// ours reports whether a process of this user or of root has the name.
func ours(name string) bool {
	d := net.Dialer{Timeout: askName}
	c, err := d.DialContext(context.Background(), "unix", name)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		same = err == nil && (peer.Uid == 0 || int(peer.Uid) == os.Geteuid())
	})
	return err == nil && same
}

// check says what is not where this process holds it. A lock file that is gone
// is made anew.
func (p *place) check() error {
	held, err := p.root.Stat()
	if err != nil {
		return fmt.Errorf("look at the store's directory: %w", err)
	}
	now, err := os.Stat(p.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &detachedError{p.dir, "is gone: somebody removed or renamed it, or its file system is not mounted"}
	case err != nil:
		return fmt.Errorf("look at the store's directory: %w", err)
	case !os.SameFile(held, now):
		return &detachedError{p.dir, "is another directory than the one that this process has locked"}
	}
	return p.checkLock()
}

func (p *place) checkLock() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lock == nil {
		return nil
	}
	held, err := p.lock.Stat()
	if err != nil {
		return fmt.Errorf("look at the store's lock: %w", err)
	}
	name := filepath.Join(p.dir, "lock")
	if now, err := os.Stat(name); err == nil && os.SameFile(held, now) {
		return nil
	}
	again, err := lockFile(p.dir)
	if errors.Is(err, ErrLocked) {
		return &detachedError{name, "was replaced, and another process has the new one"}
	}
	if err != nil {
		p.log.Warn("store: somebody removed its lock file, which cannot be made anew; the directory is locked", "error", err)
		return nil
	}
	p.log.Warn("store: somebody removed its lock file; made and locked a new one", "file", name)
	_ = p.lock.Close()
	p.lock = again
	return nil
}

// again takes the directory that lies under the name now, where it is another
// one than the held one; moved tells. One that somebody else has locked stays
// theirs.
func (p *place) again() (moved bool, err error) {
	var gone *detachedError
	if err := p.check(); err == nil || !errors.As(err, &gone) {
		return false, err
	}
	if err := makeDir(p.dir); err != nil {
		return false, errors.Join(gone, err)
	}
	next := &place{dir: p.dir, log: p.log}
	if err := next.hold(); err != nil {
		next.close()
		return false, errors.Join(gone, err)
	}
	p.mu.Lock()
	old := []*os.File{p.lock, p.root}
	p.lock, p.root = next.lock, next.root
	p.mu.Unlock()
	for _, f := range old {
		if f != nil {
			_ = f.Close()
		}
	}
	p.log.Warn("store: took the directory that lies under its name now", "dir", p.dir, "was", gone.Error())
	return true, nil
}
