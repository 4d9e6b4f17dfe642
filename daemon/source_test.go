package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Whoever should be online and is not is missing, for one reason.
func TestMissing(t *testing.T) {
	agents := []struct {
		name string
		wish session.Wish
		view keeper.View
		held string
		want map[string]int
	}{
		{"online", session.Stay, keeper.View{State: session.Online}, "", map[string]int{}},
		{"not wanted", session.Leave, keeper.View{State: session.Offline}, "", map[string]int{}},
		{"still signed in", session.Leave, keeper.View{State: session.SigningOut, Reason: session.ReasonBusy}, "", map[string]int{}},
		{"its turn comes", session.Stay, keeper.View{State: session.Waiting, Queued: true}, "", map[string]int{"queued": 1}},
		{"lost, its turn comes", session.Stay, keeper.View{State: session.Waiting, Reason: session.ReasonLost, Queued: true}, "", map[string]int{"queued": 1}},
		{"held by an outage", session.Stay, keeper.View{State: session.Waiting, Reason: session.ReasonOutage, Queued: true}, "out", map[string]int{"outage": 1}},
		{"held by a quarantine", session.Stay, keeper.View{State: session.Waiting, Reason: session.ReasonQuarantine, Queued: true}, "quarantined", map[string]int{"quarantine": 1}},
		{"held, another goes first", session.Stay, keeper.View{State: session.Waiting, Queued: true}, "trial", map[string]int{"queued": 1}},
		{"first attempt", session.Stay, keeper.View{State: session.SigningIn}, "", map[string]int{"starting": 1}},
		{"parked", session.Stay, keeper.View{State: session.Parked, Reason: session.ReasonRefused}, "", map[string]int{"refused": 1}},
	}
	for _, tt := range agents {
		p := newPlace(fleet.Platform{Name: "hq", Gate: gate.Status{Held: tt.held}}, &config.Config{})
		p.count(fleet.Agent{Wish: tt.wish, View: tt.view}, time.Now())
		if diff := cmp.Diff(tt.want, p.Missing); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// Warnings that come and go with a request need nobody.
func TestWarned(t *testing.T) {
	p := newPlace(fleet.Platform{Name: "hq"}, &config.Config{})
	for _, codes := range [][]string{nil, {"probe_off", "voice_unavailable"}, {keeper.RequestFailed}} {
		view := keeper.View{State: session.Online}
		for _, code := range codes {
			view.Warnings = append(view.Warnings, session.Warning{Code: code})
		}
		p.count(fleet.Agent{Wish: session.Stay, View: view}, time.Now())
	}
	if p.Warned != 1 {
		t.Errorf("%d agents warned, want the one whose warnings stay", p.Warned)
	}
}

func TestStuck(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, tt := range []struct {
		name string
		view keeper.View
		want bool
	}{
		{"signing in", keeper.View{State: session.SigningIn, Since: ago(2 * time.Minute)}, false},
		{"signing in for longer than may be", keeper.View{State: session.SigningIn, Since: ago(4 * time.Minute)}, true},
		{"signing out for longer than may be", keeper.View{State: session.SigningOut, Since: ago(time.Hour)}, true},
		{"in a call", keeper.View{State: session.SigningOut, Reason: session.ReasonBusy, Since: ago(time.Hour), NextAttempt: now.Add(time.Second)}, false},
		{"asking whether the call is over", keeper.View{State: session.SigningOut, Reason: session.ReasonBusy, Since: ago(time.Hour)}, false},
		{"waiting", keeper.View{State: session.Waiting, Since: ago(time.Hour), NextAttempt: ago(time.Second)}, false},
		{"waiting beyond the next attempt", keeper.View{State: session.Waiting, NextAttempt: ago(2 * time.Minute)}, true},
		{"held in the queue", keeper.View{State: session.Waiting, Queued: true, NextAttempt: ago(time.Hour)}, false},
		{"parked", keeper.View{State: session.Parked, Since: ago(time.Hour)}, false},
		{"online", keeper.View{State: session.Online, Since: ago(time.Hour), LastContact: ago(time.Hour)}, false},
	} {
		if got := stuck(fleet.Agent{View: tt.view}, 30*time.Second, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if stuck(fleet.Agent{View: keeper.View{State: session.SigningOut, Since: ago(time.Hour)}}, 0, now) {
		t.Error("an agent of a platform that is leaving has no time limit")
	}
}
