// Command bench measures what holding many agents costs: the whole service beside
// loops that do the same polls and pings and nothing else (the command peers in a
// module of its own), in the same run, over the same window, each against a
// simulator in a process of its own, all on TLS 1.3 over loopback. `go run
// ./test/bench -help` says what there is to measure; README.md beside it says how
// each figure is made. It needs Linux's /proc.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	Agents, First int
	Reps          int
	Span          time.Duration
	Hold, Ping    time.Duration
	Guid          time.Duration // the age at which the platform replaces an agent's Guid
	Quick         bool
	Only          string
	Profiles      string
	Child         child
}

// child are the flags that the benchmark gives to its own children.
type child struct {
	Role, Dir, Addr, Listen string
	Rate                    int
}

// part is one thing to measure.
type part struct {
	name, help string
	slow       bool // left out of -quick unless asked for
	run        func(s *settings) error
}

var parts = []part{
	{"first", "from a sign-in's answer to the first poll, at 20 and 200 sign-ins a second", false, firstPolls},
	{"polls", "memory and CPU of Huawei's long polls, beside net/http, fasthttp, a bare goroutine loop and a bare epoll loop", false, polls},
	{"sockets", "memory and CPU of ECSS websockets and their pings, beside coder/websocket and a bare goroutine loop", false, sockets},
	{"ramp", "all agents sign in without a limit of rate; a scrape of /metrics; all sign out", false, ramp},
	{"adoption", "kill -9, then the next process goes on with all sessions; /-/ready, /metrics and status meanwhile", false, adoption},
	{"events", "1,000 events a second, from the platform's answer over the disk to the consumer", false, delivery},
	{"followers", "what many consumers over HTTP cost the way of the events to the disk", true, followersCost},
}

func partNames() []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	return all
}

func usage() {
	w := flag.CommandLine.Output()
	fmt.Fprint(w, `Measures the service beside other ways to hold the same agents.

    go run ./test/bench                         # all parts, 10,000 agents, 3 repetitions: about 25 minutes
    go run ./test/bench -quick                  # 500 agents, 1 repetition, short windows: about 2 minutes
    go run ./test/bench -agents 2000 -reps 1    # in between

Parts (-only NAME,NAME):
`)
	for _, p := range parts {
		fmt.Fprintf(w, "\n  %s: %s\n    go run ./test/bench -only %s\n", p.name, p.help, p.name)
	}
	fmt.Fprint(w, `
CPU profiles of the window, which cost CPU and memory themselves:

    go run ./test/bench -only polls -reps 1 -profile /tmp/profiles
    go tool pprof -top /tmp/profiles/polls-agentkeeper.cpu

-quick leaves followers out, and changes the defaults only: -quick -agents 1000 works.
Each process needs as many open files as there are agents. Figures are min–median–max
of the repetitions; on a machine that does other work trust the ratios, which are
taken within one repetition.

Flags:
`)
	flag.VisitAll(func(f *flag.Flag) {
		if !slices.Contains(internal, f.Name) {
			fmt.Fprintf(w, "  -%-9s %s (default %q)\n", f.Name, f.Usage, f.DefValue)
		}
	})
}

var internal = []string{"role", "dir", "addr", "listen", "rate"}

func flags() *settings {
	s := &settings{}
	flag.IntVar(&s.Agents, "agents", 10000, "agents of polls, sockets, ramp and adoption")
	flag.IntVar(&s.First, "first", 500, "agents of first")
	flag.IntVar(&s.Reps, "reps", 3, "repetitions of each part")
	flag.DurationVar(&s.Span, "span", 20*time.Second, "the window of polls, events and each row of followers; sockets takes 3 pings if that is longer")
	flag.DurationVar(&s.Hold, "hold", 10*time.Second, "how long the platform holds a poll")
	flag.DurationVar(&s.Guid, "guid", time.Minute, "the age at which the platform replaces an agent's Guid; 1h for polls that carry none")
	flag.DurationVar(&s.Ping, "ping", 10*time.Second, "pause between the pings of a websocket")
	flag.BoolVar(&s.Quick, "quick", false, "other defaults, for trying: -agents 500 -first 100 -reps 1 -span 8s -hold 2s -ping 2s")
	flag.StringVar(&s.Only, "only", "", "parts, with commas between: "+strings.Join(partNames(), ", "))
	flag.StringVar(&s.Profiles, "profile", "", "directory for CPU profiles of polls and sockets")
	flag.StringVar(&s.Child.Role, "role", "", "which child this is")
	flag.StringVar(&s.Child.Dir, "dir", "", "a child's working directory")
	flag.StringVar(&s.Child.Addr, "addr", "", "the simulator's address")
	flag.StringVar(&s.Child.Listen, "listen", "127.0.0.1:0", "the service's address")
	flag.IntVar(&s.Child.Rate, "rate", unlimited, "sign-ins a second")
	flag.Usage = usage
	flag.Parse()
	if s.Quick {
		s.quicken()
	}
	return s
}

