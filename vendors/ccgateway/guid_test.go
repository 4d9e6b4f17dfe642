package ccgateway

import (
	"net/http"
	"strings"
	"testing"
)

func TestGuidIn(t *testing.T) {
	for name, tt := range map[string]struct {
		header http.Header
		want   string
	}{
		"none":             {http.Header{}, ""},
		"as documented":    {http.Header{"Set-Guid": {"JSESSIONID=a-b-c.AgentGateway0"}}, "a-b-c.AgentGateway0"},
		"bare":             {http.Header{"Set-Guid": {"a-b-c.AgentGateway0"}}, "a-b-c.AgentGateway0"},
		"attributes":       {http.Header{"Set-Guid": {"JSESSIONID=a.AgentGateway1; Path=/agentgateway; HttpOnly"}}, "a.AgentGateway1"},
		"attributes first": {http.Header{"Set-Guid": {"Path=/; jsessionid=a.AgentGateway1"}}, "a.AgentGateway1"},
		"quoted":           {http.Header{"Set-Guid": {`"JSESSIONID=a.AgentGateway1"`}}, "a.AgentGateway1"},
		"quoted value":     {http.Header{"Set-Guid": {` JSESSIONID="a.AgentGateway1" `}}, "a.AgentGateway1"},
		"opaque":           {http.Header{"Set-Guid": {"JSESSIONID=QUJD=="}}, "QUJD=="},
		"the last counts":  {http.Header{"Set-Guid": {"JSESSIONID=a", "JSESSIONID=b"}}, "b"},
		"an empty last":    {http.Header{"Set-Guid": {"JSESSIONID=a", "JSESSIONID="}}, "a"},
		"fallback":         {http.Header{"Guid": {"c"}}, "c"},
		"both":             {http.Header{"Set-Guid": {"JSESSIONID=a"}, "Guid": {"c"}}, "a"},
		"unusable":         {http.Header{"Set-Guid": {"JSESSIONID=a b"}}, ""},
		"too long":         {http.Header{"Set-Guid": {strings.Repeat("a", 513)}}, ""},
	} {
		if got := GuidIn(tt.header); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Whatever a platform sends must be fit to be sent back in a header.
func FuzzGuid(f *testing.F) {
	f.Add("JSESSIONID=a-b.AgentGateway0; Path=/")
	f.Add(`"x"`)
	f.Add("JSESSIONID=")
	f.Add("ſession=\xff")
	f.Fuzz(func(t *testing.T, value string) {
		guid := GuidIn(http.Header{"Set-Guid": {value}})
		if (guid != "" && !ValidGuid(guid)) || len(guid) > guidLimit {
			t.Errorf("%q cannot stand in a header", guid)
		}
	})
}

func TestHideGuids(t *testing.T) {
	if got := HideGuids("guid 1-a.AgentGateway0, and b=2.AgentGateway12"); got != "guid ***, and b=***" {
		t.Error(got)
	}
}
