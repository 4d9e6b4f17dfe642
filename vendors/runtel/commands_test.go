package runtel_test

import (
	"testing"

	"agentkeeper/vendors/command"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/runtel"
)

func TestWhatAnAnswerMeans(t *testing.T) {
	for body, want := range map[string]command.Verdict{
		`{"code":200,"body":{}}`: command.Accepted,
		`{"code":"200.0"}`:       command.Accepted,
		`{"code":403}`:           command.Refused,
		`{"body":{}}`:            command.Unclear,
		`<html>`:                 command.Unclear,
		``:                       command.Unclear,
	} {
		for _, status := range []int{200, 403, 502} {
			if _, got := runtel.Vendor.Commands.Read(status, []byte(body)); got != want {
				t.Errorf("%d %s: %v", status, body, got)
			}
		}
	}
}

func TestWhatOnlyAsks(t *testing.T) {
	for body, want := range map[string]bool{
		`{"action":"list","obj":"DomainUser","params":{}}`: true,
		`{"action":"get","obj":"User"}`:                    true,
		`{"action":"update","obj":"User"}`:                 false,
		`{"action":"List"}`:                                false,
		`[]`:                                               false,
		``:                                                 false,
	} {
		if got := runtel.Vendor.Commands.Reads(rules.Request{Body: []byte(body)}); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}
