package runtel

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"agentkeeper/vendors/rules"
)

// admitted asks the rules about a request with a body.
func admitted(t *testing.T, method, path, query, media, body string) (rules.Request, string) {
	t.Helper()
	r, err := rules.Parse(rules.Raw{Method: method, Path: path, Query: query, Header: http.Header{"Content-Type": {media}}})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.WithBody([]byte(body), true); err != nil {
		t.Fatal(err)
	}
	return Vendor.Rules.Admit(r)
}

const asJSON = "application/json; charset=UTF-8"

func TestBodies(t *testing.T) {
	for body, want := range map[string]string{
		"": refusedBody,
		`{"action":"list","obj":"DomainUser","params":{"domain_id":3},"filter":{"type":1}}`: "",
		`{"action":"update","obj":"Ivr","params":{"action":"playback"}}`:                    "",
		`{"action":"get","obj":"User","params":{"id":1}} `:                                  "",
		`{"\u0061ction":"l\u0069st"}`:                                                       "",
		`{"action":"auth","obj":"User"}`:                                                    rules.Ours,
		`{"action":"logout","obj":"User","params":{}}`:                                      rules.Ours,
		`{"action":"logout","obj":"Queue"}`:                                                 rules.Ours,
		`{"Action":" AUTH ","obj":"user"}`:                                                  rules.Ours,
		`{"\u0061ction":"\u0061uth","obj":"User"}`:                                          rules.Ours,
		`{"action":"auth\u0000","obj":"User"}`:                                              rules.Ours,
		`{"action":"auth"}`:                                                                 rules.Ours,
		`{"action":"list","obj":"X","params":{"action":"auth","obj":"User"}}`:               rules.Ours,
		`{"action":"list","batch":[{"action":"logout"}]}`:                                   rules.Ours,
		`{"batch":[{"Action":"AUTH\t","obj":"User"}]}`:                                      rules.Ours,
		`{"action":"update","obj":"User","params":{"id":1,"password":"x"}}`:                 rules.OursPassword,
		`{"action":"update","obj":"User","params":{"New_Passwd":"x"}}`:                      rules.OursPassword,
		`{"action":"list","action":"auth","obj":"User"}`:                                    refusedBody,
		`{"action":"list","Action":"get","obj":"User"}`:                                     refusedBody,
		`{"action":"get","obj":"Queue","obj":"User"}`:                                       refusedBody,
		`{"action":"get","obj":["User"]}`:                                                   refusedBody,
		`{"action":["auth"],"obj":"User"}`:                                                  refusedBody,
		`{"action":null,"obj":"User"}`:                                                      refusedBody,
		`{"action\u0000":"auth","action":"list"}`:                                           refusedBody,
		`{"action":"list\u200b"}`:                                                           refusedBody,
		`{"obj":"User"}`:                                                                    refusedBody,
		`[{"action":"auth","obj":"User"}]`:                                                  refusedBody,
		`{"action":"list"}{"action":"auth","obj":"User"}`:                                   refusedBody,
		`{"action":"list"`:                                                                  refusedBody,
		"\xff\xfe{\x00}\x00":                                                                refusedBody,
		"\xef\xbb\xbf" + `{"action":"auth"}`:                                                refusedBody,
		`{"action":"list","x":NaN}`:                                                         refusedBody,
		"action=auth&obj=User":                                                              refusedBody,
	} {
		if _, got := admitted(t, http.MethodPost, "API/", "", asJSON, body); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	r, why := admitted(t, http.MethodPost, "api/", "", asJSON, ` {"\u0061ction" : "l\u0069st"}`)
	if why != "" || string(r.Body) != `{"action":"list"}` {
		t.Errorf("sent as %s, %s", r.Body, why)
	}
}

func TestShapes(t *testing.T) {
	const good = `{"action":"list","obj":"User"}`
	for _, test := range []struct{ method, path, query, media, body, want string }{
		{"POST", "api/", "action=auth", asJSON, good, refusedShape},
		{"POST", "api", "x=1", asJSON, good, refusedShape},
		{"GET", "api/", "action=auth&obj=User", "", "", refusedShape},
		{"PUT", "api/", "", asJSON, good, refusedShape},
		{"POST", "api/", "", "text/plain", good, refusedShape},
		{"POST", "api/", "", "", good, refusedShape},
		{"POST", "api/", "", "application/x-www-form-urlencoded", "action=auth&obj=User", refusedShape},
		{"POST", "api/", "", "multipart/form-data; boundary=x", "--x", refusedShape},
		{"POST", "api/", "", "application/json; charset=utf-16", good, refusedBody},
		{"POST", "v2/Api.json", "", asJSON, good, ""},
		{"POST", "other/", "", asJSON, good, refusedPlace},
		{"POST", "", "", "", "", refusedPlace},
		{"GET", "files/1", "Action=auth", "", "", refusedPlace},
		{"GET", "files/1", "id=5", "", "", ""},
	} {
		if _, got := admitted(t, test.method, test.path, test.query, test.media, test.body); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestJudgeAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   rules.Verdict
	}{
		{200, `{"code":401}`, rules.Dead}, {200, `{"code":"401"}`, rules.Dead}, {200, `{"code":401.0}`, rules.Dead}, {200, `{"code":403}`, rules.Good},
		{200, `{"body":{"code":401}}`, rules.Good}, {401, "", rules.Dead},
	} {
		if got := Vendor.Rules.Judge(rules.Answer{Status: test.status, Body: []byte(test.body)}); got != test.want {
			t.Errorf("%d %s: got %d, want %d", test.status, test.body, got, test.want)
		}
	}
}

// Whatever a lenient server may read as a log-in, before or after the normal
// form is made, is refused.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{`{"action":"auth","obj":"User"}`, `{"action":"x","Action":"logout","obj":"user"}`, `[]`, `{"a":`, `{"action":1,"obj":{}}`,
		`{"action":"list","params":{"action":"get"}}`, `{"\u0061ction":"auth\u0000"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := rules.Request{Method: http.MethodPost, Segments: []string{"api", ""}, Media: "application/json", Body: body, Readable: true}
		r, why := Vendor.Rules.Admit(r)
		if why != "" {
			return
		}
		for _, text := range [][]byte{body, r.Body} {
			var read struct {
				Action, Obj string
				Params      struct{ Action, Password string }
			}
			_ = json.Unmarshal(text, &read)
			for _, action := range []string{read.Action, read.Params.Action} {
				if action = strings.ToLower(strings.TrimSpace(action)); action == "auth" || action == "logout" || read.Params.Password != "" {
					t.Errorf("%q was let through as %q", body, r.Body)
				}
			}
		}
		if !json.Valid(r.Body) {
			t.Errorf("%q: sent as %q", body, r.Body)
		}
	})
}
