package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestForbids(t *testing.T) {
	const agent = "agentgateway/resource/onlineagent/291"
	for vendor, paths := range map[string]struct{ refused, passed []string }{
		"huawei": {
			refused: []string{
				agent, agent + "/", "onlineagent", "onlineagent/loginbyaccount", agent + "/forcelogin", agent + "/ForceLogin/", agent + "/loginex",
				agent + "/logout", agent + "/logout.json", agent + "/logout ", agent + "/forcelogout", agent + "/forcelogoutwithreason/3",
				"agentgateway/resource/qualitycontrol/291/forcelogout/292", "agentgateway/resource/agentevent/291",
				"agentgateway/resource/agentevent/allagentevent", "AGENTGATEWAY/resource/AgentEvent/291", agent + "/updateGuid",
				agent + "/handshake", agent + "/heartbeat", agent + "/syncagentinfo", "agentgateway/resource/config/login",
			},
			passed: []string{
				agent + "/saybusy", agent + "/agentstatus", agent + "/resetskill/true", "agentgateway/resource/voicecall/291/callout",
				"agentgateway/resource/agentgroup/291/allagentstatus", "",
			},
		},
		"huawei-config": {
			refused: []string{"agentgateway/resource/config/login", "agentgateway/resource/config/Login/", "config/logout"},
			passed:  []string{"agentgateway/resource/config/agent/101", "agentgateway/resource/config/skills"},
		},
		"edna": {
			refused: []string{"api/auth/login", "api/auth/login/", "API/Auth/x", "login", "logout", "api/auth.json"},
			passed:  []string{"api/v1/threads/1", "api/v1/agents/a@b.org/status", "api/v1/authors"},
		},
	} {
		forbids := RulesFor(vendor).Forbids
		for _, path := range paths.refused {
			if forbids(Request{Method: http.MethodPut, Segments: strings.Split(path, "/"), Readable: true}) == "" {
				t.Errorf("%s: %q was let through", vendor, path)
			}
		}
		for _, path := range paths.passed {
			if why := forbids(Request{Method: http.MethodPut, Segments: strings.Split(path, "/"), Readable: true}); why != "" {
				t.Errorf("%s: %q was refused: %s", vendor, path, why)
			}
		}
	}
}

