package fleet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
)

const password = "secret"

// world is two platforms, a network and the service's fleet.
type world struct {
	t       *testing.T
	lines   map[string]*sim.PipeListener // by host
	huawei  *huawei.Sim
	ecss    *ecss.Sim
	servers []*sim.Server
	store   *storetest.Memory
	fleet   *fleet.Fleet
	counts  *counts
	path    string
	log     io.Writer
}

// newWorld builds the platforms with n agents each and the configuration, and
// starts nothing.
func newWorld(t *testing.T, n int, extra string) *world {
	t.Helper()
	w := &world{t: t, lines: map[string]*sim.PipeListener{"huawei.test": sim.Pipe(), "ecss.test": sim.Pipe()},
		store: storetest.NewMemory(), counts: newCounts(), path: filepath.Join(t.TempDir(), "agentkeeper.yaml"), log: io.Discard}
	if os.Getenv("AGENTKEEPER_LOG") != "" {
		w.log = os.Stderr
	}
	fail := func(text string) { t.Errorf("violation: %s", text) }
	w.huawei = huawei.New(huawei.Config{Agents: huawei.Range(1001, n, password, 40001), Line: w.lines["huawei.test"], OnViolation: fail,
		Switches: huawei.Switches{Rules: huawei.Rules{Keeper: true}}})
	w.ecss = ecss.New(ecss.Config{Agents: ecss.Agents(101, n, password), Line: w.lines["ecss.test"], OnViolation: fail,
		Switches: ecss.Switches{Commands: ecss.Commands{KeeperRules: true}}})
	w.servers = []*sim.Server{sim.Serve(w.lines["huawei.test"], w.huawei, nil), sim.Serve(w.lines["ecss.test"], w.ecss, nil)}
	w.write(n, extra)
	return w
}

// write writes the configuration for n agents of each platform.
func (w *world) write(n int, extra string) {
	var b strings.Builder
	fmt.Fprintf(&b, "allow_inline_secrets: true\n%s\nplatforms:\n  hq: {vendor: huawei, url: \"http://huawei.test:8043\"}\n  pbx: {vendor: ecss, url: \"ws://ecss.test:8091\"}\ngroups:\n", extra)
	fmt.Fprintf(&b, "  - name: bots\n    platform: hq\n    agents:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 40001+i, password)
	}
	fmt.Fprintf(&b, "  - name: operators\n    platform: pbx\n    agents:\n")
	for _, a := range ecss.Agents(101, n, password) {
		fmt.Fprintf(&b, "      - {login: %q, number: %q, password: %s}\n", a.Login, a.Number, password)
	}
	if err := os.WriteFile(w.path, []byte(b.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// dial is the network.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	line := w.lines[host]
	if line == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return line.DialContext(ctx, network, address)
}

// start starts a process of the service on what the store has.
func (w *world) start() {
	w.t.Helper()
	f, err := fleet.New(w.t.Context(), fleet.Options{Store: w.store, Sink: w.counts, Observer: w.counts, Dial: w.dial, Seed: 1,
		Log: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	w.fleet = f
	w.apply()
}

func (w *world) apply() fleet.Plan {
	w.t.Helper()
	cfg, _, err := config.Load(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.fleet.Apply(cfg, "test")
}

// handOver ends the process and leaves the sessions.
func (w *world) handOver() { w.fleet.HandOver(w.t.Context(), "test") }

// crash ends the process as kill -9 does: what it had not stored is gone.
func (w *world) crash() {
	next := w.store.Restart()
	w.fleet.HandOver(w.t.Context(), "crash")
	w.store = next
}

// close ends the platforms.
func (w *world) close() {
	w.ecss.Close()
	for _, s := range w.servers {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// online counts the agents that are, by the service's own word.
func (w *world) online() (n int) {
	for _, a := range w.fleet.Agents() {
		if a.View.State == session.Online {
			n++
		}
	}
	return n
}

// explain lists the agents that are not online.
func (w *world) explain() string {
	var b strings.Builder
	for _, a := range w.fleet.Agents() {
		if v := a.View; v.State != session.Online {
			fmt.Fprintf(&b, "%v: %s %s %s %s since %s\n", a.ID, v.State, v.Reason, v.Code, v.Detail, v.Since.Format(time.TimeOnly))
		}
	}
	return b.String()
}

// counts is the fleet's observer and sink.
type counts struct {
	mu       sync.Mutex
	signIns  map[string]int
	signOuts map[string]int
	lost     map[string]int
	adopted  map[string]int
	events   map[session.ID]uint64
	received int
	order    int // events out of order
	first    time.Duration
	gap      map[string]time.Duration
}

func newCounts() *counts {
	return &counts{signIns: map[string]int{}, signOuts: map[string]int{}, lost: map[string]int{}, adopted: map[string]int{},
		events: map[session.ID]uint64{}, gap: map[string]time.Duration{}}
}

func (c *counts) SetPlatforms(map[string]time.Duration) {}

func (c *counts) SignIn(platform string, k session.Kind, _ time.Duration) {
	c.add(c.signIns, platform, k.String())
}
func (c *counts) SignOut(platform string, k session.Kind) { c.add(c.signOuts, platform, k.String()) }
func (c *counts) SessionLost(platform, reason string)     { c.add(c.lost, platform, reason) }
func (c *counts) Adopted(platform string, k session.Kind) { c.add(c.adopted, platform, k.String()) }

func (c *counts) add(to map[string]int, platform, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to[platform+" "+what]++
}

func (c *counts) FirstContact(_ string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.first = max(c.first, d)
}

func (c *counts) Contact(platform string, k session.Kind, gap time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k == session.OK {
		c.gap[platform] = max(c.gap[platform], gap)
	}
}

func (c *counts) EventsReceived(_ string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received += n
}

func (c *counts) Take(_ context.Context, id session.ID, events []keeper.Event) error {
	for _, e := range events {
		c.Note(id, e)
	}
	return nil
}

func (c *counts) Note(id session.ID, e keeper.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Sequence <= c.events[id] {
		c.order++
	}
	c.events[id] = e.Sequence
}
