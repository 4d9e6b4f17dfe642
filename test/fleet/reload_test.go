package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// text returns the configuration's text.
func (w *world) text() string {
	w.t.Helper()
	text, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// edit changes the configuration's text.
func (w *world) edit(change func(text string) string) {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(change(w.text())), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// replace changes the configuration's text.
func (w *world) replace(old, with string) {
	w.t.Helper()
	if !strings.Contains(w.text(), old) {
		w.t.Fatalf("%q is not in the configuration", old)
	}
	w.edit(func(text string) string { return strings.ReplaceAll(text, old, with) })
}

func (w *world) operations() (ins, outs int) {
	h, e := w.huawei.Ops.Total(), w.ecss.Ops().Total()
	return h.SignIns + e.SignIns, h.SignOuts + e.SignOuts
}

// check compares what the platforms counted since the last check.
func (w *world) check(what string, ins, outs int, before *[2]int) {
	w.t.Helper()
	i, o := w.operations()
	if i-before[0] != ins || o-before[1] != outs {
		w.t.Errorf("%s: %d sign-ins and %d sign-outs, want %d and %d", what, i-before[0], o-before[1], ins, outs)
	}
	*before = [2]int{i, o}
}

// TestReloadTouchesWhatChanged reloads with one change after the other and
// counts the operations that each costs.
func TestReloadTouchesWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10, "")
		defer w.close()
		var before [2]int
		w.start()
		time.Sleep(time.Minute)
		w.check("start", 20, 0, &before)
		steps := []struct {
			name      string
			old, with string
			ins, outs int
			changed   int
		}{
			{"nothing", "name: bots", "name: bots", 0, 0, 0},
			{"another group name", "name: bots", "name: robots", 0, 0, 0},
			{"limits of the platform", "url: \"http://huawei.test:8043\"", "url: \"http://huawei.test:8043\", sign_in: {rate: 5}, lockout: {failures: 2}, backoff: {max: 30s}", 0, 0, 0},
			{"an option that the session does not feel", "vendor: huawei,", "vendor: huawei, options: {poll_pause: 300ms},", 0, 0, 10},
			{"the window", "vendor: huawei,", "vendor: huawei, window: 100s,", 0, 0, 10},
			{"an option that the sign-in sends", "number: \"40001\", ", "number: \"40001\", options: {status: 3}, ", 1, 1, 1},
			{"a password", "{login: \"1002\", number: \"40002\", password: secret}", "{login: \"1002\", number: \"40002\", password: other}", 0, 0, 0},
			{"a removed agent", "      - {login: \"1003\", number: \"40003\", password: secret}\n", "", 0, 1, 0},
			{"an added agent", "      - {login: \"1004\"", "      - {login: \"1003\", number: \"40003\", password: secret}\n      - {login: \"1004\"", 1, 0, 0},
			{"the ping of the websockets", "vendor: ecss,", "vendor: ecss, options: {ping: 20s}, window: 75s,", 0, 0, 0},
			{"the role of the websockets", "options: {ping: 20s}", "options: {ping: 20s, role: supervisor}", 10, 10, 10},
		}
		for _, s := range steps {
			w.replace(s.old, s.with)
			plan := w.apply()
			if len(plan.Change) != s.changed {
				t.Errorf("%s: the plan changes %v, want %d agents", s.name, plan.Change, s.changed)
			}
			time.Sleep(time.Minute)
			w.check(s.name, s.ins, s.outs, &before)
			if n, want := w.online(), len(w.fleet.Agents()); n != want {
				t.Errorf("%s: %d of %d agents online\n%s", s.name, n, want, w.explain())
			}
		}
		for range 100 {
			w.apply()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		w.check("a hundred reloads", 0, 0, &before)
		w.fleet.Stop(t.Context(), "test")
		w.check("stop", 0, 20, &before)
	})
}