func TestForbidsRuntelBodies(t *testing.T) {
	for body, want := range map[string]string{
		"": "",
		`{"action":"list","obj":"DomainUser","params":{"action":"auth","obj":"User"}}`: "",
		`{"action":"update","obj":"User","params":{}}`:                                 "",
		`{"action":"logout","obj":"Queue"}`:                                            "",
		`{"action":"auth","obj":"User"}`:                                               ours,
		`{"action":"logout","obj":"User","params":{}}`:                                 ours,
		`{"Action":" AUTH ","obj":"user"}`:                                             ours,
		`{"\u0061ction":"\u0061uth","obj":"User"}`:                                     ours,
		`{"action":"list","action":"auth","obj":"User"}`:                               ours,
		`{"action":"auth","action":"list","obj":"User"}`:                               ours,
		`{"action":"auth","obj":"Queue","obj":"User"}`:                                 ours,
		`{"action":"auth"}`:                                                            ours,
		`{"action":"auth","obj":["User"]}`:                                             ours,
		`[{"action":"auth","obj":"User"}]`:                                             hidden,
		`{"action":"list"}{"action":"auth","obj":"User"}`:                              hidden,
		`{"action":"list"`:                                                             hidden,
		"\xff\xfe{\x00}\x00":                                                           hidden,
		"action=auth&obj=User":                                                         hidden,
		"\xef\xbb\xbf" + `{"action":"auth"}`:                                           hidden,
		`{"action":"list","x":NaN}`:                                                    hidden,
		`{"action":"list","obj":"User"} `:                                              "",
		`{"action":["auth"],"obj":"User"}`:                                             "",
		`{"action":null,"obj":"User"}`:                                                 "",
		`{"action":"authenticate","obj":"Us"}`:                                         "",
	} {
		got := forbidsRuntel(Request{Method: http.MethodPost, Segments: []string{"API", ""}, Body: []byte(body), Readable: true})
		if got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	good := []byte(`{"action":"list","obj":"User"}`)
	if forbidsRuntel(Request{Segments: []string{"api", ""}, Body: good}) != hidden {
		t.Error("a body that cannot be read was let through")
	}
	if why := forbidsRuntel(Request{Segments: []string{"files", "1"}, Body: []byte("\x89PNG"), Readable: true}); why != "" {
		t.Errorf("a file was refused: %s", why)
	}
}

func TestPlain(t *testing.T) {
	for _, test := range []struct {
		header http.Header
		want   bool
	}{
		{http.Header{}, true},
		{http.Header{"Content-Type": {"application/json"}}, true},
		{http.Header{"Content-Type": {`application/json; charset="UTF-8"`}, "Content-Encoding": {"identity"}}, true},
		{http.Header{"Content-Type": {"application/json; charset=utf-7"}}, false},
		{http.Header{"Content-Type": {"application/json", "application/json; charset=utf-7"}}, false},
		{http.Header{"Content-Type": {"application/json; charset"}}, false},
		{http.Header{"Content-Encoding": {"gzip"}}, false},
		{http.Header{"Content-Encoding": {"identity", "gzip"}}, false},
	} {
		if got := plain(test.header); got != test.want {
			t.Errorf("%v: got %v", test.header, got)
		}
	}
}

func TestJudge(t *testing.T) {
	own, other := []string{"resource", "onlineagent", "291", "saybusy"}, []string{"resource", "onlineagent", "292", "agentstatus"}
	for _, test := range []struct {
		vendor   string
		segments []string
		status   int
		body     string
		want     Verdict
	}{
		{"huawei", own, 200, `{"retcode":"0"}`, Good},
		{"huawei", own, 200, `{"retcode":"100-006"}`, Doubtful},
		{"huawei", own, 200, "\xef\xbb\xbf" + `{"retcode":" 000-003 ","result":""}`, Doubtful},
		{"huawei", own, 401, "<html>", Doubtful},
		{"huawei", own, 403, "", Good},
		{"huawei", own, 500, `{"retcode":"100-006"}`, Good},
		{"huawei", own, 200, `{"retcode":"100-006`, Good},
		{"huawei", other, 200, `{"retcode":"100-006"}`, Good},
		{"huawei", other, 401, "", Good},
		{"huawei-config", own, 200, `{"retcode":"107-000"}`, Dead},
		{"huawei-config", own, 200, `{"retcode":"107-007"}`, Dead},
		{"huawei-config", own, 200, `{"retcode":"100-006"}`, Dead},
		{"huawei-config", own, 200, `{"retcode":"000-003"}`, Doubtful},
		{"huawei-config", own, 200, `{"retcode":"107-010"}`, Good},
		{"huawei-config", own, 401, "", Dead},
		{"runtel", nil, 200, `{"code":401}`, Dead},
		{"runtel", nil, 200, `{"code":"401"}`, Dead},
		{"runtel", nil, 200, `{"code":401.0}`, Dead},
		{"runtel", nil, 200, `{"code":403}`, Good},
		{"runtel", nil, 200, `{"body":{"code":401}}`, Good},
		{"runtel", nil, 401, "", Dead},
		{"edna", nil, 401, "", Dead},
		{"edna", nil, 403, "", Good},
		{"edna", nil, 200, `{"code":401,"retcode":"100-006"}`, Good},
	} {
		a := Answer{Login: "291", Segments: test.segments, Status: test.status, Body: []byte(test.body)}
		if got := RulesFor(test.vendor).Judge(a); got != test.want {
			t.Errorf("%s %d %s: got %d, want %d", test.vendor, test.status, test.body, got, test.want)
		}
	}
}

func TestNoRulesNothingPasses(t *testing.T) {
	for _, vendor := range []string{"ecss", "", "another"} {
		if r := RulesFor(vendor); r.Forbids != nil || r.Judge != nil {
			t.Errorf("%q has rules", vendor)
		}
	}
}

// Whatever a lenient server may read as a log-in is refused.
func FuzzForbidsRuntel(f *testing.F) {
	for _, seed := range []string{`{"action":"auth","obj":"User"}`, `{"action":"x","Action":"logout","obj":"user"}`, `[]`, `{"a":`, `{"action":1,"obj":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		why := forbidsRuntel(Request{Segments: []string{"api", ""}, Body: body, Readable: true})
		var read struct {
			Action, Obj string
		}
		if json.Unmarshal(body, &read) != nil || len(body) == 0 {
			return
		}
		if signs(read.Action) && strings.EqualFold(read.Obj, "User") && why == "" {
			t.Errorf("%q was let through", body)
		}
	})
}

func FuzzJudge(f *testing.F) {
	for _, seed := range []string{`{"retcode":"100-006"}`, `{"retcode":0}`, `{"code":401}`, `{"code":[]}`, "\xef\xbb\xbf{}", "x"} {
		f.Add(200, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := Answer{Login: "291", Segments: []string{"291"}, Status: status, Body: body}
		for _, vendor := range []string{"huawei", "huawei-config", "runtel", "edna"} {
			if v := RulesFor(vendor).Judge(a); v != Good && status != http.StatusUnauthorized && !json.Valid(trimBOM(body)) {
				t.Errorf("%s: %d %q is called %d", vendor, status, body, v)
			}
		}
	})
}

func trimBOM(body []byte) []byte { return []byte(strings.TrimPrefix(string(body), "\xef\xbb\xbf")) }
