package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// rootsVariable names the root directories that machines are booted from,
// separated by blanks; test/systemd.sh makes some and sets it. Without it a
// machine is a copy of the one that the tests run on.
const rootsVariable = "AGENTKEEPER_TEST_ROOTS"

// machine has a systemd of its own, as its first process; see machine.sh.
type machine struct {
	t       *testing.T
	name    string
	version string // of its systemd
	leader  int    // the first process, as seen from here
}

var machines atomic.Int32 // booted so far; their names differ

// onMachines runs a test on a machine of each root, or skips it and says why.
func onMachines(t *testing.T, test func(t *testing.T, m *machine)) {
	t.Helper()
	roots := strings.Fields(os.Getenv(rootsVariable))
	if len(roots) == 0 {
		roots = []string{"/"}
	}
	if why := noMachine(roots); why != nil {
		t.Skipf("no systemd can be booted here: %v", why)
	}
	for _, root := range roots {
		t.Run(filepath.Base(root), func(t *testing.T) {
			t.Parallel()
			test(t, boot(t, root))
		})
	}
}

// noMachine says why a machine cannot boot.
func noMachine(roots []string) error {
	if os.Getuid() != 0 {
		return errors.New("only root can")
	}
	for _, root := range roots {
		for _, program := range []string{"lib/systemd/systemd", "usr/bin/dbus-daemon", "usr/bin/systemd-analyze"} {
			if _, err := os.Stat(filepath.Join(root, program)); err != nil {
				return fmt.Errorf("%w (sh test/install.sh installs it)", err)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err == nil && !strings.Contains(string(mounts), " cgroup2 ") {
		err = errors.New("no cgroup2 is mounted")
	}
	return err
}

// boot starts a machine and waits until it is up. It ends with the test.
func boot(t *testing.T, root string) *machine {
	t.Helper()
	m := &machine{t: t, name: fmt.Sprintf("keeper%d-%d", os.Getpid(), machines.Add(1))}
	cmd := exec.Command("sh", "machine.sh", "boot", m.name, root)
	cmd.Env = os.Environ()
	t.Cleanup(func() {
		if out, err := exec.Command("sh", "machine.sh", "sweep", m.name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	p := start(t, cmd) // killed before the sweep, and everything in the machine with it
	t.Cleanup(func() {
		if t.Failed() {
			manager, _ := m.try("journalctl", "--no-pager", "-n", "40", "_PID=1")
			warnings, _ := m.try("journalctl", "--no-pager", "-n", "40", "-p", "warning")
			t.Logf("the machine's journal, of systemd:\n%s\nwarnings:\n%s", manager, warnings)
		}
	})
	within(t, patience, "the machine's first process", func() error { return m.findLeader(p) })
	within(t, patience, "the machine's start", func() error {
		if p.ended() {
			t.Fatalf("the machine ended: %s", p.err.String())
		}
		switch out, err := m.try("systemctl", "is-system-running"); strings.TrimSpace(out) {
		case "running", "degraded":
			return nil
		default:
			return fmt.Errorf("%s %w", out, err)
		}
	})
	m.version = strings.Fields(m.run("systemctl", "--version"))[1]
	t.Logf("systemd %s", m.version)
	return m
}

// findLeader looks for the child of the process that made the machine.
func (m *machine) findLeader(p *process) error {
	if p.ended() {
		m.t.Fatalf("the machine ended: %s", p.err.String())
	}
	pid := p.cmd.Process.Pid
	out, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	children := strings.Fields(string(out))
	if len(children) == 0 {
		return errors.New("no child yet")
	}
	m.leader, err = strconv.Atoi(children[0])
	if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", m.leader)); strings.TrimSpace(string(comm)) != "systemd" {
		return fmt.Errorf("the first process is still %q", comm)
	}
	return err
}

// path is a path of the machine as seen from here.
func (m *machine) path(p string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", m.leader), p)
}

// try runs a command in the machine and returns what it wrote.
func (m *machine) try(args ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(m.leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what must succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// copy copies a file of this machine into m.
func (m *machine) copy(from, to string, mode os.FileMode) {
	m.t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(to, string(text), mode)
}

func (m *machine) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	m.run("mkdir", "-p", filepath.Dir(path))
	at := m.path(path)
	if err := os.WriteFile(at, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chmod(at, mode); err != nil {
		m.t.Fatal(err)
	}
}

// property is one of a unit's, as systemctl show tells it.
func (m *machine) property(unit, name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--value", "-p", name, unit))
}

// over is a transport in the machine's network, where addresses must be
// numbers.
func (m *machine) over() *http.Transport {
	t := insecure()
	t.DialContext = m.dial
	return t
}

// dial connects in the machine's network.
func (m *machine) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer func() { _ = home.Close() }()
	if err = enterNetwork(fmt.Sprintf("/proc/%d/ns/net", m.leader)); err == nil {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	// The thread must not end: what it started would end with it, by Pdeathsig.
	if back := unix.Setns(int(home.Fd()), syscall.CLONE_NEWNET); back != nil {
		panic(fmt.Sprintf("a thread is lost in the network of %s: %v", m.name, back))
	}
	runtime.UnlockOSThread()
	return conn, err
}

func enterNetwork(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return unix.Setns(int(f.Fd()), syscall.CLONE_NEWNET)
}

// simulate starts vendorsim as a process of this machine in m's network.
func (m *machine) simulate(vendor string, logins []string, flags ...string) *platform {
	m.t.Helper()
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(m.leader), "-n", "--", filepath.Join(programs, "vendorsim"))
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	return simulateBy(m.t, cmd, m.over(), vendor, logins, flags...)
}
