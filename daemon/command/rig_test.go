package command_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/vendors"
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/wire"
)

const password = "secret-of-agents"

var (
	hq  = session.ID{Platform: "hq", Login: "1001"}
	pbx = session.ID{Platform: "pbx", Login: "101"}
)

// switches are those of both platforms, and the configuration's block `commands`.
type switches struct {
	huawei huawei.Switches
	ecss   ecss.Switches
	// commands and commandsECSS are the blocks of that name; "": they are on.
	commands, commandsECSS string
	agents                 int // of each platform; 0: one
	options                string
}

// site is two platforms with agents that are signed in, and the service.
type site struct {
	testing.TB
	lines   map[string]*sim.PipeListener // by host
	huawei  *huawei.Sim
	ecss    *ecss.Sim
	servers []*sim.Server
	store   *storetest.Memory
	fleet   *fleet.Fleet
	service *command.Service
	path    string
	lost    []string // records that damage took
	log     lines
	told    told

	mu       sync.Mutex
	events   []keeper.Event
	standing work.Standing
	sent     []command.Sent
}

// run runs f in virtual time, with every agent signed in.
func run(t *testing.T, w switches, f func(s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, w)
		f(s)
		s.end()
	})
}

// end ends the service, and then the platforms.
func (s *site) end() {
	if !command.Idle(s.service) {
		s.Error("something is kept of an agent that nobody asks anything of")
	}
	s.service.Close(time.Second)
	s.fleet.HandOver(s.Context(), "test")
	s.ecss.Close()
	for _, one := range s.servers {
		if err := one.Close(); err != nil {
			s.Error(err)
		}
	}
}

// logins are those of the agents of the platform hq.
func (s *site) logins() (list []string) {
	for _, a := range s.fleet.Agents() {
		if a.ID.Platform == "hq" {
			list = append(list, a.ID.Login)
		}
	}
	return list
}

// direct returns clients of the platform hq that do not go through the service.
func (s *site) direct() chan *wire.Client {
	place, _, _ := s.fleet.Place("hq")
	transport := wire.NewTransport(place)
	clients := make(chan *wire.Client, 16)
	for range cap(clients) {
		client := transport.Client(session.Account{})
		s.Cleanup(client.Close)
		clients <- client
	}
	return clients
}

func open(t testing.TB, w switches) *site {
	t.Helper()
	n := max(w.agents, 1)
	s := &site{TB: t, lines: map[string]*sim.PipeListener{"huawei.test": sim.Pipe(), "ecss.test": sim.Pipe()},
		store: storetest.NewMemory(), path: filepath.Join(t.TempDir(), "agentkeeper.yaml")}
	fail := func(text string) { t.Errorf("violation: %s", text) }
	s.huawei = huawei.New(huawei.Config{Agents: huawei.Range(1001, n, password, 40001), Switches: w.huawei, Line: s.lines["huawei.test"], OnViolation: fail})
	s.ecss = ecss.New(ecss.Config{Agents: ecss.Agents(101, n, password), Switches: w.ecss, Line: s.lines["ecss.test"], OnViolation: fail})
	s.servers = []*sim.Server{sim.Serve(s.lines["huawei.test"], s.huawei, nil), sim.Serve(s.lines["ecss.test"], s.ecss, nil)}
	s.write(n, w)
	s.start()
	s.online(2 * n)
	return s
}

func (s *site) write(n int, w switches) {
	var b strings.Builder
	for _, block := range []*string{&w.commands, &w.commandsECSS} {
		if *block == "" {
			*block = "{enabled: true}"
		}
	}
	fmt.Fprintf(&b, `allow_inline_secrets: true
platforms:
  hq: {vendor: huawei, url: "http://huawei.test:8043", sign_in: {rate: 100, concurrent: 50}, options: {autoanswer: false%s}, commands: %s}
  pbx: {vendor: ecss, url: "ws://ecss.test:8091", sign_in: {rate: 100, concurrent: 50}, commands: %s}
groups:
  - name: bots
    platform: hq
    agents:
`, w.options, w.commands, w.commandsECSS)
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 40001+i, password)
	}
	b.WriteString("  - name: operators\n    platform: pbx\n    agents:\n")
	for _, a := range ecss.Agents(101, n, password) {
		fmt.Fprintf(&b, "      - {login: %q, number: %q, password: %s}\n", a.Login, a.Number, password)
	}
	if err := os.WriteFile(s.path, []byte(b.String()), 0o600); err != nil {
		s.Fatal(err)
	}
}

