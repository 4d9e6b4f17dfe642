package huaweiconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

func set(pairs ...string) option.Set {
	s := option.Set{}
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i]] = option.Value{Text: pairs[i+1], Pos: option.Pos{File: "f.yaml", Line: i/2 + 1, Col: 3}}
	}
	return s
}

func TestOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		set    option.Set
		window time.Duration
		want   Settings
	}{
		"defaults":       {nil, window, Settings{Window: window, KeepAlive: time.Minute}},
		"path":           {set("probe", "/config/agents?page=1"), window, Settings{window, time.Minute, "GET", "/config/agents?page=1"}},
		"GET":            {set("probe", "GET /config/agents"), window, Settings{window, time.Minute, "GET", "/config/agents"}},
		"POST":           {set("probe", "POST  /config/vdn/query", "keep_alive", "30s"), window, Settings{window, 30 * time.Second, "POST", "/config/vdn/query"}},
		"short window":   {nil, 40 * time.Second, Settings{Window: 40 * time.Second, KeepAlive: 20 * time.Second}},
		"no probe asked": {set("probe", ""), window, Settings{Window: window, KeepAlive: time.Minute}},
	} {
		got, terms, problems := decode(tt.set, tt.window)
		if diff := cmp.Diff(any(tt.want), got); diff != "" || len(problems) > 0 || terms != (session.Terms{Grace: grace}) {
			t.Error(name, diff, problems, terms)
		}
	}
	if Vendor.Window(nil) != 2*time.Minute || Vendor.Fingerprint(Settings{Path: "/a"}) != Vendor.Fingerprint(Settings{}) {
		t.Error("the window is 2 minutes, and a sign-in sends no option")
	}
}

func TestOptionProblems(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"keep_alive", "2m", "must be below the window of 2m0s"},
		{"keep_alive", "1ms", "outside"},
		{"keep_alive", "soon", "no duration"},
		{"probe", "config/agents", "slash"},
		{"probe", "DELETE /config/agents/1", "another method"},
		{"probe", "get /config/agents", "another method"},
		{"probe", "/agentgateway/resource/config/agents", "put before it"},
		{"probe", "/config/a b", "another method"},
		{"probe", "/config/ü", "percent-encoded"},
		{"probe", "/config/../onlineagent/291", "leads out"},
		{"probe", "POST /config/login", "the login itself"},
		{"probe", "POST ", "slash"},
		{"prob", "/config/agents", `did you mean "probe"?`},
	} {
		_, _, problems := decode(set(tt.name, tt.text), window)
		if len(problems) != 1 || !strings.Contains(problems[0].String(), tt.want) || !strings.HasPrefix(problems[0].String(), "f.yaml:1:3: ") {
			t.Errorf("%s: %s: %v", tt.name, tt.text, problems)
		}
	}
}

func TestExplain(t *testing.T) {
	for name, want := range map[string]string{
		"107-003": "password", "107-000": "sign-in", "http 404": "gateway", "timeout": "answer", "107-045": "configuration",
		codeLogin: "agentId", codeNoGuid: "Guid", codeKey: "key", codeLapsed: "window",
	} {
		text, action, ok := codes.Explain(name)
		if !ok || !strings.Contains(text, want) || action == "" {
			t.Errorf("%s: %q, %q, %v", name, text, action, ok)
		}
	}
	if text, _, ok := codes.Explain("nonsense"); ok {
		t.Errorf("explained as %q", text)
	}
}

func TestAgentID(t *testing.T) {
	for login, want := range map[string]uint32{
		"101": 101, "1": 1, "100001": 100001, "1000001": 1000001,
		"0": 0, "": 0, "007": 0, "+5": 0, "-5": 0, "12a": 0, " 1": 0, "1.0": 0, "4294967296": 0, "admin": 0,
	} {
		if id, ok := agentID(login); ok != (want > 0) || (ok && id != want) {
			t.Errorf("%q: %d, %v", login, id, ok)
		}
	}
}
