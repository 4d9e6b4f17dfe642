package ecss

import (
	"testing"

	"agentkeeper/vendors/rules"
)

func TestRules(t *testing.T) {
	for action, want := range map[string]string{
		"call/accept": "", "call/reject": "", "operator/status": "", "auxwork": "",
		"login": rules.Ours, "LogIn": rules.Ours, "log_in": rules.Ours, "logout": rules.Ours, "operator/forceLogout": rules.Ours, "logout_agent": rules.Ours, "v1/login_agent": rules.Ours,
		"auth/token": rules.Ours, "operator/changePassword": rules.OursPassword,
		"": refusedAction, "login\x00": refusedAction, "call/../login": refusedAction, "call//accept": refusedAction, " call/accept": refusedAction, "call/accept\u200b": refusedAction, "саll/accept": refusedAction,
	} {
		if _, why := Vendor.Rules.AdmitAction(action, []byte(`{"callId":"77"}`)); why != want {
			t.Errorf("%q: got %q, want %q", action, why, want)
		}
	}
	for payload, want := range map[string]string{
		"": "", `{"callId" : "7\u0037"}`: `{"callId":"77"}`, `{"callId":"77","CallID":"78"}`: "-" + refusedPayload, `[]`: "-" + refusedPayload,
		`{"a":{"password":"x"}}`: "-" + rules.OursPassword,
	} {
		got, why := Vendor.Rules.AdmitAction("call/accept", []byte(payload))
		if why != "" {
			got = []byte("-" + why)
		}
		if string(got) != want {
			t.Errorf("%q: got %q, want %q", payload, got, want)
		}
	}
	if Vendor.Rules.Admit != nil {
		t.Error("nothing of ECSS is spoken over HTTP")
	}
}
