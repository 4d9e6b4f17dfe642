// Command bench measures what holding many agents costs: the whole service
// beside the same loop written plainly (Huawei's long polls on net/http, ECSS's
// websockets on coder/websocket), in the same run, against one simulator each in
// a process of its own, all on TLS over loopback. Then it kills a service and
// times the next one, follows events from the platform to their consumers, and
// measures what many consumers cost those who only have to be polled.
//
//	go run ./test/bench                  1,000 agents for the first poll, 5,000 for the rest
//	go run ./test/bench -agents 10000    more
//	go run ./test/bench -only adoption   one part: first, polls, sockets, adoption, events, followers
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
	"strings"
	"time"
)

var (
	role   = flag.String("role", "", "which child this is")
	only   = flag.String("only", "", "one part alone: first, polls, sockets, adoption, events or followers")
	agents = flag.Int("agents", 5000, "agents for memory, CPU and adoption")
	first  = flag.Int("first", 1000, "agents for the first poll")
	span   = flag.Duration("span", 20*time.Second, "how long CPU is measured")
	rate   = flag.Int("rate", fleetRate, "sign-ins per second (children)")
	addr   = flag.String("addr", "", "the server's address (children)")
	dir    = flag.String("dir", "", "working directory (children)")
)

// fleetRate brings a large fleet up in seconds.
const fleetRate = 2000

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
		return serve(*dir, *agents, gateway)
	case "server-ecss":
		return serve(*dir, *agents, ecssPlatform)
	case "server-events":
		return serve(*dir, *agents, talkative)
	case "server-busy":
		return serve(*dir, *agents, busy)
	case "keeper-events":
		return publisher(*dir, huaweiAgents(*addr, *agents, *rate), *agents)
	case "service":
		return service(*dir, huaweiAgents(*addr, *agents, *rate), *agents, *span)
	case "service-ecss":
		return service(*dir, ecssAgents(*addr, *agents, *rate), *agents, *span)
	case "keeper":
		return keeper(*dir, huaweiAgents(*addr, *agents, *rate), *agents)
	case "plain":
		return plain(*dir, *addr, *agents, *span)
	case "plain-ecss":
		return plainECSS(*dir, *addr, *agents, *span)
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

// part is one table.
type part struct {
	name string
	run  func() error
}

func compare() error {
	parts := []part{
		{"first", func() error { return firstPoll(*first) }},
		{"polls", func() error {
			return beside(fmt.Sprintf("%d Huawei long polls on TLS, CPU over %v", *agents, *span), "polls", "server", "service", "plain", "plain net/http loop")
		}},
		{"sockets", func() error {
			return beside(fmt.Sprintf("%d ECSS websockets on TLS, a ping every %v, CPU over %v", *agents, pingEvery, *span), "pongs", "server-ecss", "service-ecss", "plain-ecss", "plain coder/websocket loop")
		}},
		{"adoption", func() error { return adoption(*agents) }},
		{"events", func() error { return delivery(*span) }},
		{"followers", func() error { return followersCost(*span) }},
	}
	ran := false
	for _, p := range parts {
		if *only != "" && *only != p.name {
			continue
		}
		ran = true
		if err := p.run(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !ran {
		return fmt.Errorf("unknown part %q: use first, polls, sockets, adoption, events or followers", *only)
	}
	return nil
}

func firstPoll(n int) error {
	fmt.Printf("first poll after sign-in, %d agents on TLS, from the platform's answer to the poll's arrival\n", n)
	for _, perSecond := range []int{20, 200} {
		*rate = perSecond
		f, err := measure("server", "service", n, time.Second)
		if err != nil {
			return err
		}
		fmt.Printf("  %3d sign-ins/s: p50 %v  p99 %v  max %v\n", perSecond, f.FirstP50.Round(10*time.Microsecond), f.FirstP99.Round(10*time.Microsecond), f.FirstMax.Round(10*time.Microsecond))
	}
	*rate = fleetRate
	return nil
}

// beside measures the service and its peer, one after the other.
func beside(title, counted, server, ours, theirs, peer string) error {
	fmt.Printf("\n%s\n", title)
	us, err := measure(server, ours, *agents, *span)
	if err != nil {
		return err
	}
	them, err := measure(server, theirs, *agents, *span)
	if err != nil {
		return err
	}
	fmt.Printf("  %-28s %12s %12s %14s %10s\n", "", "RSS/agent", "live heap", "CPU/1k "+counted, counted)
	row := func(name string, f figures) {
		fmt.Printf("  %-28s %8.1f KiB %8.1f KiB %11.1f ms %10d\n", name, f.RSS, f.Heap, f.CPU, f.Polls)
	}
	row("agentkeeper (whole service)", us)
	row(peer, them)
	fmt.Printf("  %-28s %11.2fx %11.2fx %13.2fx\n", "ratio", us.RSS/them.RSS, us.Heap/them.Heap, us.CPU/them.CPU)
	return nil
}

// measure runs one client against a server of its own.
func measure(serverRole, client string, n int, d time.Duration) (f figures, err error) {
	defer func(whole time.Duration) { *span = whole }(*span)
	*span = d // for the children
	dir, err := os.MkdirTemp("", "agentkeeper-bench-")
	if err != nil {
		return f, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := child(serverRole, dir, "", n)
	if err != nil {
		return f, err
	}
	defer server.end()
	address, err := server.line()
	if err != nil {
		return f, fmt.Errorf("server: %w", err)
	}
	c, err := child(client, dir, address, n)
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
	return f, firstPolls(address, dir, &f)
}

type process struct {
	cmd *exec.Cmd
	in  interface{ Close() error }
	out *bufio.Reader
}

func child(role, dir, addr string, n int) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-role", role, "-dir", dir, "-addr", addr, "-agents", fmt.Sprint(n), "-rate", fmt.Sprint(*rate), "-span", span.String())
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
