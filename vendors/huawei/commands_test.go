package huawei_test

import (
	"errors"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/command"
	"agentkeeper/vendors/huawei"
	"agentkeeper/vendors/rules"
)

var set = huawei.Vendor.Commands

func TestVerbsAsRequests(t *testing.T) {
	for want, v := range map[string]command.Verb{
		"POST onlineagent/291/sayfree":                          {Name: command.Ready},
		"POST onlineagent/291/cancelrest":                       {Name: command.Ready, Standing: work.Standing{State: work.Rest}},
		"POST onlineagent/291/saybusy?reason=0&prolong=false":   {Name: command.Busy},
		"POST onlineagent/291/saybusy?reason=250&prolong=false": {Name: command.Busy, Code: "250"},
		"POST onlineagent/291/rest/86399/0?prolong=false":       {Name: command.Rest},
		"POST onlineagent/291/rest/90/255?prolong=false":        {Name: command.Rest, Code: "255", For: 90 * time.Second},
		"POST onlineagent/291/work":                             {Name: command.WrapUp},
		"PUT voicecall/291/answer":                              {Name: command.Answer},
		`POST voicecall/291/reject {"mode":1}`:                  {Name: command.Reject},
		`POST voicecall/291/reject {"mode":2}`:                  {Name: command.Reject, Code: "2"},
		"DELETE voicecall/291/release":                          {Name: command.Release},
	} {
		v.Login = "291"
		f, err := set.Verb(v)
		got := f.Method + " " + f.Path
		if len(f.Body) > 0 {
			got += " " + string(f.Body)
		}
		if err != nil || got != want {
			t.Errorf("%+v: %s, %v", v, got, err)
		}
		r, err := set.Parse(f.Method, f.Path, f.Body)
		if err != nil {
			t.Errorf("%s is not plain: %v", want, err)
		}
		if _, why := huawei.Vendor.Rules.Admit(r); why != "" {
			t.Errorf("%s may not be sent: %s", want, why)
		}
		if !set.DocumentsRequest("291", r.Method, set.Relative(r)) || set.DocumentsRequest("292", r.Method, set.Relative(r)) {
			t.Errorf("%s is not documented for 291 alone", want)
		}
		if verb, code := set.Says("291", r); verb != v.Name || (v.Code != "" && code != v.Code) {
			t.Errorf("%s is read as %s %s", want, verb, code)
		}
		if verb, _ := set.Says("292", r); verb != "" {
			t.Errorf("%s is taken for another agent's", want)
		}
	}
	for _, name := range command.Verbs() {
		if !set.DocumentsVerb(name) {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, v := range []command.Verb{
		{Name: command.Busy, Code: "199"}, {Name: command.Busy, Code: "0200"}, {Name: command.Busy, Code: "x"}, {Name: command.Rest, Code: "-1"},
		{Name: command.Rest, For: time.Millisecond}, {Name: command.Rest, For: 86400 * time.Second}, {Name: command.Reject, Code: "0"},
	} {
		if _, err := set.Verb(v); !errors.Is(err, command.ErrCode) {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if _, err := set.Verb(command.Verb{Name: "dance"}); !errors.Is(err, command.ErrUndocumented) {
		t.Error(err)
	}
}

func TestWhatConfirmsAVerb(t *testing.T) {
	event := func(kind, content string) session.Event {
		return session.Event{Type: kind, Data: []byte(`{"eventType":"` + kind + `","content":` + content + `}`)}
	}
	for _, test := range []struct {
		verb  command.Verb
		event session.Event
		want  bool
	}{
		{command.Verb{Name: command.Busy}, event("AgentState_SetNotReady_Success", `{"reason":1}`), true},
		{command.Verb{Name: command.Busy}, event("AgentState_SetNotReady_Success", `{"reason":"0"}`), true},
		{command.Verb{Name: command.Busy}, event("AgentState_SetNotReady_Success", `{"reason":2}`), false},
		{command.Verb{Name: command.Busy, Code: "200"}, event("AgentState_SetNotReady_Success", `{"reason":200}`), true},
		{command.Verb{Name: command.Busy, Code: "200"}, event("AgentState_SetNotReady_Success", `{"reason":201}`), false},
		{command.Verb{Name: command.Busy}, event("AgentState_Busy", `{}`), false}, // which is being given a call
		{command.Verb{Name: command.Ready}, event("AgentState_CancelNotReady_Success", `{}`), true},
		{command.Verb{Name: command.Ready}, event("AgentState_CancelRest_Success", `{}`), true},
		{command.Verb{Name: command.Rest}, event("AgentState_SetRest_Success", `{"reason":0}`), true},
		{command.Verb{Name: command.Rest}, event("AgentState_Rest_Timeout", `{}`), false},
		{command.Verb{Name: command.WrapUp}, event("AgentState_SetWork_Success", `{}`), true},
		{command.Verb{Name: command.Answer}, event("AgentEvent_Talking", `{"callid":"1"}`), true},
		{command.Verb{Name: command.Answer}, event("AgentEvent_No_Answer", `{"callid":"1"}`), false},
		{command.Verb{Name: command.Release}, event("AgentEvent_Call_Release", `"1-2"`), true},
	} {
		f, err := set.Verb(test.verb)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Confirms(test.event); got != test.want {
			t.Errorf("%+v by %s %s: %v", test.verb, test.event.Type, test.event.Data, got)
		}
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for body, want := range map[string]struct {
		code    string
		verdict command.Verdict
		stale   bool
	}{
		`{"message":"success","retcode":"0","result":{}}`: {"0", command.Accepted, false},
		`{"retcode":0}`:              {"0", command.Accepted, false},
		`{"retcode":"100-009"}`:      {"100-009", command.Refused, false},
		`{"retcode":"100-006"}`:      {"100-006", command.Refused, true},
		`{"retcode":"000-003"}`:      {"000-003", command.Refused, true},
		`<html>502 Bad Gateway`:      {"", command.Unclear, false},
		``:                           {"", command.Unclear, false},
		`{"status":"ok"}`:            {"", command.Unclear, false},
		`{"retcode":"0","result":{}`: {"", command.Unclear, false},
	} {
		for _, status := range []int{200, 500, 502} {
			code, verdict := set.Read(status, []byte(body))
			if code != want.code || verdict != want.verdict || set.Stale(status, []byte(body)) != want.stale {
				t.Errorf("%d %s: %q, %v", status, body, code, verdict)
			}
		}
	}
}

func TestRequestsOfProgramsAreRead(t *testing.T) {
	for path, want := range map[string][2]string{
		"/agentgateway/resource/onlineagent/291/SayBusy":        {command.Busy, "203"},
		"/agentgateway/resource/onlineagent/291/cancelwork":     {command.Ready, ""},
		"/agentgateway/resource/onlineagent/291/agentstatus":    {"", ""},
		"/agentgateway/resource/onlineagent/291":                {"", ""},
		"/agentgateway/resource/queuedevice/291/saybusy":        {"", ""},
		"/agentgateway/resource/onlineagent/291/rest/60/9":      {command.Rest, "9"},
		"/agentgateway/resource/onlineagent/292/saybusy":        {"", ""},
		"/agentgateway/resource/voicecall/291/connecthold/1-22": {"", ""},
	} {
		r, err := rules.Parse(rules.Raw{Method: "POST", Path: path, Query: "reason=203"})
		if err != nil {
			t.Fatal(err)
		}
		if verb, code := set.Says("291", r); verb != want[0] || code != want[1] {
			t.Errorf("%s: %q %q", path, verb, code)
		}
	}
}
