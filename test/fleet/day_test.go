package fleet

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
)

// size takes a number from the environment.
func size(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

// incident is something that goes wrong and is over again within the window.
type incident struct {
	name string
	play func(w *world, r *rand.Rand)
}

var incidents = []incident{
	{"huawei refuses connections for 30 s", func(w *world, _ *rand.Rand) { _ = w.huawei.Outage(sim.ModeRefuse, 30*time.Second) }},
	{"huawei hangs for 30 s", func(w *world, _ *rand.Rand) { _ = w.huawei.Outage(sim.ModeHang, 30*time.Second) }},
	{"huawei answers 503 for 45 s", func(w *world, _ *rand.Rand) { _ = w.huawei.Outage(sim.ModeStatus, 45*time.Second) }},
	{"huawei resets connections for 20 s", func(w *world, _ *rand.Rand) { _ = w.huawei.Outage(sim.ModeReset, 20*time.Second) }},
	{"huawei polls answer garbage", func(w *world, r *rand.Rand) {
		modes := []string{sim.ModeHTML, sim.ModeTruncate, sim.ModeGarbage, sim.ModeEmpty, sim.ModeBig}
		w.huawei.Faults.Add(sim.Fault{Op: sim.OpPoll, Mode: modes[r.IntN(len(modes))], Count: 20})
	}},
	{"huawei connections drop", func(w *world, _ *rand.Rand) { w.lines["huawei.test"].DropAll() }},
	{"a huawei agent is signed out", func(w *world, r *rand.Rand) { _ = w.huawei.Kick(strconv.Itoa(1001 + r.IntN(10))) }},
	{"a sign-in's answer is lost", func(w *world, r *rand.Rand) {
		login := strconv.Itoa(1001 + r.IntN(10))
		w.huawei.Faults.Add(sim.Fault{Op: sim.OpSignIn, Agent: login, Mode: sim.ModeLost, Count: 1})
		_ = w.huawei.Kick(login)
	}},
	{"a person takes an agent over for 3 minutes", func(w *world, r *rand.Rand) {
		_ = w.huawei.Displace(strconv.Itoa(1001+r.IntN(10)), 3*time.Minute)
	}},
	{"the ecss proxy restarts", func(w *world, r *rand.Rand) { w.ecss.Restart(r.IntN(2) == 0, 20*time.Second) }},
	{"the ecss core is down", func(w *world, _ *rand.Rand) { _ = w.ecss.Core("down", 40*time.Second, false) }},
	{"ecss agents are logged out", func(w *world, r *rand.Rand) { _ = w.ecss.Kick(strconv.Itoa(101+r.IntN(10)), "close") }},
	{"the store cannot be written for 30 s", func(w *world, _ *rand.Rand) {
		s := w.store
		s.Fail(errDisk)
		time.AfterFunc(30*time.Second, func() { s.Fail(nil) })
	}},
	{"the service hands over to a new process", func(w *world, _ *rand.Rand) { w.handOver(); w.store = w.store.Restart(); w.start() }},
	{"the service is killed", func(w *world, _ *rand.Rand) { w.crash(); w.start() }},
	{"a reload without a change", func(w *world, _ *rand.Rand) { w.apply() }},
}

type diskError string

func (e diskError) Error() string { return string(e) }

const errDisk = diskError("no space left on device")

// TestDay keeps 100 agents of each vendor online for 24 hours of incidents,
// each of them shorter than the window. AGENTKEEPER_AGENTS, AGENTKEEPER_HOURS
// and AGENTKEEPER_SEED change its size.
func TestDay(t *testing.T) {
	agents := size(t, "AGENTKEEPER_AGENTS", 100)
	hours := size(t, "AGENTKEEPER_HOURS", 24)
	seed := size(t, "AGENTKEEPER_SEED", 1)
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		w := newWorld(t, agents, "")
		defer w.close()
		w.start()
		time.Sleep(time.Minute)
		if n := w.online(); n != 2*agents {
			t.Fatalf("%d of %d agents online after a minute\n%s", n, 2*agents, w.explain())
		}
		played := map[string]int{}
		for end := time.Now().Add(time.Duration(hours) * time.Hour); time.Now().Before(end); {
			i := incidents[r.IntN(len(incidents))]
			played[i.name]++
			i.play(w, r)
			time.Sleep(time.Duration(5+r.IntN(10)) * time.Minute)
			if n := w.online(); n != 2*agents {
				t.Fatalf("%s after %q: %d of %d agents online\n%s", time.Now().Format(time.TimeOnly), i.name, n, 2*agents, w.explain())
			}
		}
		w.judge(agents, played)
		w.fleet.Stop(t.Context(), "test")
		if in := w.huawei.SignedIn(); len(in) > 0 {
			t.Errorf("still signed in at the end: %v", in)
		}
	})
	t.Logf("seed %d: %d hours of virtual time in %.1f s", seed, hours, time.Since(began).Seconds())
}

// judge compares what the platforms counted with what is allowed.
func (w *world) judge(agents int, played map[string]int) {
	t, c := w.t, w.counts
	reaped := 0
	for _, a := range w.huawei.Agents() {
		reaped += a.Reaped
	}
	h, e := w.huawei.Ops.Total(), w.ecss.Ops().Total()
	for name, n := range played {
		t.Logf("%3d x %s", n, name)
	}
	t.Logf("huawei: %d sign-ins, %d sign-outs, %d polls, %d signed out for silence, slowest first poll %v", h.SignIns, h.SignOuts, h.Polls, reaped, c.first)
	t.Logf("ecss: %d log-ins, %d log-outs, %d messages", e.SignIns, e.SignOuts, e.Messages)
	t.Logf("sign-ins %v, lost %v, adopted %v, largest gaps %v, events %d", c.signIns, c.lost, c.adopted, c.gap, c.received)
	ghosts := played["a sign-in's answer is lost"] + played["a person takes an agent over for 3 minutes"]
	if reaped > ghosts {
		t.Errorf("%d agents were signed out for silence; only the %d sessions nobody had a key of may be", reaped, ghosts)
	}
	if first := w.huawei.FirstPolls(); len(first) == 0 || first[len(first)-1] > 0 {
		t.Errorf("the slowest first poll came %v after its sign-in, want 0 in virtual time", first[len(first)-1])
	}
	if c.order > 0 {
		t.Errorf("%d events out of order", c.order)
	}
	// A person who holds an agent for three minutes is tried every so often; a
	// lost session is one more sign-in each.
	if most := agents + 8*len(played)*10 + 12*ghosts; h.SignIns > most {
		t.Errorf("%d huawei sign-ins, want at most %d", h.SignIns, most)
	}
}
