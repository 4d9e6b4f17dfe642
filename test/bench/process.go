package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// serviceGOGC is what the service sets for itself; its peers are given the same.
const serviceGOGC = "50"

// process is a child that speaks lines: see the package comment of the command
// peers, which the service's child follows too.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// report is a child's answer to an order. Memory is in bytes.
type report struct {
	Rounds    int64  `json:"rounds"`
	Events    int64  `json:"events"`
	Failed    int64  `json:"failed"`
	Error     string `json:"error"`
	Allocated uint64 `json:"allocated"`
	Heap      uint64 `json:"heap"`
	Stack     uint64 `json:"stack"`
}

// start runs a child with GOGC as given, "" for what it sets itself.
func start(name string, cmd *exec.Cmd, gogc string) (*process, error) {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GOGC=") && !strings.HasPrefix(e, "GOMEMLIMIT=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	if gogc != "" {
		cmd.Env = append(cmd.Env, "GOGC="+gogc)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{name, cmd, in, bufio.NewReader(out)}, cmd.Start()
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) line() (string, error) {
	text, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: ended: %w", p.name, err)
	}
	return strings.TrimSpace(text), nil
}

// expect waits for a line that begins with word and returns what follows it.
func (p *process) expect(word string) (string, error) {
	text, err := p.line()
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(text, " ")
	if first != word {
		return "", fmt.Errorf("%s: said %q, want %q", p.name, text, word)
	}
	return rest, nil
}

func (p *process) tell(line string) error {
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// order has the child do something and returns its report.
func (p *process) order(line string) (r report, err error) {
	if err := p.tell(line); err != nil {
		return r, err
	}
	text, err := p.line()
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, fmt.Errorf("%s: %q: %w", p.name, text, err)
	}
	return r, nil
}

// online says go and waits until all agents are signed in. It returns how long
// that took and what the child said with it.
func (p *process) online() (time.Duration, string, error) {
	began := time.Now()
	if err := p.tell("go"); err != nil {
		return 0, "", err
	}
	said, err := p.expect("online")
	return time.Since(began), said, err
}

// end ends a child: they run until their standard input closes.
func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// self starts this program in a role. Its flags go on to the child.
func (s *settings) self(role, dir, addr string, n int, more ...string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := append([]string{"-role", role, "-dir", dir, "-addr", addr, "-agents", fmt.Sprint(n), "-hold", s.Hold.String(), "-guid", s.Guid.String(), "-ping", s.Ping.String()}, more...)
	return start(role, exec.Command(program, args...), "")
}

// service starts the service in a role and waits until it is there.
func (s *settings) keeper(role string, sim *simulator, n int, more ...string) (*process, error) {
	p, err := s.self(role, sim.dir, sim.address, n, more...)
	if err != nil {
		return nil, err
	}
	if _, err := p.expect("ready"); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// buildPeers builds the peers' module into dir and returns the program.
func buildPeers(dir string) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "agentkeeper").Output()
	if err != nil {
		return "", fmt.Errorf("find the module agentkeeper (run this inside of it): %w", err)
	}
	program := filepath.Join(dir, "peers")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-C", filepath.Join(strings.TrimSpace(string(root)), "test", "bench", "peers"), "-trimpath", "-buildvcs=false", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the peers: %w\n%s", err, out)
	}
	return program, nil
}

// until waits until done, for five minutes at most.
func until(what string, done func() (bool, error)) error {
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
	}
	return errors.New(what + ": not within 5 minutes")
}
