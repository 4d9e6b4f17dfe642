package live

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// screen is a pseudo-terminal with a program in it.
type screen struct {
	t      *testing.T
	master *os.File
	text   *output
	cmd    *exec.Cmd
	done   chan struct{}
}

// onTerminal starts a program on a terminal that is so many columns wide.
func onTerminal(t *testing.T, columns int, env []string, program string, args ...string) *screen {
	t.Helper()
	master, slave := openTerminal(t, columns)
	cmd := command(program, args...)
	cmd.Env = append(withoutColourSwitch(cmd.Env), append([]string{"TERM=xterm-256color"}, env...)...)
	cmd.Stdin = slave
	cmd.Stdout = slave
	cmd.Stderr = slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	s := &screen{t: t, master: master, text: &output{}, cmd: cmd, done: make(chan struct{})}
	go func() { // ends with the terminal's last user
		defer close(s.done)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			_, _ = s.text.Write(buffer[:n])
			if err != nil {
				_ = cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.done
		_ = master.Close()
	})
	return s
}

func withoutColourSwitch(env []string) (rest []string) {
	for _, entry := range env {
		if !strings.HasPrefix(entry, "NO_COLOR=") {
			rest = append(rest, entry)
		}
	}
	return rest
}

func openTerminal(t *testing.T, columns int) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("a pseudo-terminal: %v", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// types writes what a person types.
func (s *screen) types(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// shows returns nil once the screen has shown text.
func (s *screen) shows(text string) error {
	if got := s.text.String(); !strings.Contains(got, text) {
		return fmt.Errorf("the terminal shows %q, not %q", tail(got), text)
	}
	return nil
}

// code waits for the end and returns the exit code.
func (s *screen) code() int {
	s.t.Helper()
	within(s.t, patience, "the program's end", func() error {
		select {
		case <-s.done:
			return nil
		default:
			return fmt.Errorf("it shows %q", tail(s.text.String()))
		}
	})
	return s.cmd.ProcessState.ExitCode()
}
