package daemon

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/systemd"
)

// A store that takes long to open must not be cut by systemd: a crash that left
// gigabytes of events would otherwise never come up again.
func TestStartAsksForTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	asked := func() (n int) {
		t.Helper()
		buffer := make([]byte, 4096)
		for {
			_ = l.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			size, err := l.Read(buffer)
			if err != nil {
				return n
			}
			if got, want := string(buffer[:size]), "EXTEND_TIMEOUT_USEC=15000000\nSTATUS=opening the store"; got != want {
				t.Fatalf("systemd is told %q, want %q", got, want)
			}
			n++
		}
	}
	for took, want := range map[time.Duration]int{500 * time.Millisecond: 0, 3500 * time.Millisecond: 3} {
		synctest.Test(t, func(*testing.T) {
			d := &Daemon{manager: systemd.NewManager(slog.New(slog.DiscardHandler))}
			told := d.tellStart()
			time.Sleep(took)
			told()
			time.Sleep(time.Minute)
		})
		if got := asked(); got != want {
			t.Errorf("a start of %v asks for time %d times, want %d", took, got, want)
		}
	}
}
