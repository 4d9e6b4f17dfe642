package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/waiting"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
)

// onSockets builds the world on real sockets with TLS: hold is Huawei's, ping ours
// for ECSS.
func onSockets(t *testing.T, n int, hold, ping time.Duration) *world {
	t.Helper()
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &world{t: t, store: storetest.NewMemory(), counts: newCounts(), path: filepath.Join(dir, "agentkeeper.yaml")}
	fail := func(text string) { t.Errorf("violation: %s", text) }
	w.huawei = huawei.New(huawei.Config{Agents: huawei.Range(1001, n, password, 40001), OnViolation: fail, Switches: huawei.Switches{Hold: sim.Duration(hold)}})
	w.ecss = ecss.New(ecss.Config{Agents: ecss.Agents(101, n, password), OnViolation: fail})
	urls := map[string]string{}
	listen := func(name string) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		urls[name] = l.Addr().String()
		return l
	}
	w.servers = []*sim.Server{sim.Serve(listen("hq"), w.huawei, conf), sim.Serve(listen("pbx"), w.ecss, conf)}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `allow_inline_secrets: true
platforms:
  hq: {vendor: huawei, url: "https://%s", tls: {ca_file: ca.pem}, sign_in: {rate: 500, concurrent: 50}, options: {hold: %s}}
  pbx: {vendor: ecss, url: "wss://%s", tls: {ca_file: ca.pem}, sign_in: {rate: 500, concurrent: 50}, options: {ping: %s}}
groups:
`, urls["hq"], hold, urls["pbx"], ping)
	fmt.Fprintf(&b, "  - name: bots\n    platform: hq\n    agents:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 40001+i, password)
	}
	fmt.Fprintf(&b, "  - name: operators\n    platform: pbx\n    agents:\n")
	for _, a := range ecss.Agents(101, n, password) {
		fmt.Fprintf(&b, "      - {login: %q, number: %q, password: %s}\n", a.Login, a.Number, password)
	}
	if err := os.WriteFile(w.path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// startIn starts a process of the service whose agents wait in a room.
func (w *world) startIn(room func(context.Context) (waiting.Room, error)) {
	w.t.Helper()
	f, err := fleet.New(w.t.Context(), fleet.Options{Store: w.store, Sink: w.counts, Observer: w.counts, Seed: 1,
		Log: slog.New(slog.DiscardHandler), Room: room})
	if err != nil {
		w.t.Fatal(err)
	}
	w.fleet = f
	w.apply()
}

// rooms are those that this build has.
func rooms(t *testing.T) map[string]func(context.Context) (waiting.Room, error) {
	t.Helper()
	all := map[string]func(context.Context) (waiting.Room, error){"goroutines": nil}
	r, err := waiting.Sockets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r != waiting.Goroutines() {
		all["sockets"] = waiting.Sockets
	}
	return all
}

// within waits until what is true, on a slow machine too.
func (w *world) within(what string, is func() bool) {
	w.t.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatalf("%s: not within a minute\n%s", what, w.explain())
}

func (w *world) all(n int) func() bool { return func() bool { return w.online() == n } }

// A fleet on real sockets, in each room: sign-ins, polls and pings, events, orders
// to agents that wait, the crash and the hand-over of the process, sign-outs.
func TestRooms(t *testing.T) {
	for name, room := range rooms(t) {
		t.Run(name, func(t *testing.T) {
			const n = 30
			w := onSockets(t, n, 300*time.Millisecond, 200*time.Millisecond)
			defer w.close()
			w.startIn(room)
			w.within("all online", w.all(2*n))
			time.Sleep(2 * time.Second) // polls and pings
			w.within("an event", func() bool {
				if err := w.huawei.Emit("1001", "AgentState_Ready", nil); err != nil {
					t.Fatal(err)
				}
				return w.counts.eventsReceived() > 0
			})
			w.order("hq/1002", fleet.Pause)
			w.order("pbx/"+ecss.Agents(101, n, password)[1].Login, fleet.Pause)
			w.within("two paused", w.all(2*n-2))
			w.order("hq/1002", fleet.Resume)
			w.order("pbx/"+ecss.Agents(101, n, password)[1].Login, fleet.Resume)
			w.within("both back", w.all(2*n))
			before := w.counts.of(w.counts.signIns, "hq ok")
			if err := w.huawei.Kick("1003"); err != nil {
				t.Fatal(err)
			}
			// Until it has signed in anew it may still be shown as online.
			w.within("one lost, and back", func() bool { return w.counts.of(w.counts.signIns, "hq ok") > before && w.online() == 2*n })

			before = w.counts.of(w.counts.signIns, "hq ok")
			w.crash()
			w.startIn(room)
			w.within("all online after a crash", w.all(2*n))
			if now := w.counts.of(w.counts.signIns, "hq ok"); now != before {
				t.Errorf("%d new sign-ins after the crash", now-before)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if left := w.fleet.Stop(ctx, "test"); len(left) > 0 {
				t.Errorf("%d left signed in", len(left))
			}
			if gap := w.counts.longest("hq"); gap > 30*time.Second {
				t.Errorf("the longest time without a contact was %v", gap)
			}
		})
	}
}

// order gives an agent a person's order.
func (w *world) order(name string, v fleet.Verb) {
	w.t.Helper()
	platform, login, _ := strings.Cut(name, "/")
	if err := w.fleet.Command(w.t.Context(), session.ID{Platform: platform, Login: login}, v, "test", "a test", 0); err != nil {
		w.t.Fatal(err)
	}
}

func (c *counts) of(what map[string]int, key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return what[key]
}

func (c *counts) eventsReceived() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received
}

func (c *counts) longest(platform string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gap[platform]
}
