package fleet

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
)

// TestNonsenseKeepsTheSessions has a server before the platform answer the polls
// of live sessions, for longer than the window that is configured and for less
// than the platform's own: nobody is called taken, the sessions go on, and nobody
// signs in unless a probe shows the platform itself working.
func TestNonsenseKeepsTheSessions(t *testing.T) {
	faults := map[string]struct {
		sim.Fault
		signIns int // tried; the platform refuses them, for the agents are signed in
	}{
		"401":     {sim.Fault{Op: sim.OpAny, Mode: sim.ModeStatus, Status: http.StatusUnauthorized}, 0},
		"302":     {sim.Fault{Op: sim.OpAny, Mode: sim.ModeStatus, Status: http.StatusFound}, 0},
		"a page":  {sim.Fault{Op: sim.OpAny, Mode: sim.ModeHTML}, 0},
		"garbage": {sim.Fault{Op: sim.OpAny, Mode: sim.ModeGarbage}, 0},
		// The platform itself answers so, or only polls are answered by another
		// server: the probe shows the platform working.
		"a code":              {sim.Fault{Op: sim.OpPoll, Mode: sim.ModeCode, Code: "777-001"}, 3},
		"401 to polls":        {sim.Fault{Op: sim.OpPoll, Mode: sim.ModeStatus, Status: http.StatusUnauthorized}, 3},
		"a page for polls":    {sim.Fault{Op: sim.OpPoll, Mode: sim.ModeHTML}, 3},
		"garbage to polls":    {sim.Fault{Op: sim.OpPoll, Mode: sim.ModeGarbage}, 3},
		"302 in polls' place": {sim.Fault{Op: sim.OpPoll, Mode: sim.ModeStatus, Status: http.StatusFound}, 3},
	}
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3, "")
				defer w.close()
				w.replace("vendor: huawei,", "vendor: huawei, window: 60s, backoff: {max: 2s},")
				w.start()
				time.Sleep(time.Minute)
				var before [2]int
				w.check("start", 6, 0, &before)
				id := w.huawei.Faults.Add(tt.Fault)
				for range 90 {
					time.Sleep(time.Second)
					for _, a := range w.fleet.Agents() {
						if a.View.Reason == session.ReasonTaken {
							t.Fatalf("%v is called taken: %s %s", a.ID, a.View.Code, a.View.Detail)
						}
					}
				}
				w.huawei.Faults.Remove(id)
				time.Sleep(time.Minute)
				w.check("90 s of nonsense", tt.signIns, 0, &before)
				if len(w.counts.lost) > 0 {
					t.Errorf("sessions lost: %v", w.counts.lost)
				}
				if n := w.online(); n != 6 {
					t.Errorf("%d of 6 agents online\n%s", n, w.explain())
				}
				w.fleet.Stop(t.Context(), "test")
			})
		})
	}
}

// TestNonsenseBeyondTheWindow goes on until the platform has signed the agents
// out: then they are signed in again, once, when it answers.
func TestNonsenseBeyondTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, "")
		defer w.close()
		w.start()
		time.Sleep(time.Minute)
		var before [2]int
		w.check("start", 6, 0, &before)
		id := w.huawei.Faults.Add(sim.Fault{Op: sim.OpAny, Mode: sim.ModeStatus, Status: http.StatusUnauthorized})
		time.Sleep(10 * time.Minute)
		w.check("ten minutes of nonsense", 0, 0, &before)
		w.huawei.Faults.Remove(id)
		time.Sleep(2 * time.Minute)
		w.check("the platform answers again", 3, 0, &before)
		if n := w.online(); n != 6 {
			t.Errorf("%d of 6 agents online\n%s", n, w.explain())
		}
		w.fleet.Stop(t.Context(), "test")
	})
}