// TestSettingsChangedWhileDown changes what a sign-in sends, and a refused
// password, while no process runs.
func TestSettingsChangedWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, "")
		defer w.close()
		_ = w.huawei.SetPassword("1001", "another")
		w.start()
		time.Sleep(time.Minute)
		var before [2]int
		w.check("start", 6, 0, &before)
		w.handOver()
		w.store = w.store.Restart()
		w.start()
		time.Sleep(time.Minute)
		w.check("restart: the refused password is not tried again; the websockets are new", 3, 0, &before)
		w.handOver()
		w.store = w.store.Restart()
		w.replace("number: \"40002\", ", "number: \"40002\", options: {status: 3}, ")
		w.replace("{login: \"1001\", number: \"40001\", password: secret}", "{login: \"1001\", number: \"40001\", password: another}")
		w.start()
		time.Sleep(time.Minute)
		w.check("restart with changes", 3+1+1, 1, &before)
		if n := w.online(); n != 6 {
			t.Errorf("%d of 6 agents online\n%s", n, w.explain())
		}
		w.fleet.Stop(t.Context(), "test")
	})
}

func (w *world) tell(id session.ID, v fleet.Verb, hold time.Duration) {
	w.t.Helper()
	if err := w.fleet.Command(w.t.Context(), id, v, "tester", "a test", hold); err != nil {
		w.t.Fatal(err)
	}
}

// TestOverrides lets a person speak over the schedule, and restarts in
// between.
func TestOverrides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, "")
		defer w.close()
		w.start()
		defer func() { w.fleet.Stop(t.Context(), "test") }()
		id := session.ID{Platform: "hq", Login: "1001"}
		expect := func(when string, want session.State) {
			t.Helper()
			time.Sleep(30 * time.Second)
			if a, _ := w.fleet.Agent(id); a.View.State != want {
				t.Errorf("%s: %s, want %s", when, a.View.State, want)
			}
		}
		restart := func() {
			w.handOver()
			w.store = w.store.Restart()
			w.start()
		}
		expect("at the start", session.Online)
		w.tell(id, fleet.SignOut, 0)
		expect("signed out", session.Offline)
		restart()
		expect("signed out, after a restart", session.Offline)
		w.tell(id, fleet.SignIn, 0)
		expect("signed in", session.Online)
		w.tell(id, fleet.Pause, 0)
		restart()
		expect("paused, after a restart", session.Offline)
		w.tell(id, fleet.Resume, 0)
		expect("resumed", session.Online)
		w.tell(id, fleet.SignOut, 10*time.Minute)
		expect("signed out for ten minutes", session.Offline)
		restart()
		expect("within them, after a restart", session.Offline)
		time.Sleep(10 * time.Minute)
		expect("after them", session.Online)
		if err := w.fleet.Command(t.Context(), session.ID{Platform: "hq", Login: "9"}, fleet.Pause, "tester", "x", 0); !errors.Is(err, fleet.ErrUnknownAgent) {
			t.Errorf("an unknown agent: %v", err)
		}
		if err := w.fleet.Command(t.Context(), id, "dance", "tester", "x", 0); !errors.Is(err, fleet.ErrVerb) {
			t.Errorf("an unknown verb: %v", err)
		}
	})
}

// TestShift signs a group in and out by its schedule, over a restart in
// mid-shift and an override that ends with the shift.
func TestShift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, "")
		defer w.close()
		w.replace("name: bots\n    platform: hq\n", "name: bots\n    platform: hq\n    schedule: {sign_in: \"0 9 * * *\", sign_out: \"0 18 * * *\", time_zone: UTC}\n")
		w.start() // bubbles begin at midnight UTC
		defer func() { w.fleet.Stop(t.Context(), "test") }()
		id := session.ID{Platform: "hq", Login: "1001"}
		at := func(hour, minute int, want session.State) {
			t.Helper()
			now := time.Now().UTC()
			next := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.UTC)
			if !next.After(now) {
				next = next.AddDate(0, 0, 1)
			}
			time.Sleep(next.Sub(now))
			if a, _ := w.fleet.Agent(id); a.View.State != want {
				t.Errorf("%02d:%02d: %s, want %s", hour, minute, a.View.State, want)
			}
		}
		at(8, 59, session.Offline)
		at(9, 1, session.Online)
		w.handOver()
		w.store = w.store.Restart()
		w.start()
		at(12, 0, session.Online)
		w.tell(id, fleet.SignOut, 0)
		at(12, 1, session.Offline)
		at(17, 0, session.Offline)
		at(18, 1, session.Offline)
		at(9, 1, session.Online) // the override ended with the shift
		at(18, 1, session.Offline)
	})
}

