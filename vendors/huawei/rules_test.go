package huawei

import (
	"net/http"
	"testing"

	"agentkeeper/vendors/rules"
)

func TestRules(t *testing.T) {
	const agent = "agentgateway/resource/onlineagent/291"
	for path, why := range map[string]string{
		agent: rules.Ours, agent + "/": rules.Ours, "onlineagent": rules.Ours, "onlineagent/loginbyaccount": rules.Ours, agent + "/forcelogin": rules.Ours,
		agent + "/ForceLogin/": rules.Ours, agent + "/loginex": rules.Ours, agent + "/logout": rules.Ours, agent + "/%6cogout": rules.Ours, agent + "/logout.json": rules.Ours,
		agent + "/logout+": rules.Ours, agent + "/logout.": rules.Ours, agent + "/forcelogout": rules.Ours, agent + "/forcelogoutwithreason/3": rules.Ours,
		"agentgateway/resource/qualitycontrol/291/forcelogout/292": rules.Ours, "agentgateway/resource/config/login": rules.Ours,
		"agentgateway/resource/agentevent/291": rules.OursPoll, "agentgateway/resource/agentevent/allagentevent": rules.OursPoll,
		"AGENTGATEWAY/resource/AgentEvent/291": rules.OursPoll, agent + "/updateGuid": rules.OursPoll, agent + "/handshake": rules.OursPoll, agent + "/heartbeat": rules.OursPoll,
		agent + "/syncagentinfo": rules.OursPoll, "agentgateway/resource/agentinfo/291/modifyaccountpwdex": rules.OursPassword,
		agent + "/saybusy": "", agent + "/agentstatus": "", agent + "/resetskill/true": "", "agentgateway/resource/voicecall/291/callout": "",
		"agentgateway/resource/agentgroup/291/allagentstatus": "", "": "",
	} {
		r, err := rules.Parse(rules.Raw{Method: http.MethodPut, Path: path})
		if err != nil {
			t.Fatal(path, err)
		}
		if _, got := Vendor.Rules.Admit(r); got != why {
			t.Errorf("%q: got %q, want %q", path, got, why)
		}
	}
}

func TestJudgeAnswers(t *testing.T) {
	own, other := []string{"resource", "onlineagent", "291", "saybusy"}, []string{"resource", "onlineagent", "292", "agentstatus"}
	for _, test := range []struct {
		segments []string
		status   int
		body     string
		want     rules.Verdict
	}{
		{own, 200, `{"retcode":"0"}`, rules.Good},
		{own, 200, `{"retcode":"100-006"}`, rules.Doubtful},
		{own, 200, "\xef\xbb\xbf" + `{"retcode":" 000-003 ","result":""}`, rules.Doubtful},
		{own, 401, "<html>", rules.Doubtful},
		{own, 403, "", rules.Good},
		{own, 500, `{"retcode":"100-006"}`, rules.Doubtful},
		{own, 401, `{"retcode":"300-002"}`, rules.Good},
		{own, 500, `{"error":"100-006"}`, rules.Good},
		{own, 200, `{"retcode":"100-006`, rules.Good},
		{other, 200, `{"retcode":"100-006"}`, rules.Good},
		{other, 401, "", rules.Good},
	} {
		if got := Vendor.Rules.Judge(rules.Answer{Login: "291", Segments: test.segments, Status: test.status, Body: []byte(test.body)}); got != test.want {
			t.Errorf("%d %s: got %d, want %d", test.status, test.body, got, test.want)
		}
	}
}
