package metrics

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		v := tt.view
		got := missing(fleet.Platform{Name: "hq", Gate: gate.Status{Held: tt.held},
			Counts: []fleet.Count{{State: v.State, Reason: v.Reason, Queued: v.Queued, Wish: tt.wish, Agents: 1}}})
		maps.DeleteFunc(got, func(_ string, n int) bool { return n == 0 })
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
