package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Build makes agentkeeper and vendorsim in dir as they are shipped: static,
// without paths. tags are those of the build, apart by commas: [Tags], or others.
// The working directory must be inside the module.
func Build(ctx context.Context, dir, tags string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-o", dir+string(filepath.Separator),
		"agentkeeper/cmd/agentkeeper", "agentkeeper/cmd/vendorsim")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// Command is a program with its arguments, not started, in an environment
// without colours and without the systemd of whoever runs the tests.
func Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...) //nolint:noctx // ended by Process.Kill
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "NOTIFY_SOCKET=")
	return cmd
}

// Output is what a process wrote, readable while it writes.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the output.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Tail is the end of a long text, for messages.
func Tail(text string) string {
	const limit = 6000
	if len(text) <= limit {
		return text
	}
	return "…" + text[len(text)-limit:]
}

// Process is a program that was started.
type Process struct {
	Name     string
	Cmd      *exec.Cmd
	Out, Err *Output
	Began    time.Time
	Done     chan struct{} // closed when it has ended
}

// Start starts cmd in a session of its own, so that no terminal reaches it. It
// dies with the program that started it; the caller ends it with Kill.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: filepath.Base(cmd.Path), Cmd: cmd, Out: &Output{}, Err: &Output{}, Began: time.Now(), Done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Out, p.Err
	if cmd.SysProcAttr == nil { // a test may have said as whom it runs
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // joined by Kill
		_ = cmd.Wait()
		close(p.Done)
	}()
	return p, nil
}

// Signal sends s to the process.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.Cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %v to %s: %w\n%s", s, p.Name, err, Tail(p.Err.String()))
	}
	return nil
}

// Kill ends the process with SIGKILL and waits for its end.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Done
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// Code waits for the end of the process for d at most and returns its exit
// code, -1 where a signal ended it.
func (p *Process) Code(d time.Duration) (int, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.Done:
		return p.Cmd.ProcessState.ExitCode(), nil
	case <-timer.C:
		return 0, fmt.Errorf("%s has not ended after %v", p.Name, d)
	}
}

// ErrEnded is wrapped by the errors of a process that has ended by itself.
var ErrEnded = errors.New("the process has ended")

// Await asks ok again and again until it returns nil, for d at most, or until it
// tells of a process that has ended (ErrEnded). The error says what was awaited
// and ok's last word.
func Await(ctx context.Context, d time.Duration, what string, ok func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(d)
	for {
		err := ok()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || errors.Is(err, ErrEnded) {
			return fmt.Errorf("%s: not within %v: %w", what, d, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, ctx.Err(), err)
		}
	}
}

// FreeAddress is an address on 127.0.0.1 that nobody listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
