package keeper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/sessiontest"
)

// disk is a store for one agent.
type disk struct {
	mu     sync.Mutex
	rec    session.Record // what is durable
	writes int
	tries  int
	delay  time.Duration
	err    error
	early  bool // durable at the beginning of the delay
}

func (d *disk) Save(ctx context.Context, _ session.ID, r session.Record) error {
	d.mu.Lock()
	delay := d.delay
	d.tries++
	if d.early {
		d.rec = r
	}
	d.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.rec = r
	d.writes++
	return nil
}

func (d *disk) durable() session.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rec
}

func (d *disk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

func (d *disk) set(delay time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay, d.err = delay, err
}

// sink keeps events.
type sink struct {
	mu     sync.Mutex
	events []keeper.Event
	onTake func()
	err    error
}

func (s *sink) Take(_ context.Context, _ session.ID, events []keeper.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onTake != nil {
		s.onTake()
	}
	s.events = append(s.events, events...)
	return s.err
}

func (s *sink) Note(_ session.ID, e keeper.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *sink) all() []keeper.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// names lists what was reported, ours with a leading dot.
func (s *sink) names() []string {
	var list []string
	for _, e := range s.all() {
		name := e.Type
		if e.Own {
			name = "." + name
		}
		list = append(list, name)
	}
	return list
}

// counts is an observer.
type counts struct {
	mu    sync.Mutex
	lines map[string]int
	first []time.Duration
	gaps  []time.Duration
}

func (c *counts) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil {
		c.lines = map[string]int{}
	}
	c.lines[fmt.Sprintf(format, args...)]++
}

func (c *counts) of(line string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines[line]
}

func (c *counts) SignIn(_ string, k session.Kind, _ time.Duration) { c.add("sign in %v", k) }
func (c *counts) SignOut(_ string, k session.Kind)                 { c.add("sign out %v", k) }
func (c *counts) SessionLost(_, reason string)                     { c.add("lost %s", reason) }
func (c *counts) Adopted(_ string, k session.Kind)                 { c.add("adopted %v", k) }
func (c *counts) EventsReceived(_ string, n int)                   { c.add("events %d", n) }

func (c *counts) FirstContact(_ string, d time.Duration) {
	c.add("first")
	c.first = append(c.first, d)
}

func (c *counts) Contact(_ string, k session.Kind, gap time.Duration) {
	c.add("contact %v", k)
	c.gaps = append(c.gaps, gap)
}

// logbook keeps log lines.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines returns the lines of one message.
func (l *logbook) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []map[string]any
	for _, text := range strings.Split(strings.TrimSpace(l.buf.String()), "\n") {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		if line["msg"] == msg {
			list = append(list, line)
		}
	}
	return list
}

// bench is one agent with all that is around it.
type bench struct {
	*testing.T
	vendor *vendor
	disk   *disk
	sink   *sink
	counts *counts
	log    *logbook
	gate   func(session.Platform) session.Guarded
	policy session.Policy
	keeper *keeper.Keeper
	done   chan struct{}
	end    context.CancelFunc
	rec    session.Record // what Run returned
}

func newBench(t *testing.T) *bench {
	return &bench{T: t, vendor: newVendor(), disk: &disk{}, sink: &sink{}, counts: &counts{}, log: &logbook{}, gate: sessiontest.Open, policy: policy()}
}

var id = session.ID{Platform: "hq", Login: "291"}

func policy() session.Policy {
	return session.Policy{Initial: time.Second, Max: time.Minute, OpTimeout: opTimeout, Window: window,
		Terms: session.Terms{Grace: grace, ForceLimit: 3, ForceWithin: 10 * time.Minute}}
}

func account(password string) session.Account {
	return session.Account{ID: id, Password: session.NewSecret(password)}
}

// setup is what a keeper is configured with.
type setup struct {
	account session.Account
	policy  session.Policy
	hashes  keeper.Hashes
}

func (s *setup) Account() session.Account { return s.account }
func (s *setup) Policy() session.Policy   { return s.policy }
func (s *setup) Hashes() keeper.Hashes    { return s.hashes }

func (b *bench) site(log *slog.Logger) *keeper.Site {
	return &keeper.Site{Store: b.disk, Sink: b.sink, Observer: b.counts, Log: log}
}

// start runs a keeper that goes on from what is on the disk.
func (b *bench) start(o keeper.Order) {
	b.keeper = keeper.New(keeper.Config{
		Setup: &setup{account("old"), b.policy, keeper.Hashes{Secret: "old", Settings: "settings"}}, Record: b.disk.durable(),
		Platform: &keeper.Platform{Adapter: b.vendor, Gate: b.gate}, Site: b.site(slog.New(slog.NewJSONHandler(b.log, nil))), Seed: 1,
	})
	b.keeper.Set(o)
	ctx, cancel := context.WithCancel(b.Context())
	b.end, b.done = cancel, make(chan struct{})
	go func() {
		defer close(b.done)
		b.keeper.Run(ctx)
		b.rec = b.keeper.Record()
	}()
}

// stop ends the keeper by an order and waits for it.
func (b *bench) stop(o keeper.Order) {
	b.keeper.Set(o)
	b.wait()
}

func (b *bench) wait() {
	<-b.done
	b.end()
	if b.vendor.overlaps > 0 {
		b.Errorf("%d operations began while another was in flight", b.vendor.overlaps)
	}
}

var (
	stay  = keeper.Order{Wish: session.Stay, By: "schedule", Why: "shift"}
	leave = keeper.Order{Wish: session.Leave, By: "person uid 0", Why: "lunch"}
	quit  = keeper.Order{Wish: session.Quit, By: "hand-over"}
	end   = keeper.Order{Wish: session.Leave, End: true, By: "stop"}
)

// pass lets virtual time pass and everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, fn func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(newBench(t)) })
}
