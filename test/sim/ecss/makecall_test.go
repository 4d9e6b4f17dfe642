package ecss_test

import (
	"testing"

	"agentkeeper/test/sim/ecss"
)

func TestCallsOfTheAgent(t *testing.T) {
	for shape, id := range map[string]any{"object": map[string]any{"callId": "call-1"}, "string": "call-1"} {
		bubble(t, ecss.Switches{MakeCall: shape}, func(t *testing.T, r *rig) {
			c := r.login("1")
			equal(t, "subscribed", c.ask("call/subscribe", me("1"))["status"], any(200.0))
			c.send("call/makeCall", map[string]any{"number": "89001234567"})
			notice, answer := payloadOf(c.next()), c.next()
			equal(t, "notice", []any{notice["id"], notice["status"], notice["numberA"], notice["numberB"]}, []any{"call-1", "initiating", "401", "89001234567"})
			equal(t, "answer", []any{answer["status"], answer["payload"]}, []any{200.0, id})
			got := c.ask("call/get", map[string]any{"callRef": notice["callRef"]})
			equal(t, "got", payloadOf(got)["id"], any("call-1"))
			if err := r.Hangup("1", "call-1"); err != nil {
				t.Fatal(err)
			}
			equal(t, "over", payloadOf(c.next())["status"], any("released"))
			got = c.ask("call/get", map[string]any{"callRef": notice["callRef"]})
			equal(t, "got when it is over", payloadOf(got)["status"], any("released"))
			equal(t, "another", c.ask("call/get", map[string]any{"callRef": "none"})["status"], any(500.0))
			r.violations(0, "")
		})
	}
}

// TestFeatureCodesChangeNothing: a code for a logout was answered 200 in the
// field, and the agent stayed.
func TestFeatureCodesChangeNothing(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		c := r.login("1")
		equal(t, "status", c.ask("call/makeCall", map[string]any{"number": "#160"})["status"], any(200.0))
		equal(t, "state", r.agent("1").State, ecss.StateAvailable)
		equal(t, "calls", len(r.agent("1").Calls), 0)
	})
}
