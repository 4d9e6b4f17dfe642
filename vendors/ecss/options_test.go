package ecss

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
		s[pairs[i]] = option.Value{Text: pairs[i+1], Pos: option.Pos{File: "f", Line: i/2 + 1, Col: 1}}
	}
	return s
}

func TestDecode(t *testing.T) {
	defaults := settings{
		profile: "default", role: "operator", path: "/", tokenIn: "header",
		ping: 25 * time.Second, takenRetry: 15 * time.Second, keepActive: true, subscribe: true, logoutAction: "logout",
	}
	tests := []struct {
		set  option.Set
		want settings
	}{
		{nil, defaults},
		{set("profile", "p", "domain", "d", "role", "", "login_over", "http", "login_path", "/api/login?x=1", "token_in", "query",
			"ping", "5s", "keep_active", "no", "taken_retry", "1m", "subscribe", "off", "logout_action", "", "origin", "http://a:1"), settings{
			profile: "p", domain: "d", byPost: true, path: "/api/login?x=1", tokenIn: "query",
			ping: 5 * time.Second, takenRetry: time.Minute, origin: "http://a:1",
		}},
	}
	for _, tt := range tests {
		got, terms, problems := decode(tt.set, Vendor.Window(tt.set))
		if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(settings{})); diff != "" || len(problems) > 0 {
			t.Errorf("%v\n%s", problems, diff)
		}
		if want := (session.Terms{Grace: time.Second, ForceLimit: 3, ForceWithin: 10 * time.Minute}); terms != want {
			t.Errorf("terms %+v", terms)
		}
	}
}

func TestWindow(t *testing.T) {
	for ping, want := range map[string]time.Duration{"25s": 75 * time.Second, "10s": 30 * time.Second, "0": 75 * time.Second, "0s": 75 * time.Second, "never": 75 * time.Second} {
		if got := Vendor.Window(set("ping", ping)); got != want {
			t.Errorf("%s: %s", ping, got)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"ping", "30s", "window"},
		{"ping", "1ms", "outside"},
		{"ping", "often", "duration"},
		{"taken_retry", "10ms", "outside"},
		{"login_over", "carrier pigeon", "websocket"},
		{"token_in", "cookie", "header"},
		{"login_path", "login", "path"},
		{"login_path", "//elsewhere/x", "path"},
		{"login_path", "/a b", "path"},
		{"login_path", "/a#b", "path"},
		{"login_path", "", "path"},
		{"origin", "http://a\r\nX: y", "special"},
		{"keep_active", "maybe", "true"},
		{"agenttype", "4", "unknown option"},
	}
	for _, tt := range tests {
		_, _, problems := decode(set(tt.name, tt.value), 75*time.Second)
		if len(problems) != 1 || !strings.Contains(problems[0].Text, tt.want) || !strings.Contains(problems[0].Text, tt.name) || problems[0].Pos.Line != 1 {
			t.Errorf("%s=%q: %v", tt.name, tt.value, problems)
		}
	}
}

func TestEveryOptionIsDescribed(t *testing.T) {
	for _, o := range specs {
		if o.Doc == "" {
			t.Errorf("%s has no description", o.Name)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "", "/login", "//x", "/a?b#c", "/%zz", "/? ", "http://x/", "/\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if goodPath(path) && (path[0] != '/' || strings.ContainsAny(path, " \r\n#\x00")) {
			t.Errorf("%q passes for a path", path)
		}
	})
}
