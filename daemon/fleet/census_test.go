package fleet

import (
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Warnings that come and go with a request need nobody.
func TestWarned(t *testing.T) {
	for want, codes := range map[bool][][]string{false: {nil, {keeper.RequestFailed}}, true: {{"probe_off", "voice_unavailable"}, {keeper.RequestFailed, "probe_off"}}} {
		for _, list := range codes {
			view := keeper.View{State: session.Online}
			for _, code := range list {
				view.Warnings = append(view.Warnings, session.Warning{Code: code})
			}
			if got := view.Standing().Warned; got != want {
				t.Errorf("%v: warned %v, want %v", list, got, want)
			}
		}
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
		if got := stuck(&tt.view, 30*time.Second, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if stuck(&keeper.View{State: session.SigningOut, Since: ago(time.Hour)}, 0, now) {
		t.Error("an agent of a platform that is leaving has no time limit")
	}
}
