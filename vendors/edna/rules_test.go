package edna

import (
	"net/http"
	"strings"
	"testing"

	"agentkeeper/vendors/rules"
)

func TestRules(t *testing.T) {
	for request, why := range map[string]string{
		"POST api/auth/login": rules.Ours, "POST api/auth/login/": rules.Ours, "GET API/Auth/x": rules.Ours, "POST login": rules.Ours, "GET logout": rules.Ours,
		"GET api/auth.json": rules.Ours, "POST api/%61uth+/x": rules.Ours, "PUT api/v1/agents/7": rules.OursPassword, "PATCH api/v1/agents/x@y.org": rules.OursPassword,
		"POST api/v1/agents": rules.OursPassword, "DELETE api/v1/Agents/7/": rules.OursPassword, "POST api/v1/users/7/reset-password": rules.OursPassword,
		"GET api/v1/threads/1": "", "PUT api/v1/agents/a@b.org/status": "", "PUT api/v1/agents/login@b.org/status": "", "GET api/v1/agents/7": "", "GET api/v1/authors": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		r, err := rules.Parse(rules.Raw{Method: method, Path: path})
		if err != nil {
			t.Fatal(path, err)
		}
		if _, got := Vendor.Rules.Admit(r); got != why {
			t.Errorf("%q: got %q, want %q", request, got, why)
		}
	}
	for status, want := range map[int]rules.Verdict{http.StatusUnauthorized: rules.Dead, http.StatusForbidden: rules.Good, http.StatusOK: rules.Good} {
		if got := Vendor.Rules.Judge(rules.Answer{Status: status, Body: []byte(`{"code":401}`)}); got != want {
			t.Errorf("%d: got %d", status, got)
		}
	}
}
