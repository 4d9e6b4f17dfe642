package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

// office is a platform that pushes events, the service's fleet, and where the
// service receives callbacks.
type office struct {
	t       *testing.T
	gateway *sim.PipeListener
	inbound *sim.PipeListener
	huawei  *huawei.Sim
	fleet   atomic.Pointer[fleet.Fleet]
	store   *storetest.Memory
	sink    *numbers
	counts  *counts
	path    string
	log     *slog.Logger
	stop    func()
}

func openOffice(t *testing.T, agents int, w huawei.Switches, options string) *office {
	t.Helper()
	o := &office{t: t, gateway: sim.Pipe(), inbound: sim.Pipe(), store: storetest.NewMemory(), sink: newNumbers(), counts: newCounts(),
		path: filepath.Join(t.TempDir(), "agentkeeper.yaml")}
	o.log = slog.New(slog.DiscardHandler)
	if os.Getenv("AGENTKEEPER_LOG") != "" {
		o.log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	o.huawei = huawei.New(huawei.Config{Agents: huawei.Range(1001, agents, password, 40001), Switches: w, Line: o.gateway, Log: o.log,
		Pushing: huawei.Pushing{Dial: o.inbound.DialContext}, OnViolation: func(text string) { t.Errorf("violation: %s", text) }})
	servers := []*sim.Server{sim.Serve(o.gateway, o.huawei, nil), sim.Serve(o.inbound, callback.New(callback.Options{
		Find:    func(name string) (session.Receiver, bool) { return o.fleet.Load().Receiver(name) },
		Counter: o.sink, Log: o.log,
	}), nil)}
	o.stop = func() {
		o.huawei.Close()
		for _, s := range servers {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	o.write(agents, options)
	return o
}

func (o *office) write(agents int, options string) {
	var b strings.Builder
	fmt.Fprintf(&b, `allow_inline_secrets: true
callback: {listen: "0.0.0.0:9466", plain_http: true}
platforms:
  hq: {vendor: huawei, url: "http://huawei.test:8043", options: {events: push, callback_url: "http://keeper.test:9466/callback/hq", service_token_file: token%s}}
groups:
  - name: bots
    platform: hq
    agents:
`, options)
	for i := range agents {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 40001+i, password)
	}
	for path, text := range map[string]string{o.path: b.String(), filepath.Join(filepath.Dir(o.path), "token"): "t0ken"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *office) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return o.gateway.DialContext(ctx, network, address)
}

// start starts a process of the service on what the store has.
func (o *office) start() {
	o.t.Helper()
	f, err := fleet.New(o.t.Context(), fleet.Options{Store: o.store, Sink: o.sink, Observer: o.counts, Dial: o.dial, Seed: 1, Log: o.log})
	if err != nil {
		o.t.Fatal(err)
	}
	cfg, _, err := config.Load(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	o.fleet.Store(f)
	f.Apply(cfg, "test")
}

func (o *office) online() (n int, others string) {
	for _, a := range o.fleet.Load().Agents() {
		if a.View.State == session.Online {
			n++
		} else {
			others += fmt.Sprintf("%v: %s %s %s %s\n", a.ID, a.View.State, a.View.Reason, a.View.Code, a.View.Detail)
		}
	}
	return n, others
}

// numbers is a sink that looks at the numbers that the platform gives events.
type numbers struct {
	mu      sync.Mutex
	broken  bool
	last    map[session.ID]int // the highest number so far
	repeats int
	gaps    []string
	dropped map[string]int
}

func newNumbers() *numbers { return &numbers{last: map[session.ID]int{}, dropped: map[string]int{}} }

func (n *numbers) breakDown(broken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = broken
}

func (n *numbers) Take(_ context.Context, id session.ID, events []keeper.Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken {
		return errDisk
	}
	for _, e := range events {
		n.look(id, e)
	}
	return nil
}

// look compares an event's number with the agent's highest: the next one, or one
// that came before.
func (n *numbers) look(id session.ID, e keeper.Event) {
	var v struct {
		Content struct {
			Number int `json:"number"`
		} `json:"content"`
	}
	if json.Unmarshal(e.Data, &v) != nil || v.Content.Number == 0 {
		return
	}
	switch last := n.last[id]; {
	case v.Content.Number == last+1:
		n.last[id]++
	case v.Content.Number <= last:
		n.repeats++
	default:
		n.gaps = append(n.gaps, fmt.Sprintf("%v: %d after %d", id, v.Content.Number, last))
		n.last[id] = v.Content.Number
	}
}

func (n *numbers) Note(session.ID, keeper.Event) {}

func (n *numbers) EventsDropped(reason string, count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropped[reason] += count
}

// mishaps go wrong and are over within the window, and end no session.
var mishaps = []struct {
	name string
	play func(o *office, r *rand.Rand)
}{
	{"the gateway refuses connections for 30 s", func(o *office, _ *rand.Rand) { _ = o.huawei.Outage(sim.ModeRefuse, 30*time.Second) }},
	{"the gateway hangs for 30 s", func(o *office, _ *rand.Rand) { _ = o.huawei.Outage(sim.ModeHang, 30*time.Second) }},
	{"the gateway answers 503 for 45 s", func(o *office, _ *rand.Rand) { _ = o.huawei.Outage(sim.ModeStatus, 45*time.Second) }},
	{"answers to handshakes are lost", func(o *office, _ *rand.Rand) {
		o.huawei.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: sim.ModeLost, Count: 20})
	}},
	{"handshakes are answered with garbage", func(o *office, r *rand.Rand) {
		modes := []string{sim.ModeHTML, sim.ModeTruncate, sim.ModeGarbage, sim.ModeEmpty}
		o.huawei.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: modes[r.IntN(len(modes))], Count: 20})
	}},
	{"the gateway's connections drop", func(o *office, _ *rand.Rand) { o.gateway.DropAll() }},
	{"the receiver is out of reach for a minute", func(o *office, _ *rand.Rand) { o.inbound.RefuseFor(time.Minute); o.inbound.DropAll() }},
	{"the receiver's connections drop", func(o *office, _ *rand.Rand) { o.inbound.DropAll() }},
	{"the store takes nothing for 30 s", func(o *office, _ *rand.Rand) {
		o.sink.breakDown(true)
		time.AfterFunc(30*time.Second, func() { o.sink.breakDown(false) })
	}},
	{"the service hands over to a new process", func(o *office, _ *rand.Rand) {
		o.fleet.Load().HandOver(o.t.Context(), "test")
		o.store = o.store.Restart()
		o.start()
	}},
	{"the service is killed", func(o *office, _ *rand.Rand) {
		next := o.store.Restart()
		o.fleet.Load().HandOver(o.t.Context(), "crash")
		o.store = next
		o.start()
	}},
}