// start starts a process of the service on what the store has.
func (s *site) start() {
	s.Helper()
	var err error
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.fleet, err = fleet.New(s.Context(), fleet.Options{Store: s.store, Sink: (*sink)(s), Observer: nothing{}, Dial: s.dial, Seed: 1, Log: log})
	if err != nil {
		s.Fatal(err)
	}
	s.service, err = command.New(s.Context(), command.Options{
		Fleet: s.fleet, Settings: limits{s.fleet}, Values: s.store, Observer: &s.told, Lost: s.lost, Log: log,
		Vendors: func(name string) (adapter.Vendor, bool) {
			v, ok := vendors.Table[name]
			return v, ok
		},
		Standing: func(session.ID) work.Standing {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.standing
		},
		Sent: func(_ session.ID, sent command.Sent) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.sent = append(s.sent, sent)
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	cfg, _, err := config.Load(s.path)
	if err != nil {
		s.Fatal(err)
	}
	s.fleet.Apply(cfg, "test")
}

// crash ends the process as kill -9 does and starts another one: what was not stored
// is gone.
func (s *site) crash() {
	next := s.store.Restart()
	old, service := s.fleet, s.service
	for _, l := range s.lines {
		l.DropAll()
	}
	old.HandOver(s.Context(), "crash")
	service.Close(time.Millisecond)
	s.store = next
	s.start()
}

// online waits until n agents are, and their first polls are on their way.
func (s *site) online(n int) {
	s.Helper()
	for range 600 {
		is := 0
		for _, a := range s.fleet.Agents() {
			if a.View.State == session.Online {
				is++
			}
		}
		if is == n {
			time.Sleep(time.Second)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.Fatalf("%d agents are not online", n)
}

func (s *site) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	return s.lines[host].DialContext(ctx, network, address)
}

// do sends a command of a person.
func (s *site) do(id session.ID, r command.Request) command.Result {
	if r.Reason == "" {
		r.Reason = "a test"
	}
	return s.service.Do(s.Context(), id, r, command.Caller{Name: "person uid 0"})
}

// begin sends a command and does not wait for its outcome.
func (s *site) begin(id session.ID, r command.Request) <-chan command.Result {
	done := make(chan command.Result, 1)
	go func() { done <- s.do(id, r) }()
	synctest.Wait()
	return done
}

// arrived lists what an agent's platform was sent.
func (s *site) arrived(id session.ID) (list []string) {
	s.Helper()
	if id.Platform == "hq" {
		for _, c := range s.huawei.Commands(id.Login) {
			list = append(list, c.Text)
		}
		return list
	}
	commands, err := s.ecss.Commands(id.Login)
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range commands {
		list = append(list, c.Text)
	}
	return list
}

// is checks a result.
func (s *site) is(r command.Result, o command.Outcome, status int) {
	s.Helper()
	if r.Outcome != o || r.HTTP != status {
		s.Errorf("got %s (HTTP %d) %q %s, want %s (HTTP %d)", r.Outcome, r.HTTP, r.Error, r.Answer, o, status)
	}
}

// count checks how many commands the platform was sent that begin so.
func (s *site) count(id session.ID, begins string, want int) {
	s.Helper()
	n := 0
	for _, text := range s.arrived(id) {
		if strings.HasPrefix(text, begins) {
			n++
		}
	}
	if n != want {
		s.Errorf("the platform was sent %d of %q, want %d: %q", n, begins, want, s.arrived(id))
	}
}

type limits struct{ fleet *fleet.Fleet }

func (l limits) Limits(id session.ID) (command.Limits, bool) {
	c, ok := l.fleet.Commands(id)
	return command.Limits{Enabled: c.Enabled, Allow: c.Allow, Timeout: c.Timeout}, ok
}

// sink is the site as the keepers' sink.
type sink site

func (s *sink) Take(_ context.Context, id session.ID, events []keeper.Event) error {
	s.mu.Lock()
	s.events = append(s.events, events...)
	s.mu.Unlock()
	if s.service != nil {
		s.service.Saw(id, events)
	}
	return nil
}

func (s *sink) Note(_ session.ID, e keeper.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// told counts outcomes.
type told struct {
	mu  sync.Mutex
	all []command.Outcome
}

func (t *told) Command(_ string, o command.Outcome, _ time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, o)
}

func (t *told) outcomes() []command.Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}

// lines is a log.
type lines struct {
	mu     sync.Mutex
	text   strings.Builder
	forget bool // nothing is kept
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if os.Getenv("AGENTKEEPER_LOG") != "" {
		_, _ = os.Stderr.Write(p)
	}
	if l.forget {
		return len(p), nil
	}
	return l.text.Write(p)
}

// grep returns the lines that hold all of the texts.
func (l *lines) grep(texts ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			found = append(found, line)
		}
	}
	return found
}

// nothing observes nothing.
type nothing struct{}

func (nothing) SetPlatforms(map[string]time.Duration)       {}
func (nothing) SignIn(string, session.Kind, time.Duration)  {}
func (nothing) SignOut(string, session.Kind)                {}
func (nothing) FirstContact(string, time.Duration)          {}
func (nothing) Contact(string, session.Kind, time.Duration) {}
func (nothing) SessionLost(string, string)                  {}
func (nothing) Adopted(string, session.Kind)                {}
func (nothing) EventsReceived(string, int)                  {}

var _ io.Writer = (*lines)(nil)

// recorded counts the requests with an ID that are on record.
func (s *site) recorded() int {
	s.Helper()
	all, err := s.store.All(s.Context(), store.Commands)
	if err != nil {
		s.Fatal(err)
	}
	return len(all)
}

func contextOf(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
