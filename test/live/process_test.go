package live

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what takes a moment on an idle
// machine.
const patience = 60 * time.Second

// within waits until ok returns nil and fails the test when it does not in d.
func within(t *testing.T, d time.Duration, what string, ok func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(d)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, d, err)
		}
		<-tick.C
	}
}

// throughout looks again and again for d and fails the test when ok returns an
// error once.
func throughout(t *testing.T, d time.Duration, what string, ok func() error) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for time.Since(began) < d {
		if err := ok(); err != nil {
			t.Fatalf("%s: after %v: %v", what, time.Since(began).Round(time.Millisecond), err)
		}
		<-tick.C
	}
}

// output is what a process wrote, readable while it writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a program that runs. It is killed with the test at the latest.
type process struct {
	t        *testing.T
	name     string
	cmd      *exec.Cmd
	out, err *output
	began    time.Time
	done     chan struct{}
}

// command is one of the built programs with its arguments, not started.
func command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(programs, program), args...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "NOTIFY_SOCKET=")
	return cmd
}

// start starts cmd in a session of its own, so that no terminal reaches it.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(cmd.Path), cmd: cmd, out: &output{}, err: &output{}, began: time.Now(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.err
	if cmd.SysProcAttr == nil { // a test may have said as whom it runs
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // joined by kill, at the latest in the clean-up
		_ = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %s, exit code %d\n-- standard output\n%s\n-- standard error\n%s",
				p.name, cmd.Args[1], cmd.ProcessState.ExitCode(), tail(p.out.String()), tail(p.err.String()))
		}
	})
	return p
}

// tail is the end of a long text.
func tail(text string) string {
	const limit = 6000
	if len(text) <= limit {
		return text
	}
	return "…" + text[len(text)-limit:]
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v to %s: %v\n%s", s, p.name, err, tail(p.err.String()))
	}
}

// kill ends the process as a power cut would, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// code waits for the end of the process and returns its exit code.
func (p *process) code(d time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(d):
		p.t.Fatalf("%s has not ended after %v", p.name, d)
	}
	return p.cmd.ProcessState.ExitCode()
}

// wantCode waits for the end and compares the exit code.
func (p *process) wantCode(d time.Duration, want int) {
	p.t.Helper()
	if got := p.code(d); got != want {
		p.t.Fatalf("%s ended with exit code %d, want %d", p.name, got, want)
	}
}

// says returns an error until the standard output contains text.
func (p *process) says(text string) error {
	switch out := p.out.String(); {
	case strings.Contains(out, text):
		return nil
	case p.ended():
		return fmt.Errorf("%s ended with exit code %d without saying %q: %s%s", p.name, p.cmd.ProcessState.ExitCode(), text, out, tail(p.err.String()))
	}
	return fmt.Errorf("%s has not said %q", p.name, text)
}

// finished runs a program to its end.
func finished(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := start(t, command(program, args...))
	p.code(patience)
	return p
}
