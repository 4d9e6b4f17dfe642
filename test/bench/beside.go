package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// contender is the service or a peer: a process, and a simulator of its own.
type contender struct {
	name  string // in the tables
	peer  string // of the command peers; "" = the service
	proc  *process
	sim   *simulator
	empty int64 // its resident set in bytes before it has an agent
	took  time.Duration
	open  instant
}

// instant is what a contender had used and done at one moment.
type instant struct {
	cpu       time.Duration
	rounds    int
	allocated uint64
}

// comparison is one part that holds the service against peers.
type comparison struct {
	part, title     string
	round           string // what is counted, in the plural
	server, service string // roles
	peers           [][2]string
	settle, span    time.Duration
}

func polls(s *settings) error {
	return s.compare(comparison{
		part: "polls", round: "polls", server: "server", service: "service",
		title:  fmt.Sprintf("%d Huawei long polls held %v, TLS 1.3, HTTP/1.1; window %v", s.Agents, s.Hold, s.Span),
		peers:  [][2]string{{"net/http", "net-http"}, {"fasthttp", "fasthttp"}, {"goroutine loop", "goroutine"}, {"epoll loop", "epoll"}},
		settle: s.Hold + s.Hold/4, span: s.Span,
	})
}

// pingPeriods is how many pings of each agent the window has at least.
const pingPeriods = 3

func sockets(s *settings) error {
	span := max(s.Span, pingPeriods*s.Ping)
	return s.compare(comparison{
		part: "sockets", round: "pings", server: "server-ecss", service: "service-ecss",
		title:  fmt.Sprintf("%d ECSS websockets, a ping of each every %v, spread, TLS 1.3; window %v", s.Agents, s.Ping, span),
		peers:  [][2]string{{"coder/websocket", "ws-coder"}, {"goroutine loop", "ws-goroutine"}},
		settle: s.Ping + s.Ping/4, span: span,
	})
}

// column is one figure of the table.
type column struct {
	name     string
	unit     string
	decimals int
	ratio    bool
}

var columns = []column{
	{"RSS", "KiB/agent", 1, true},
	{"RSS with empty", "KiB/agent", 1, true},
	{"after free", "KiB/agent", 1, true},
	{"live heap", "KiB/agent", 1, true},
	{"stack", "KiB/agent", 1, true},
	{"CPU", "ms/1,000", 1, true},
	{"allocated", "B/round", 0, true},
	{"rounds", "", 0, false},
	{"sign-in", "s", 1, false},
	{"empty", "MiB", 1, false},
}

// The places of the columns.
const (
	colRSS = iota
	colWhole
	colFreed
	colHeap
	colStack
	colCPU
	colAllocated
	colRounds
	colSignIn
	colEmpty
)

// ours is the service's name in the tables.
const ours = "agentkeeper"

// compare runs the repetitions and prints both tables.
func (s *settings) compare(c comparison) error {
	dir, err := os.MkdirTemp("", "agentkeeper-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program, err := buildPeers(dir)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s; %s; load average %s\n", c.title, s.repetitions(), load())
	results := map[string][][]float64{} // by contender, then by column: a figure per repetition
	for range s.Reps {
		once, err := s.sideBySide(c, program)
		if err != nil {
			return err
		}
		for name, figures := range once {
			if results[name] == nil {
				results[name] = make([][]float64, len(columns))
			}
			for i, v := range figures {
				results[name][i] = append(results[name][i], v)
			}
		}
	}
	fmt.Print(comparisonTable(c, results))
	return nil
}

// comparisonTable is the absolute figures, then the ratios.
func comparisonTable(c comparison, results map[string][][]float64) string {
	t := &table{}
	head, units := []string{""}, []string{""}
	for _, col := range columns {
		head, units = append(head, col.name), append(units, col.unit)
	}
	head[1+colRounds] = c.round
	t.row(head...)
	t.row(units...)
	names := []string{ours}
	for _, p := range c.peers {
		names = append(names, p[0])
	}
	for _, name := range names {
		cells := []string{name}
		for i, col := range columns {
			cells = append(cells, spreadOf(results[name][i]).text(col.decimals))
		}
		t.row(cells...)
	}
	for _, name := range names[1:] {
		cells := []string{ours + " / " + name}
		for i, col := range columns {
			text := ""
			if col.ratio {
				text = spreadOf(ratios(results[ours][i], results[name][i])).text(2)
			}
			cells = append(cells, text)
		}
		t.row(cells...)
	}
	return t.String()
}

