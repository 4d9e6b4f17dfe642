package edna_test

import (
	"testing"

	"agentkeeper/vendors/command"
	"agentkeeper/vendors/edna"
)

func TestWhatAnAnswerMeans(t *testing.T) {
	set := edna.Vendor.Commands
	for _, test := range []struct {
		status int
		body   string
		want   command.Verdict
	}{
		{200, "", command.Accepted},
		{204, "", command.Accepted},
		{200, "<html>", command.Unclear},
		{302, "", command.Unclear},
		{400, `{"timestamp":1,"status":400,"error":"Bad Request","path":"/x"}`, command.Refused},
		{401, "", command.Unclear},
		{403, `{"message":"no right"}`, command.Refused},
		{404, "<html>", command.Unclear},
		{500, `{"status":500,"error":"Internal Server Error"}`, command.Unclear},
		{502, `{"message":"x"}`, command.Unclear},
	} {
		if _, got := set.Read(test.status, []byte(test.body)); got != test.want {
			t.Errorf("%d %s: %v", test.status, test.body, got)
		}
	}
	if !set.DocumentsRequest("bot", "PUT", []string{"api", "v1", "agents", "7", "status"}) || set.DocumentsRequest("bot", "PUT", []string{"api", "v1", "agents", "7"}) {
		t.Error("setting a status, and it alone, is documented")
	}
	if set.DocumentsVerb(command.Busy) {
		t.Error("the account has no working state of its own")
	}
}
