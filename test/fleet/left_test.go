package fleet

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/test/sim"
)

// bots is the group of the Huawei agents as newWorld writes it, operators the
// one of the websockets.
func (w *world) dropGroup(from, to string) {
	w.t.Helper()
	w.edit(func(text string) string {
		before, rest, _ := strings.Cut(text, from)
		if to == "" {
			return before
		}
		_, after, _ := strings.Cut(rest, to)
		return before + to + after
	})
}

func (w *world) signedIn() (n int) {
	for _, a := range w.huawei.Agents() {
		if a.SignedIn {
			n++
		}
	}
	return n
}

// TestRemovedBeforeARestart removes agents, and a whole platform, while no
// process runs: the next one signs out what is configured no longer.
func TestRemovedBeforeARestart(t *testing.T) {
	for _, how := range []string{"hand-over", "crash"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 5, "")
				defer w.close()
				restart := func() {
					if how == "crash" {
						w.crash()
					} else {
						w.handOver()
						w.store = w.store.Restart()
					}
					w.start()
				}
				w.start()
				time.Sleep(time.Minute)
				w.replace("      - {login: \"1002\", number: \"40002\", password: secret}\n", "")
				restart()
				time.Sleep(20 * time.Second)
				if w.huawei.Agent("1002").SignedIn || w.signedIn() != 4 {
					t.Errorf("%d agents are signed in, want all but 1002", w.signedIn())
				}
				if n := len(w.fleet.Agents()); n != 9 {
					t.Errorf("%d agents are left, want 9", n)
				}
				w.dropGroup("  - name: bots\n", "  - name: operators\n")
				w.replace("  hq: {vendor: huawei, url: \"http://huawei.test:8043\"}\n", "")
				restart()
				time.Sleep(20 * time.Second)
				if n := w.signedIn(); n != 0 {
					t.Errorf("%d agents of a removed platform are signed in", n)
				}
				if n := len(w.fleet.Agents()); n != 5 || len(w.fleet.Platforms()) != 1 {
					t.Errorf("%d agents on %d platforms are left, want 5 on 1", n, len(w.fleet.Platforms()))
				}
				if all, err := w.store.Load(t.Context()); err != nil || len(all) != 5 {
					t.Errorf("%d records are left, %v", len(all), err)
				}
				w.apply()
				if places, err := w.store.All(t.Context(), store.Platforms); err != nil || len(places) != 1 {
					t.Errorf("%d platforms are stored, want 1, %v", len(places), err)
				}
				w.fleet.Stop(t.Context(), "test")
			})
		})
	}
}

// TestRemovedAndUnreachable removes a platform that cannot be reached: what the
// platform has signed out by itself is given up, and not before.
func TestRemovedAndUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, "")
		defer w.close()
		w.start()
		time.Sleep(time.Minute)
		w.handOver()
		w.store = w.store.Restart()
		w.dropGroup("  - name: bots\n", "  - name: operators\n")
		w.replace("  hq: {vendor: huawei, url: \"http://huawei.test:8043\"}\n", "")
		if err := w.huawei.Outage(sim.ModeStatus, time.Hour); err != nil {
			t.Fatal(err)
		}
		w.start()
		time.Sleep(2 * time.Minute)
		if n := len(w.fleet.Agents()); n != 6 {
			t.Errorf("%d agents after two minutes, want 6: nobody is given up within the window", n)
		}
		time.Sleep(time.Minute)
		if n := len(w.fleet.Agents()); n != 3 {
			t.Errorf("%d agents after three minutes, want 3\n%s", n, w.explain())
		}
		if all, err := w.store.Load(t.Context()); err != nil || len(all) != 3 {
			t.Errorf("%d records are left, %v", len(all), err)
		}
		w.fleet.Stop(t.Context(), "test")
	})
}

// TestRemovedAndAddedAgain adds agents again by a reload while they are being
// signed out: they come back, and a crash in the middle changes nothing.
func TestRemovedAndAddedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, "")
		defer w.close()
		whole := w.text()
		w.start()
		time.Sleep(time.Minute)
		w.handOver()
		w.store = w.store.Restart()
		w.dropGroup("  - name: bots\n", "  - name: operators\n")
		w.replace("  hq: {vendor: huawei, url: \"http://huawei.test:8043\"}\n", "")
		id := w.huawei.Faults.Add(sim.Fault{Op: sim.OpSignOut, Mode: sim.ModeStatus})
		w.start()
		time.Sleep(10 * time.Second)
		w.crash()
		w.start()
		time.Sleep(10 * time.Second)
		if n := w.signedIn(); n != 3 {
			t.Fatalf("%d agents are signed in, want 3: the platform does not sign out", n)
		}
		w.edit(func(string) string { return whole })
		w.huawei.Faults.Remove(id)
		w.apply()
		time.Sleep(2 * time.Minute)
		if n := w.online(); n != 6 {
			t.Errorf("%d of 6 agents online\n%s", n, w.explain())
		}
		for _, a := range w.fleet.Agents() {
			if a.View.State != session.Online || a.Pending != "" {
				t.Errorf("%v: %s %s", a.ID, a.View.State, a.Pending)
			}
		}
		w.fleet.Stop(t.Context(), "test")
	})
}
