package daemon

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"agentkeeper/systemd"
)

// A store that takes long to open must not be cut by systemd: a crash that left
// gigabytes of events would otherwise never come up again. A stop meanwhile must
// not be put off by that.
func TestStartAsksForTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	asked := func(within time.Duration) string {
		buffer := make([]byte, 4096)
		_ = l.SetReadDeadline(time.Now().Add(within))
		n, _ := l.Read(buffer)
		return string(buffer[:n])
	}
	d := &Daemon{parts: parts{manager: systemd.NewManager(slog.New(slog.DiscardHandler))}}
	var asking tasks
	asking.start(d.askToStart())
	const want = "EXTEND_TIMEOUT_USEC=15000000\nSTATUS=opening the store"
	if got := asked(time.Minute); got != want {
		t.Errorf("systemd is told %q, want %q", got, want)
	}
	if err := unix.Kill(unix.Getpid(), unix.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	asked(100 * time.Millisecond) // one may be on its way
	if got := asked(askEvery * 3 / 2); got != "" {
		t.Errorf("after a signal systemd is told %q", got)
	}
	asking.end()
}
