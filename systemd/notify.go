package systemd

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// Manager is the service manager that started the process. Its methods may be
// called from any goroutine; they do not wait for it.
type Manager struct {
	log *slog.Logger

	mu       sync.Mutex
	status   string
	stopping bool
}

// NewManager returns the manager that the environment names, by NOTIFY_SOCKET
// and WATCHDOG_USEC.
func NewManager(log *slog.Logger) *Manager { return &Manager{log: log} }

// Listens reports whether there is a manager that wants to be told.
func (m *Manager) Listens() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Ready says that the start is complete.
func (m *Manager) Ready(status string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping {
		return
	}
	m.status = status
	m.send(sd.SdNotifyReady, "STATUS="+status)
}

// Reload says that a reload begins; done, to be called once, that it is over,
// whatever came of it.
func (m *Manager) Reload() (done func(status string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopping {
		// The time tells a reload from one that began before the request.
		m.send(sd.SdNotifyReloading, sd.SdNotifyMonotonicUsec())
	}
	return m.Ready
}

// Stopping says that the stop begins and takes at least so long; ask for more
// with Extend. Nothing is ready from here on.
func (m *Manager) Stopping(atLeast time.Duration, status string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopping = true
	m.status = status
	m.send(sd.SdNotifyStopping, extend(atLeast), "STATUS="+status)
}

// Extend asks for at least so much more time from now on to start or to stop in,
// beyond the unit's TimeoutStartSec or TimeoutStopSec; a process that no longer
// asks is killed then.
func (m *Manager) Extend(atLeast time.Duration, status string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = status
	m.send(extend(atLeast), "STATUS="+status)
}

// Status shows one line of text in `systemctl status`. It is sent only when it
// differs from the last one.
func (m *Manager) Status(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping || text == m.status {
		return
	}
	m.status = text
	m.send("STATUS=" + text)
}

func (m *Manager) alive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.send(sd.SdNotifyWatchdog)
}

func (m *Manager) send(assignments ...string) {
	if _, err := sd.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		m.log.Warn("the service manager cannot be told", "message", assignments[0], "error", err)
	}
}

func extend(d time.Duration) string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()) }
