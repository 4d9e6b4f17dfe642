package huawei

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"agentkeeper/vendors/ccgateway"

	"github.com/google/go-cmp/cmp"
)

// An answer that repeats the Guid that it was asked with must not bring back
// one that has been replaced meanwhile.
func TestEchoIsNoNews(t *testing.T) {
	k := key{Guid: "new"}
	if k.update("old", http.Header{"Guid": {"old"}}, time.Now()) || k.Guid != "new" {
		t.Errorf("the Guid is %q", k.Guid)
	}
}

func TestKeySurvivesStorage(t *testing.T) {
	want := key{
		Guid: "a.AgentGateway0", GuidSince: time.UnixMilli(5).UTC(), Cookies: ccgateway.Cookies{{Name: "a", Value: "1"}}, SignedIn: time.UnixMilli(1).UTC(),
		LoginTime: "946684800000", MediaType: "TTF", ForceChange: true, TimeRemaining: "3",
	}
	got, ok := decodeKey(want.encode())
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
}

// Whatever a platform sends must be fit to be sent back in a header.
func FuzzKey(f *testing.F) {
	f.Add("JSESSIONID=a-b.AgentGateway0; Path=/", "elb=1; Max-Age=0")
	f.Add(`"x"`, `a="b,c"; Expires=Thu, 01 Jan 1970 00:00:00 GMT`)
	f.Add("JSESSIONID=", "=;=;")
	f.Add("ſession=\xff", "a\x00=b")
	f.Fuzz(func(t *testing.T, guid, line string) {
		var k key
		k.update("", http.Header{"Set-Guid": {guid}, "Set-Cookie": {line, line}}, time.Unix(0, 0))
		for _, value := range []string{k.Guid, k.Cookies.Header()} {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
				t.Errorf("%q cannot stand in a header", value)
			}
		}
		if len(k.Cookies) > 1 {
			t.Errorf("too much of it: %+v", k)
		}
		back, ok := decodeKey(k.encode())
		if ok != (k.Guid != "") || (ok && !cmp.Equal(k, back)) {
			t.Errorf("%+v became %+v, %v", k, back, ok)
		}
	})
}
