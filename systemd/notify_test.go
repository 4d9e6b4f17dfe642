package systemd

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// listen is a service manager: it returns what it was told, message by message.
func listen(t *testing.T) (told func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		buffer := make([]byte, 4096)
		_ = l.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := l.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func newManager() *Manager { return NewManager(slog.New(slog.DiscardHandler)) }

func TestWhatTheManagerIsTold(t *testing.T) {
	told, m := listen(t), newManager()
	if !m.Listens() {
		t.Error("the manager does not listen")
	}
	m.Ready("0 of 3 agents online")
	m.Status("0 of 3 agents online") // not again
	m.Status("3 of 3 agents online")
	done := m.Reload()
	done("3 of 3 agents online")
	m.Stopping(15*time.Second, "signing out")
	m.Status("3 of 3 agents online") // the stop has its own
	m.Reload()("too late")
	m.Extend(time.Minute, "one left")
	var got []string
	for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "EXTEND") {
		text := told()
		if before, after, ok := strings.Cut(text, "MONOTONIC_USEC="); ok {
			if after == "" {
				t.Error("a reload without its time")
			}
			text = before + "MONOTONIC_USEC"
		}
		got = append(got, text)
	}
	want := []string{
		"READY=1\nSTATUS=0 of 3 agents online",
		"STATUS=3 of 3 agents online",
		"RELOADING=1\nMONOTONIC_USEC",
		"READY=1\nSTATUS=3 of 3 agents online",
		"STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\nSTATUS=signing out",
		"EXTEND_TIMEOUT_USEC=60000000\nSTATUS=one left",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	m := newManager()
	if m.Listens() {
		t.Error("there is a manager")
	}
	m.Ready("")
	m.Reload()("")
	m.Watch(context.Background(), func() time.Time { t.Error("no watchdog asks"); return time.Time{} })
}

// TestWatchdog feeds it with moves and not with time: what stands still ends
// the feeding, what moves again begins it again.
func TestWatchdog(t *testing.T) {
	told, m := listen(t), newManager()
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", "")
	ctx, cancel := context.WithCancel(t.Context())
	beat := time.Now()
	const still, end = 5, 15 // looks
	looks := 0
	m.Watch(ctx, func() time.Time {
		if looks++; looks <= still || looks > 2*still {
			beat = beat.Add(time.Millisecond)
		}
		if looks == end {
			cancel()
		}
		return beat
	})
	m.Status("end")
	fed := 0
	for text := told(); text != "STATUS=end"; text = told() {
		if text != "WATCHDOG=1" {
			t.Fatalf("told %q", text)
		}
		fed++
	}
	if moves := (still - 1) + (end - 2*still); fed != moves {
		t.Errorf("fed %d times in %d looks, want %d", fed, looks, moves)
	}
}

func TestWatchdogOfAnotherProcess(t *testing.T) {
	listen(t)
	t.Setenv("WATCHDOG_USEC", "1000")
	t.Setenv("WATCHDOG_PID", "1")
	newManager().Watch(t.Context(), func() time.Time { t.Error("asked"); return time.Time{} })
}
