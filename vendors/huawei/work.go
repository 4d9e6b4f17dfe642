package huawei

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/wire"
)

// working is what the platform tells of an agent's working state (vendor pages:
// states of agents, agentstatus).
var working = adapter.Work{
	Read: readWork,
	Ask: &adapter.Ask{
		Method: http.MethodGet,
		Path:   func(login string) string { return "onlineagent/" + url.PathEscape(login) + "/agentstatus" },
		Read:   readStatus,
	},
}

// forced stands before the events of what an inspector did.
const forced = "AgentState_Force_"

// readWork reads an event. AgentState_Busy is no busy state: a call is being given,
// or handled. A reminder that a rest is over ends none (vendor page: rest).
func readWork(e session.Event) (work.Change, bool) {
	switch e.Type {
	case "AgentState_SetNotReady_Success":
		return busied(reasonIn(e)), true
	case "AgentState_SetRest_Success":
		return work.Change{State: work.Rest, By: work.ByUnknown, Code: reasonIn(e)}, true
	}
	if c, ok := changeOf[e.Type]; ok {
		return c, true
	}
	if what, ok := strings.CutPrefix(e.Type, forced); ok {
		return work.Change{State: forcedState(what), By: work.ByInspector, Sure: true, Reason: "forced by an inspector"}, true
	}
	return work.Change{}, false
}

// changeOf are the events that tell a state by their name alone.
var changeOf = map[string]work.Change{
	"AgentState_Ready":                  {State: work.Ready, By: work.ByPlatform},
	"AgentState_CancelNotReady_Success": {State: work.Ready, By: work.ByUnknown},
	"AgentState_CancelRest_Success":     {State: work.Ready, By: work.ByUnknown},
	"AgentState_CancelWork_Success":     {State: work.Ready, By: work.ByPlatform},
	"AgentState_SetWork_Success":        {State: work.WrapUp, By: work.ByUnknown},
	"AgentState_Work":                   {State: work.WrapUp, By: work.ByPlatform},
	"AgentState_Busy":                   {State: work.Offered, By: work.ByPlatform},
	"AgentOther_PhoneAlerting":          {State: work.Offered, By: work.ByPlatform},
	"AgentEvent_Ringing":                {State: work.Offered, By: work.ByPlatform},
	"AgentEvent_Auto_Answer":            {State: work.Offered, By: work.ByPlatform},
	"AgentEvent_Talking":                {State: work.Talking, By: work.ByPlatform, Answered: true},
	"AgentEvent_Hold":                   {State: work.Talking, By: work.ByPlatform},
	"AgentEvent_Conference":             {State: work.Talking, By: work.ByPlatform},
}

// forcedState reads what an inspector made of an agent out of an event's name.
func forcedState(what string) work.State {
	switch what = strings.ToLower(what); {
	case strings.Contains(what, "notready"), strings.Contains(what, "busy"):
		return work.Busy
	case strings.Contains(what, "rest"):
		return work.Rest
	case strings.Contains(what, "ready"), strings.Contains(what, "idle"), strings.Contains(what, "free"):
		return work.Ready
	}
	return work.Unknown
}

// busied reads why an agent is busy (vendor page: SetNotReady_Success).
func busied(reason string) work.Change {
	c, known := busyOf[reason]
	switch {
	case known:
	case within(reason, 200, 250):
		c = work.Change{By: work.ByProgram, Reason: "a reason of the site"}
	default:
		c = work.Change{By: work.ByUnknown}
	}
	c.State, c.Code = work.Busy, reason
	return c
}

// busyOf are the reasons of a busy state. Those that are sure are the platform's or an
// inspector's, whoever asked for the state.
var busyOf = map[string]work.Change{
	"":  {By: work.ByProgram, Reason: "no reason given"},
	"0": {By: work.ByProgram, Reason: "no reason given"},
	"1": {By: work.ByProgram, Reason: "asked for within the session"},
	"2": {By: work.ByPlatform, Sure: true, Cause: work.NoAnswer, Reason: "call not answered"},
	"3": {By: work.ByInspector, Sure: true, Reason: "forced by an inspector"},
	"4": {By: work.ByUnknown, Reason: "rest"},
	"5": {By: work.ByPlatform, Sure: true, Cause: work.Phone, Reason: "phone not available"},
	"7": {By: work.ByPlatform, Sure: true, Cause: work.Rejected, Reason: "call rejected"},
}

// reasonIn returns content.reason, a number or a string; "" where there is none.
func reasonIn(e session.Event) string {
	var v struct {
		Content struct {
			Reason wire.Text `json:"reason"`
		} `json:"content"`
	}
	if json.Unmarshal(e.Data, &v) != nil {
		return ""
	}
	return session.Cut(wire.Plain(string(v.Content.Reason)), reasonLimit)
}

// reasonLimit bounds what is kept of a reason that the platform gives, in bytes.
const reasonLimit = 16

func within(text string, low, high int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= low && n <= high && strconv.Itoa(n) == text
}

// readStatus reads the answer to agentstatus. Its numbers are its own: those of the
// sign-in and of the CTI differ (vendor page: agentstatus).
func readStatus(body []byte) (work.Change, bool) {
	var v struct {
		Retcode wire.Text `json:"retcode"`
		Result  struct {
			AgentState wire.Text `json:"agentState"`
			IsWorking  wire.Text `json:"isWorking"`
		} `json:"result"`
	}
	if json.Unmarshal(body, &v) != nil || v.Retcode != "0" {
		return work.Change{}, false
	}
	c := work.Change{By: work.ByUnknown}
	switch string(v.Result.AgentState) {
	case "3":
		c.State = work.Busy
	case "4":
		c.State = work.Ready
	case "5":
		c.State = work.WrapUp
	case "7":
		c.State = work.Talking
	case "8":
		c.State = work.Rest
	case "9":
		c.State, c.Pre = work.Rest, true
	default:
		return work.Change{}, false
	}
	if v.Result.IsWorking == "true" && (c.State == work.Busy || c.State == work.Ready) { // a call first
		c.State = work.Talking
	}
	return c, true
}