// pushing is one kind of gateway that pushes events.
type pushing struct {
	name     string
	switches huawei.Switches
	options  string
	part     int // of a day: a half, a quarter
}

var pushings = []pushing{
	{"handshake", huawei.Switches{}, "", 1},
	{"heartbeat, older gateway", huawei.Switches{KeepAlive: huawei.KeepAliveHeartbeat, PushSingle: true}, ", keep_alive: heartbeat", 4},
	{"early, without token", huawei.Switches{PushEarly: true, PushNoToken: true, PushPause: sim.Duration(5 * time.Second)}, "", 4},
	{"without the Guid", huawei.Switches{PushNoGuid: true, Cookie: true}, "", 4},
	{"numbers and unknown fields", huawei.Switches{Types: huawei.Types{NumericWorkNo: true, NumericRetcode: true, ExtraFields: true, NoGenTime: true}}, "", 4},
}

// TestPushedDay keeps agents whose events are pushed for 24 hours of mishaps, on
// odder gateways for a quarter of it: no session ends, nothing is polled, and
// every numbered event comes, in order. AGENTKEEPER_AGENTS, AGENTKEEPER_HOURS and
// AGENTKEEPER_SEED change its size.
func TestPushedDay(t *testing.T) {
	agents := size(t, "AGENTKEEPER_AGENTS", 5)
	hours := size(t, "AGENTKEEPER_HOURS", 24)
	seed := size(t, "AGENTKEEPER_SEED", 1)
	for _, p := range pushings {
		t.Run(p.name, func(t *testing.T) {
			began := time.Now()
			d := time.Duration(hours) * time.Hour / time.Duration(p.part)
			synctest.Test(t, func(t *testing.T) { p.day(t, agents, d, seed) })
			t.Logf("seed %d: %v of virtual time in %.1f s", seed, d, time.Since(began).Seconds())
		})
	}
}

