package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// What stopped an agent before must not be told as the trouble that holds it in
// the gate now, nor what a person could do about it.
func TestExplainHold(t *testing.T) {
	taken := keeper.View{State: session.Waiting, Reason: session.ReasonTaken, Code: "100-002", Action: "end the other session", Queued: true}
	refused := keeper.View{State: session.Waiting, Reason: session.ReasonOutage, Code: "refused", Action: "check url", Queued: true}
	for _, tt := range []struct {
		view         keeper.View
		held         gate.Status
		reason       session.Reason
		code, action string
	}{
		{taken, gate.Status{Out: true, Held: "out"}, session.ReasonOutage, "", ""},
		{refused, gate.Status{Out: true, Held: "out"}, session.ReasonOutage, "refused", "check url"},
		{taken, gate.Status{Held: "one goes first"}, session.ReasonTaken, "100-002", "end the other session"},
		{keeper.View{Queued: true}, gate.Status{Held: "one goes first"}, session.ReasonNone, "", ""},
		{refused, gate.Status{Quarantined: true, Held: "quarantined until 12:10:00"}, session.ReasonQuarantine, "quarantine",
			"correct the refused agents' passwords, or have the platform let this host's address in; then `agentkeeper quarantine end hq --reason …` lets one log-in try at once, else one tries when the quiet time is over"},
	} {
		got := tt.view
		explainHold(&got, "hq", tt.held)
		want := tt.view
		want.Reason = tt.reason
		want.Code = tt.code
		want.Action = tt.action
		want.Detail = tt.held.Held
		if !cmp.Equal(got, want) {
			t.Errorf("%+v held by %+v: %s", tt.view, tt.held, cmp.Diff(want, got))
		}
	}
}
