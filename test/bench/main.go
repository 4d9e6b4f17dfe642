// Command bench measures what holding many Huawei agents costs: the whole
// service beside the same loop written plainly on net/http, in the same run,
// against one simulator each in a process of its own, all on TLS over loopback.
//
//	go run ./test/bench                  1,000 agents for the first poll, 5,000 for memory and CPU
//	go run ./test/bench -agents 10000    more
//
// Memory per agent is the resident set at the end less the one before the first
// connection, divided by the agents. CPU is user and system time over the
// measured span, per 1,000 polls. On a shared machine trust the ratios.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

var (
	role   = flag.String("role", "", "which child this is: server, service or plain")
	agents = flag.Int("agents", 5000, "agents for memory and CPU")
	first  = flag.Int("first", 1000, "agents for the first poll")
	span   = flag.Duration("span", 20*time.Second, "how long CPU is measured")
	rate   = flag.Int("rate", 2000, "sign-ins per second (children)")
	addr   = flag.String("addr", "", "the server's address (children)")
	dir    = flag.String("dir", "", "working directory (children)")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	switch *role {
	case "server":
		return serve(*dir, *agents)
	case "service":
		return service(*dir, *addr, *agents, *rate, *span)
	case "plain":
		return plain(*dir, *addr, *agents, *span)
	case "":
		return compare()
	}
	return fmt.Errorf("unknown role %q", *role)
}

// figures is what a client reports.
type figures struct {
	Agents   int
	Online   time.Duration // until every agent was signed in
	RSS      float64       // KiB per agent
	Heap     float64       // KiB of live heap per agent
	CPU      float64       // ms per 1,000 polls
	Polls    int           // of the span
	FirstP50 time.Duration // from the sign-in's answer to the first poll, as the server saw it
	FirstP99 time.Duration
	FirstMax time.Duration
}

func compare() error {
	fmt.Printf("first poll after sign-in, %d agents on TLS, from the platform's answer to the poll's arrival\n", *first)
	for _, r := range []int{20, 200} {
		f, err := measure("service", *first, r, time.Second)
		if err != nil {
			return err
		}
		fmt.Printf("  %3d sign-ins/s: p50 %v  p99 %v  max %v\n", r, f.FirstP50.Round(10*time.Microsecond), f.FirstP99.Round(10*time.Microsecond), f.FirstMax.Round(10*time.Microsecond))
	}
	fmt.Printf("\n%d Huawei long polls on TLS, CPU over %v\n", *agents, *span)
	ours, err := measure("service", *agents, *rate, *span)
	if err != nil {
		return err
	}
	theirs, err := measure("plain", *agents, *rate, *span)
	if err != nil {
		return err
	}
	fmt.Printf("  %-28s %12s %12s %14s %10s\n", "", "RSS/agent", "live heap", "CPU/1k polls", "polls")
	row := func(name string, f figures) {
		fmt.Printf("  %-28s %8.1f KiB %8.1f KiB %11.1f ms %10d\n", name, f.RSS, f.Heap, f.CPU, f.Polls)
	}
	row("agentkeeper (whole service)", ours)
	row("plain net/http loop", theirs)
	fmt.Printf("  %-28s %11.2fx %11.2fx %13.2fx\n", "ratio", ours.RSS/theirs.RSS, ours.Heap/theirs.Heap, ours.CPU/theirs.CPU)
	return nil
}

// measure runs one client against a server of its own.
func measure(client string, n, rate int, span time.Duration) (f figures, err error) {
	dir, err := os.MkdirTemp("", "agentkeeper-bench-")
	if err != nil {
		return f, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := child("server", dir, "", n, rate, span)
	if err != nil {
		return f, err
	}
	defer server.end()
	address, err := server.line()
	if err != nil {
		return f, fmt.Errorf("server: %w", err)
	}
	c, err := child(client, dir, address, n, rate, span)
	if err != nil {
		return f, err
	}
	defer c.end()
	text, err := c.line()
	if err != nil {
		return f, fmt.Errorf("%s: %w", client, err)
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return f, err
	}
	return f, firstPolls(address, filepath.Join(dir, "ca.pem"), &f)
}

type process struct {
	cmd *exec.Cmd
	in  interface{ Close() error }
	out *bufio.Reader
}

func child(role, dir, addr string, n, rate int, span time.Duration) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-role", role, "-dir", dir, "-addr", addr, "-agents", fmt.Sprint(n), "-rate", fmt.Sprint(rate), "-span", span.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, in, bufio.NewReader(out)}, cmd.Start()
}

func (p *process) line() (string, error) {
	text, err := p.out.ReadString('\n')
	return strings.TrimSpace(text), err
}

// end ends a child: they run until their standard input closes.
func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}