// sideBySide is one repetition: everybody signs in, one contender after the other,
// then all are measured over the same window.
func (s *settings) sideBySide(c comparison, program string) (map[string][]float64, error) {
	all := []*contender{{name: ours}}
	for _, p := range c.peers {
		all = append(all, &contender{name: p[0], peer: p[1]})
	}
	defer func() {
		for _, x := range all {
			x.end()
		}
	}()
	for _, x := range all {
		if err := s.begin(x, c, program); err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	empty, err := s.emptyService(all[0])
	if err != nil {
		return nil, fmt.Errorf("the empty service: %w", err)
	}
	defer empty.end()
	for _, x := range all {
		if x.took, _, err = x.proc.online(); err != nil {
			return nil, err
		}
	}
	time.Sleep(c.settle)
	resident, err := s.window(c, all)
	if err != nil {
		return nil, err
	}
	if all[0].empty, err = rss(empty.pid()); err != nil {
		return nil, err
	}
	figures := map[string][]float64{}
	for i, x := range all {
		none := (*process)(nil)
		if x.peer == "" {
			none = empty
		}
		if figures[x.name], err = x.figures(s.Agents, resident[i], none); err != nil {
			return nil, err
		}
	}
	return figures, nil
}

// begin starts a contender and its simulator.
func (s *settings) begin(x *contender, c comparison, program string) (err error) {
	if x.sim, err = s.simulate(c.server, s.Agents); err != nil {
		return err
	}
	if x.peer == "" {
		x.proc, err = s.keeper(c.service, x.sim, s.Agents)
		return err
	}
	cmd := exec.Command(program, "-peer", x.peer, "-addr", x.sim.address, "-ca", filepath.Join(x.sim.dir, "ca.pem"),
		"-agents", fmt.Sprint(s.Agents), "-ping", s.Ping.String(), "-timeout", (s.Hold + 15*time.Second).String())
	if x.proc, err = start(x.name, cmd, serviceGOGC); err != nil {
		return err
	}
	if _, err = x.proc.expect("ready"); err != nil {
		return err
	}
	x.empty, err = rss(x.proc.pid())
	return err
}

func (x *contender) end() {
	if x.proc != nil {
		x.proc.kill() // nobody looks at how it ends
	}
	if x.sim != nil {
		x.sim.kill()
		_ = os.RemoveAll(x.sim.dir)
	}
}

// emptyService starts a service without agents in a directory of its own below
// the contender's.
func (s *settings) emptyService(x *contender) (*process, error) {
	dir := filepath.Join(x.sim.dir, "empty")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	p, err := s.self("service-empty", dir, "", 1)
	if err != nil {
		return nil, err
	}
	if _, err = p.expect("ready"); err == nil {
		_, _, err = p.online()
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// window waits for the span and returns everybody's mean resident set in it.
func (s *settings) window(c comparison, all []*contender) ([]float64, error) {
	for _, x := range all {
		if err := s.profile(c, x, true); err != nil {
			return nil, err
		}
	}
	for _, x := range all {
		if err := x.note(&x.open); err != nil {
			return nil, err
		}
	}
	resident, samples := make([]float64, len(all)), 0
	for end := time.Now().Add(c.span); time.Now().Before(end); samples++ {
		time.Sleep(min(time.Second, time.Until(end)))
		for i, x := range all {
			bytes, err := rss(x.proc.pid())
			if err != nil {
				return nil, err
			}
			resident[i] += float64(bytes)
		}
	}
	for i, x := range all {
		resident[i] /= float64(samples)
		var now instant
		if err := x.note(&now); err != nil {
			return nil, err
		}
		x.open = instant{now.cpu - x.open.cpu, now.rounds - x.open.rounds, now.allocated - x.open.allocated}
		if x.open.rounds == 0 {
			return nil, fmt.Errorf("%s: the platform saw none of its %s", x.name, c.round)
		}
	}
	for _, x := range all {
		if err := s.profile(c, x, false); err != nil {
			return nil, err
		}
	}
	return resident, nil
}

// profile begins or ends a contender's CPU profile, where -profile is given.
func (s *settings) profile(c comparison, x *contender, begin bool) error {
	if s.Profiles == "" {
		return nil
	}
	order := "profile"
	if begin {
		name := x.peer
		if name == "" {
			name = ours
		}
		dir, err := filepath.Abs(s.Profiles)
		if err != nil {
			return err
		}
		order += " " + filepath.Join(dir, c.part+"-"+name+".cpu")
	}
	_, err := x.proc.order(order)
	return err
}

// note writes down what the contender has used and done by now.
func (x *contender) note(at *instant) (err error) {
	r, err := x.proc.order("count")
	if err != nil {
		return err
	}
	at.allocated = r.Allocated
	if at.cpu, err = cpuTime(x.proc.pid()); err != nil {
		return err
	}
	at.rounds, err = x.sim.rounds()
	return err
}

const kib = 1024

// figures are a contender's columns after the window. None is the same process
// without agents, where there is one that runs.
func (x *contender) figures(agents int, resident float64, none *process) ([]float64, error) {
	n := float64(agents)
	live, freed, err := x.memory()
	if err != nil {
		return nil, err
	}
	var base report
	baseFreed := float64(x.empty)
	if none != nil {
		if base, err = none.order("collect"); err != nil {
			return nil, err
		}
		if baseFreed, err = freedRSS(none); err != nil {
			return nil, err
		}
	}
	f := make([]float64, len(columns))
	f[colRSS] = (resident - float64(x.empty)) / n / kib
	f[colWhole] = resident / n / kib
	f[colFreed] = (freed - baseFreed) / n / kib
	f[colHeap] = (float64(live.Heap) - float64(base.Heap)) / n / kib
	f[colStack] = (float64(live.Stack) - float64(base.Stack)) / n / kib
	f[colCPU] = ms(x.open.cpu) / (float64(x.open.rounds) / 1000)
	f[colAllocated] = float64(x.open.allocated) / float64(x.open.rounds)
	f[colRounds] = float64(x.open.rounds)
	f[colSignIn] = x.took.Seconds()
	f[colEmpty] = float64(x.empty) / kib / kib
	return f, nil
}

// memory is the live heap after two collections, and the resident set after the
// memory was given back. A loop that ended, a poll that failed or a violation is
// an error: the figures would be those of fewer agents.
func (x *contender) memory() (live report, freed float64, err error) {
	if live, err = x.proc.order("collect"); err != nil {
		return live, math.NaN(), err
	}
	if live.Failed > 0 {
		return live, math.NaN(), fmt.Errorf("%s: %d failed: %s", x.name, live.Failed, live.Error)
	}
	if _, err := x.sim.look(); err != nil {
		return live, math.NaN(), fmt.Errorf("%s: %w", x.name, err)
	}
	freed, err = freedRSS(x.proc)
	return live, freed, err
}

func freedRSS(p *process) (float64, error) {
	if _, err := p.order("free"); err != nil {
		return math.NaN(), err
	}
	bytes, err := rss(p.pid())
	return float64(bytes), err
}
