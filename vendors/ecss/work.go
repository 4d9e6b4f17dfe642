package ecss

import (
	"bytes"
	"encoding/json"

	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/wire"
)

// working is what the platform tells of an agent's working state: its calls. No
// documented action changes the state, or reads it back (vendor page: call/subscribe).
var working = adapter.Work{Read: readWork}

// callStates are the statuses of a call that tell what its agent does.
var callStates = map[string]work.State{
	"alerting": work.Offered,
	"working":  work.Talking, "hold": work.Talking,
	"acw":      work.WrapUp,
	"released": work.Unknown, "finished": work.Unknown,
}

// weight orders the states of several calls at once: the greatest is the agent's.
var weight = map[work.State]int{work.Unknown: 1, work.WrapUp: 2, work.Offered: 3, work.Talking: 4}

// callLimit bounds the calls that are looked at in one event.
const callLimit = 64

// readWork reads a frame that holds one call or a list of calls. The subscription is
// to the agent's own calls only. A frame without one tells nothing: that no call is
// there does not say that the agent is available.
func readWork(e session.Event) (work.Change, bool) {
	if !bytes.Contains(e.Data, []byte("callRef")) && !bytes.Contains(e.Data, []byte("operatorId")) { // most frames end here
		return work.Change{}, false
	}
	var frame struct {
		Payload json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(e.Data, &frame) != nil {
		return work.Change{}, false
	}
	best := work.State("")
	for _, status := range callsIn(frame.Payload) {
		if state := callStates[status]; weight[state] > weight[best] {
			best = state
		}
	}
	return work.Change{State: best, By: work.ByPlatform, Sure: true, Answered: best == work.Talking}, best != ""
}

// callsIn returns the statuses of the calls in a payload: an object or a list.
func callsIn(payload json.RawMessage) (statuses []string) {
	type call struct {
		Status wire.Text `json:"status"`
	}
	var list []call
	if json.Unmarshal(payload, &list) != nil {
		var one call
		if json.Unmarshal(payload, &one) != nil {
			return nil
		}
		list = []call{one}
	}
	for _, c := range list[:min(len(list), callLimit)] {
		statuses = append(statuses, string(c.Status))
	}
	return statuses
}
