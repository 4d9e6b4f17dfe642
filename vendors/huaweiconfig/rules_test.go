package huaweiconfig

import (
	"net/http"
	"testing"

	"agentkeeper/vendors/rules"
)

func TestRules(t *testing.T) {
	for path, why := range map[string]string{
		"agentgateway/resource/config/login": rules.Ours, "agentgateway/resource/config/Login/": rules.Ours, "config/logout": rules.Ours, "config/logout.": rules.Ours,
		"agentgateway/resource/config/agent/101": "", "agentgateway/resource/config/skills": "",
	} {
		r, err := rules.Parse(rules.Raw{Method: http.MethodPost, Path: path})
		if err != nil {
			t.Fatal(path, err)
		}
		if _, got := Vendor.Rules.Admit(r); got != why {
			t.Errorf("%q: got %q, want %q", path, got, why)
		}
	}
	for _, test := range []struct {
		status int
		body   string
		want   rules.Verdict
	}{
		{200, `{"retcode":"107-000"}`, rules.Dead}, {200, `{"retcode":"107-007"}`, rules.Dead}, {200, `{"retcode":"100-006"}`, rules.Dead},
		{200, `{"retcode":"000-003"}`, rules.Doubtful}, {200, `{"retcode":"107-010"}`, rules.Good}, {401, "", rules.Dead},
	} {
		if got := Vendor.Rules.Judge(rules.Answer{Status: test.status, Body: []byte(test.body)}); got != test.want {
			t.Errorf("%d %s: got %d, want %d", test.status, test.body, got, test.want)
		}
	}
}