// quicken gives the flags that were not set the values of -quick.
func (s *settings) quicken() {
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, value := range map[string]string{"agents": "500", "first": "100", "reps": "1", "span": "8s", "hold": "2s", "ping": "2s"} {
		if !set[name] {
			_ = flag.Set(name, value) // of this table, good by construction
		}
	}
}

// unlimited is a rate of sign-ins that never waits.
const unlimited = 100_000

func main() {
	s := flags()
	err := s.check()
	if err == nil {
		err = s.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// spareFiles are those of a process beside its agents' connections.
const spareFiles = 200

func (s *settings) check() error {
	if s.Agents < 1 || s.First < 1 || s.Reps < 1 || s.Span <= 0 || s.Hold <= 0 || s.Ping <= 0 || s.Guid <= 0 {
		return fmt.Errorf("-agents, -first, -reps, -span, -hold and -ping must be above 0")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if most := max(s.Agents, s.First) + spareFiles; uint64(most) > limit.Max {
		return fmt.Errorf("%d agents need %d open files in one process, and the hard limit is %d: take fewer -agents, or raise it (ulimit -Hn)", s.Agents, most, limit.Max)
	}
	return nil
}

func (s *settings) run() error {
	if s.Child.Role != "" {
		return s.runChild()
	}
	var wanted []string
	if s.Only != "" {
		wanted = strings.Split(s.Only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("unknown part %q: use %s", name, strings.Join(partNames(), ", "))
		}
	}
	if s.Profiles != "" {
		if err := os.MkdirAll(s.Profiles, 0o755); err != nil {
			return err
		}
	}
	fmt.Printf("%s %s/%s, %d CPUs, load average %s; GOGC=%s in the service and its peers\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load(), serviceGOGC)
	for _, p := range parts {
		if (wanted == nil && p.slow && s.Quick) || (wanted != nil && !slices.Contains(wanted, p.name)) {
			continue
		}
		began := time.Now()
		if err := p.run(s); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("  (%s took %.0f s; load average now %s)\n", p.name, time.Since(began).Seconds(), load())
	}
	return nil
}

func (s *settings) runChild() error {
	switch s.Child.Role {
	case "server":
		return s.serve(gateway)
	case "server-ecss":
		return s.serve(ecssPlatform)
	case "server-events":
		return s.serve(talkative)
	case "server-busy":
		return s.serve(busy)
	case "service":
		return s.service(huaweiAgents(s.Child.Addr, s.Agents, s.Child.Rate))
	case "service-ecss":
		return s.service(ecssAgents(s.Child.Addr, s.Agents, s.Child.Rate, s.Ping))
	case "service-events":
		return s.publisher()
	case "service-empty":
		s.Agents = 0
		return s.service("")
	}
	return fmt.Errorf("unknown role %q", s.Child.Role)
}

func (s *settings) repetitions() string {
	if s.Reps == 1 {
		return "1 repetition"
	}
	return fmt.Sprint(s.Reps, " repetitions")
}

// repeated runs one repetition after the other and prints what they measured.
func (s *settings) repeated(title string, once func(rec *series) error) error {
	fmt.Printf("\n%s; %s; load average %s\n", title, s.repetitions(), load())
	var rec series
	for range s.Reps {
		if err := once(&rec); err != nil {
			return err
		}
	}
	fmt.Print(rec.String())
	return nil
}