func (p pushing) day(t *testing.T, agents int, d time.Duration, seed int) {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	p.switches.EventRate = 0.03
	o := openOffice(t, agents, p.switches, p.options)
	defer o.stop()
	o.start()
	time.Sleep(time.Minute)
	if gap := time.Duration(o.huawei.Ops.Total().LargestGap); gap > 31*time.Second {
		t.Errorf("%v between two signs of life, want at most 31 s", gap)
	}
	played := map[string]int{}
	for end := time.Now().Add(d); time.Now().Before(end); {
		m := mishaps[r.IntN(len(mishaps))]
		played[m.name]++
		o.log.Info("mishap", "what", m.name)
		m.play(o, r)
		// No round number: at the same instant as a handshake, who is first?
		time.Sleep(time.Duration(5+r.IntN(10))*time.Minute + 137*time.Millisecond)
		if n, others := o.online(); n != agents {
			t.Fatalf("%s after %q: %d of %d agents online\n%s", time.Now().Format(time.TimeOnly), m.name, n, agents, others)
		}
	}
	o.judge(agents, played)
}

func (o *office) judge(agents int, played map[string]int) {
	t := o.t
	time.Sleep(time.Minute) // the last events come in
	generated := 0
	failed := 0
	lost := 0
	reaped := 0
	o.sink.mu.Lock()
	for login, a := range o.huawei.Agents() {
		generated = generated + a.Generated
		failed = failed + a.PushFailed
		lost = lost + a.PushLost
		reaped = reaped + a.Reaped
		if got := o.sink.last[session.ID{Platform: "hq", Login: login}]; got < a.Generated-2 || got == 0 {
			t.Errorf("%s: %d of %d numbered events came", login, got, a.Generated)
		}
	}
	t.Logf("%v", played)
	t.Logf("%d numbered events, %d repeats, %d callbacks failed, refused %v, gaps %v", generated, o.sink.repeats, failed, o.sink.dropped, o.sink.gaps)
	if len(o.sink.gaps) > 0 || lost > 0 || o.counts.order > 0 {
		t.Errorf("%d gaps, %d events given up, %d out of order", len(o.sink.gaps), lost, o.counts.order)
	}
	o.sink.mu.Unlock()
	total := o.huawei.Ops.Total()
	t.Logf("%d sign-ins, %d polls, %d handshakes and the like, largest gap %v, largest between contacts %v",
		total.SignIns, total.Polls, total.Messages, time.Duration(total.LargestGap), o.counts.longest("hq"))
	if reaped > 0 || total.SignIns != agents || total.Polls > 0 {
		t.Errorf("%d agents signed out for silence, %d sign-ins, %d polls", reaped, total.SignIns, total.Polls)
	}
	if first := o.huawei.FirstPolls(); len(first) != agents || first[len(first)-1] > 0 {
		t.Errorf("the slowest first handshakes: %v", first)
	}
	o.fleet.Load().Stop(t.Context(), "test")
	if in := o.huawei.SignedIn(); len(in) > 0 {
		t.Errorf("still signed in at the end: %v", in)
	}
}