// TestShiftEndsInACall ends a shift while an agent talks: it is retried and
// reported, not cut, and signed out after the call.
func TestShiftEndsInACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, "")
		defer w.close()
		w.replace("name: bots\n    platform: hq\n", "name: bots\n    platform: hq\n    schedule: {sign_in: \"0 9 * * *\", sign_out: \"0 18 * * *\", time_zone: UTC}\n")
		w.start()
		defer func() { w.fleet.Stop(t.Context(), "test") }()
		talks, other := session.ID{Platform: "hq", Login: "1001"}, session.ID{Platform: "hq", Login: "1002"}
		expect := func(when string, id session.ID, state session.State, reason session.Reason) {
			t.Helper()
			if a, _ := w.fleet.Agent(id); a.View.State != state || a.View.Reason != reason {
				t.Errorf("%s: %s is %s, %s", when, id, a.View.State, a.View.Reason)
			}
		}
		time.Sleep(17*time.Hour + 55*time.Minute)
		if err := w.huawei.Call("1001"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		expect("in a call", other, session.Offline, session.ReasonNone)
		for range 30 {
			expect("in a call", talks, session.SigningOut, session.ReasonBusy)
			time.Sleep(time.Minute)
		}
		if err := w.huawei.Hangup("1001"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		expect("after it", talks, session.Offline, session.ReasonNone)
	})
}

// TestDayFiles changes a file of holidays and one of workdays, and reloads.
// Bubbles begin on a Saturday.
func TestDayFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, "")
		defer w.close()
		write := func(name, text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(filepath.Dir(w.path), name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("off.txt", "2000-01-03 # a Monday\n")
		write("on.txt", "2000-01-01\n2000-01-05\n")
		w.replace("name: bots\n    platform: hq\n", "name: bots\n    platform: hq\n    schedule: {sign_in: [\"0 9 * * mon-fri\", \"0 14 * * sun\"], sign_out: [\"0 18 * * mon-fri\", \"0 16 * * sun\"], time_zone: UTC, holidays: [off.txt], workdays: [on.txt]}\n")
		w.start()
		defer func() { w.fleet.Stop(t.Context(), "test") }()
		for day, want := range []struct {
			state session.State
			today string
		}{
			{session.Online, "a workday of the schedule, as Monday: sign-in at 09:00"},
			{session.Offline, ""}, // a Sunday at noon
			{session.Offline, "a holiday of the schedule: no sign-in at 09:00"},
			{session.Offline, "a holiday of the schedule: no sign-in at 09:00"},
			{session.Online, ""},
			{session.Online, ""},
			{session.Online, ""},
			{session.Online, "a workday of the schedule, as Monday: sign-in at 09:00"},
		} {
			time.Sleep(12 * time.Hour)
			if a, _ := w.fleet.Agent(session.ID{Platform: "hq", Login: "1001"}); a.View.State != want.state || a.Today != want.today {
				t.Errorf("day %d: %s, %q, want %s, %q", day, a.View.State, a.Today, want.state, want.today)
			}
			time.Sleep(12 * time.Hour)
			if day == 2 {
				write("off.txt", "2000-01-04\n")
				write("on.txt", "2000-01-08\n")
				w.apply()
			}
		}
	})
}
