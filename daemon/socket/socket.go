// Package socket opens the service's unix sockets.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Listen opens a unix socket for owner and group, and its directory where that
// is missing. A socket that a dead process left behind is replaced; one that
// answers is not. what and key name the socket and its place in the
// configuration to whoever reads an error. It changes the process's umask for
// a moment: call it while nothing else makes files.
func Listen(path, what, key string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the directory of the %s: %w", what, err)
	}
	if err := removeStale(path, what, key); err != nil {
		return nil, err
	}
	old := syscall.Umask(0o117) // no moment in which others could connect
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("open the %s: %w", what, err)
	}
	return l, nil
}

func removeStale(path, what, key string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the %s: %w", what, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket: remove it or set `%s` to another path", path, key)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return fmt.Errorf("another process answers on the %s %s: stop it or set `%s` to another path", what, path, key)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the stale %s: %w", what, err)
	}
	return nil
}
