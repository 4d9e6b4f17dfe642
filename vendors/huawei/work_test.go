package huawei

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/work"
)

// told is the event of that type and content.
func told(typ, content string) session.Event {
	return newEvent(json.RawMessage(fmt.Sprintf(`{"eventType":%q,"workNo":"291","content":%s}`, typ, content)))
}

func TestReadWork(t *testing.T) {
	type key struct{ typ, content string }
	platform, nobody := work.ByPlatform, work.ByUnknown
	for k, want := range map[key]work.Change{
		{"AgentState_Ready", "null"}:                                 {State: work.Ready, By: platform},
		{"AgentState_CancelNotReady_Success", "null"}:                {State: work.Ready, By: nobody},
		{"AgentState_Work", "null"}:                                  {State: work.WrapUp, By: platform},
		{"AgentState_SetWork_Success", "null"}:                       {State: work.WrapUp, By: nobody},
		{"AgentState_SetRest_Success", `{"reason":7}`}:               {State: work.Rest, By: nobody, Code: "7"},
		{"AgentState_SetNotReady_Success", `{"reason":2}`}:           {State: work.Busy, By: platform, Sure: true, Code: "2", Cause: work.NoAnswer, Reason: "call not answered"},
		{"AgentState_SetNotReady_Success", `{"reason":"2"}`}:         {State: work.Busy, By: platform, Sure: true, Code: "2", Cause: work.NoAnswer, Reason: "call not answered"},
		{"AgentState_SetNotReady_Success", `{"reason":5}`}:           {State: work.Busy, By: platform, Sure: true, Code: "5", Cause: work.Phone, Reason: "phone not available"},
		{"AgentState_SetNotReady_Success", `{"reason":7}`}:           {State: work.Busy, By: platform, Sure: true, Code: "7", Cause: work.Rejected, Reason: "call rejected"},
		{"AgentState_SetNotReady_Success", `{"reason":3}`}:           {State: work.Busy, By: work.ByInspector, Sure: true, Code: "3", Reason: "forced by an inspector"},
		{"AgentState_SetNotReady_Success", `{"reason":0}`}:           {State: work.Busy, By: work.ByProgram, Code: "0", Reason: "no reason given"},
		{"AgentState_SetNotReady_Success", `{"reason":1}`}:           {State: work.Busy, By: work.ByProgram, Code: "1", Reason: "asked for within the session"},
		{"AgentState_SetNotReady_Success", `{"reason":250}`}:         {State: work.Busy, By: work.ByProgram, Code: "250", Reason: "a reason of the site"},
		{"AgentState_SetNotReady_Success", `{"reason":4}`}:           {State: work.Busy, By: nobody, Code: "4", Reason: "rest"},
		{"AgentState_SetNotReady_Success", `{"reason":251}`}:         {State: work.Busy, By: nobody, Code: "251"},
		{"AgentState_SetNotReady_Success", `null`}:                   {State: work.Busy, By: work.ByProgram, Reason: "no reason given"},
		{"AgentState_SetNotReady_Success", `"2"`}:                    {State: work.Busy, By: work.ByProgram, Reason: "no reason given"},
		{"AgentState_Force_SetNotReady", `null`}:                     {State: work.Busy, By: work.ByInspector, Sure: true, Reason: "forced by an inspector"},
		{"AgentState_Force_Ready", `null`}:                           {State: work.Ready, By: work.ByInspector, Sure: true, Reason: "forced by an inspector"},
		{"AgentState_Force_SetRest", `null`}:                         {State: work.Rest, By: work.ByInspector, Sure: true, Reason: "forced by an inspector"},
		{"AgentState_Force_Odd", `null`}:                             {State: work.Unknown, By: work.ByInspector, Sure: true, Reason: "forced by an inspector"},
		{"AgentState_Busy", `null`}:                                  {State: work.Offered, By: platform},
		{"AgentEvent_Ringing", `{"callid":"1"}`}:                     {State: work.Offered, By: platform},
		{"AgentEvent_Talking", `{"callid":"1"}`}:                     {State: work.Talking, By: platform, Answered: true},
		{"AgentEvent_Hold", `"1"`}:                                   {State: work.Talking, By: platform},
		{"AgentState_Rest_Timeout", `null`}:                          {},
		{"AgentEvent_No_Answer", `{"callid":"1"}`}:                   {},
		{"AgentOther_InService", `null`}:                             {},
		{"QC_AgentState_Notify", `{"subtype":"QC_AgentState_Busy"}`}: {},
	} {
		got, ok := readWork(told(k.typ, k.content))
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != work.Change{}) {
			t.Errorf("%s %s: %v %s", k.typ, k.content, ok, diff)
		}
	}
}

func TestReadStatus(t *testing.T) {
	for body, want := range map[string]work.Change{
		`{"retcode":"0","result":{"agentState":4,"isWorking":false}}`:   {State: work.Ready, By: work.ByUnknown},
		`{"retcode":"0","result":{"agentState":"3","isWorking":false}}`: {State: work.Busy, By: work.ByUnknown},
		`{"retcode":0,"result":{"agentState":3,"isWorking":true}}`:      {State: work.Talking, By: work.ByUnknown},
		`{"retcode":"0","result":{"agentState":5}}`:                     {State: work.WrapUp, By: work.ByUnknown},
		`{"retcode":"0","result":{"agentState":7}}`:                     {State: work.Talking, By: work.ByUnknown},
		`{"retcode":"0","result":{"agentState":8}}`:                     {State: work.Rest, By: work.ByUnknown},
		`{"retcode":"0","result":{"agentState":9}}`:                     {State: work.Rest, By: work.ByUnknown, Pre: true},
		`{"retcode":"0","result":{"agentState":2}}`:                     {},
		`{"retcode":"0","result":{"agentState":0}}`:                     {},
		`{"retcode":"0","result":{}}`:                                   {},
		`{"retcode":"100-006","result":{"agentState":4}}`:               {},
		`{"result":{"agentState":4}}`:                                   {},
		`<html>busy</html>`:                                             {},
		``:                                                              {},
	} {
		got, ok := readStatus([]byte(body))
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != work.Change{}) {
			t.Errorf("%s: %v %s", body, ok, diff)
		}
	}
	if got := working.Ask.Path("29/1"); got != "onlineagent/29%2F1/agentstatus" {
		t.Error(got)
	}
}
