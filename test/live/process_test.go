package live

import (
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"agentkeeper/test/rig"
)

// patience is how long a test waits for what takes a moment on an idle
// machine.
const patience = 60 * time.Second

// within waits until ok returns nil and fails the test when it does not in d.
func within(t *testing.T, d time.Duration, what string, ok func() error) {
	t.Helper()
	if err := rig.Await(context.Background(), d, what, ok); err != nil {
		t.Fatal(err)
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
type output = rig.Output

// process is a program that runs, under the names that the tests call its parts
// by. It is killed with the test at the latest.
type process struct {
	*rig.Process
	t        *testing.T
	name     string
	cmd      *exec.Cmd
	out, err *output
	began    time.Time
	done     chan struct{}
}

func processOf(t *testing.T, p *rig.Process) *process {
	return &process{Process: p, t: t, name: p.Name, cmd: p.Cmd, out: p.Out, err: p.Err, began: p.Began, done: p.Done}
}

// command is one of the built programs with its arguments, not started.
func command(program string, args ...string) *exec.Cmd {
	return rig.Command(filepath.Join(programs, program), args...)
}

// start starts cmd in a session of its own, so that no terminal reaches it.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	started, err := rig.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	p := processOf(t, started)
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
func tail(text string) string { return rig.Tail(text) }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the process as a power cut would, and waits for its end.
func (p *process) kill() { p.Kill() }

func (p *process) ended() bool { return p.Ended() }

// code waits for the end of the process and returns its exit code.
func (p *process) code(d time.Duration) int {
	p.t.Helper()
	code, err := p.Code(d)
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// wantCode waits for the end and compares the exit code.
func (p *process) wantCode(d time.Duration, want int) {
	p.t.Helper()
	if got := p.code(d); got != want {
		p.t.Fatalf("%s ended with exit code %d, want %d", p.name, got, want)
	}
}

// says returns an error until the standard output contains text.
func (p *process) says(text string) error { return p.Says(text) }

// finished runs a program to its end.
func finished(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := start(t, command(program, args...))
	p.code(patience)
	return p
}
