package trace_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

var agent = session.ID{Platform: "hq", Login: "2001"}

// traced returns a trace, and where its lines go.
func traced(secrets ...string) (*trace.Trace, *[]trace.Line) {
	var lines []trace.Line
	t := trace.New(func(l trace.Line) { lines = append(lines, l) })
	t.Set([]session.ID{agent})
	one := t.Of(agent)
	for _, s := range secrets {
		one.Hide(session.NewSecret(s))
	}
	return one, &lines
}

// said is everything that a line tells.
func said(t *testing.T, lines []trace.Line) string {
	t.Helper()
	text, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&plain, "%+v\n", l)
	}
	return string(text) + plain.String()
}

func TestBodies(t *testing.T) {
	long := "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy1234"
	for body, want := range map[string]string{
		``:                                  ``,
		`{"login":"1","password":"geheim"}`: `{"login":"1","password":"***"}`,
		"{ \"token\" : \"abcdef\",\n \"exp\":1 }":                       `{ "token" : "***",\n "exp":1 }`,
		`{"token":null,"guid":"","ok":true,"accessToken":12345}`:        `{"token":null,"guid":"","ok":true,"accessToken":"***"}`,
		`{"credentials":{"user":"olga","x":["y1234",7]},"n":7}`:         `{"credentials":{"user":"***","x":["***","***"]},"n":7}`,
		`{"result":"` + long + `","callid":"` + long + `"}`:             `{"result":"***","callid":"` + long + `"}`,
		`{"ids":["` + long + `"],"requestIds":1}`:                       `{"ids":["***"],"requestIds":1}`,
		`{"m":"{\"token\":\"abcdef\",\"a\":1}"}`:                        `{"m":"{\"token\":\"***\",\"a\":1}"}`,
		`{"m":"Guid 1-2.AgentGateway0 is unknown"}`:                     `{"m":"Guid *** is unknown"}`,
		`{"a":1,"password":"cut in the mid`:                             `{"a":1,"password"***`,
		`{"a":1,"password":"whole","b" oops "token":"x1y2z3" whole`:     `{"a":1,"password":"***","b" oops "token":"***" ***`,
		`password=geheim&login=1`:                                       `password=***&login=1`,
		`<html>token: abcdef12, Authorization: Bearer xyz.12 go</html>`: `<html>token: ***, Authorization: Bearer *** go</html>`,
		"GET /?access_token%3Dabc map[Guid:[J=1]]":                      "GET /?access_token%3D*** map[Guid:[***]]",
		"\x1b[2Jred\x00\n":                                              `\u001b[2Jred\u0000\n`,
	} {
		one, lines := traced()
		one.Answer(1, 200, nil, []byte(body), time.Time{})
		if got := (*lines)[0]; got.Body != want || got.Bytes != len(body) {
			t.Errorf("%s\n got %s\nwant %s", body, got.Body, want)
		}
	}
}

// A secret is hidden wherever it stands once it was seen under its name, or told,
// and however it is encoded.
func TestKnownSecretsAreHiddenInEveryEncoding(t *testing.T) {
	const secret = "<\"&kanari x\\+/üж😀\tend"
	asJSON := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Trim(string(b), `"`)
	}
	raw := func(s string) string { return s }
	encoders := []func(string) string{raw, asJSON, url.QueryEscape, url.PathEscape, html.EscapeString}
	one, lines := traced()
	login, err := json.Marshal(map[string]string{"password": secret})
	if err != nil {
		t.Fatal(err)
	}
	one.Request("POST", "/login", http.Header{"Content-Type": {"application/json"}}, login, "")
	for i, outer := range encoders {
		for j, inner := range encoders {
			text := outer(inner(secret))
			one.Answer(1, 500, http.Header{"X-Said": {text}, "X-Request-Id": {text}}, []byte("you said "+text+"!"), time.Now())
			one.Answer(1, 500, nil, []byte(`{"message":"`+asJSON("you said "+text)+`","callid":"`+asJSON(text)+`"}`), time.Now())
			one.Frame(false, "text", []byte(text))
			one.Closed(errors.New(text))
			one.Request("GET", "/x?y="+url.QueryEscape(text), nil, nil, "")
			if got := said(t, *lines); strings.Contains(got, "kanari") {
				t.Fatalf("encoder %d of encoder %d shows the secret: %s", i, j, got)
			}
			*lines = nil
		}
	}
}

func TestHeadersAndPaths(t *testing.T) {
	one, lines := traced()
	one.Request("GET", "/r/1?a=1&token=canary11&x=canary11", http.Header{
		"Guid": {"JSESSIONID=canary22.AgentGateway0"}, "Cookie": {"BIGip=canary33; a=canary44"}, "Content-Type": {"application/json"},
		"Authorization": {"Bearer canary55"}, "Service_token": {"canary66"}, "X-Api-Key": {"canary77"},
	}, nil, "")
	one.Answer(1, 302, http.Header{
		"Set-Cookie": {"JSESSIONID=canary88; Path=/; HttpOnly"}, "Set-Guid": {"canary99"}, "Location": {"https://sso.example/login?ticket=canaryAA"},
		"X-Echo":       {"canary22.AgentGateway0 canary33 canary55 canary77 canary88"},
		"X-Request-Id": {"7d1f2c3a-4b5c-6d7e-8f90-a1b2c3d4e5f6"}, "Authorization": {"canaryBB"},
	}, []byte("canary99 canary66"), time.Now())
	got := said(t, *lines)
	if strings.Contains(got, "canary") {
		t.Errorf("a secret is shown: %s", got)
	}
	for _, want := range []string{"/r/1?a=1&token=***&x=***", "Guid: ***", "BIGip=***; a=***", "Bearer ***", "JSESSIONID=***; Path=/; HttpOnly",
		"https://sso.example/…", "X-Request-Id: 7d1f2c3a-4b5c-6d7e-8f90-a1b2c3d4e5f6", "Content-Type: application/json"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing: %s", want, got)
		}
	}
}

func TestBounds(t *testing.T) {
	one, lines := traced()
	many := http.Header{}
	for i := range 70 {
		many.Set(fmt.Sprintf("X-%03d", i), strings.Repeat("a b ", 600))
	}
	secret := strings.Repeat("s3cr3t-", 300)
	for _, body := range []string{
		strings.Repeat("a b ", 1<<15), `{"a":"` + strings.Repeat("a b ", 1<<15) + `"}`, `{"token":"` + strings.Repeat("a1", 1<<15),
		`[` + strings.Repeat(`"a b",`, 1<<15), strings.Repeat("token="+secret+"&", 100),
	} {
		one.Answer(1, 200, many, []byte(body), time.Now())
		l := (*lines)[len(*lines)-1]
		if len(l.Body) > trace.BodyLimit+len("…") || len(l.Header) > 65 || len(l.Header[0]) > 1200 || l.Bytes != len(body) || strings.Contains(l.Body, "s3cr3t") {
			t.Errorf("%d bytes of body, %d headers of %d bytes, %d bytes told", len(l.Body), len(l.Header), len(l.Header[0]), l.Bytes)
		}
	}
}

func TestWhoIsTraced(t *testing.T) {
	other := session.ID{Platform: "hq", Login: "2002"}
	var nobody *trace.Traces
	all := trace.New(func(trace.Line) {})
	if nobody.Of(agent) != nil || all.Of(agent) != nil {
		t.Error("somebody is traced that nobody asked for")
	}
	all.Set([]session.ID{agent})
	first := all.Of(agent)
	all.Set([]session.ID{agent, other})
	if first == nil || all.Of(agent) != first || all.Of(other) == nil {
		t.Error("who stays must keep its trace")
	}
	all.Set(nil)
	if all.Of(agent) != nil {
		t.Error("the end is none")
	}
	for name, of := range map[string]*trace.Traces{"nil": nobody, "off": all} {
		if n := testing.AllocsPerRun(100, func() { _ = of.Of(agent) }); n != 0 {
			t.Errorf("%s: %v allocations while nobody is traced", name, n)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"password":"a","x":[1,{"token":2}]}`), "kanari-secret")
	f.Add([]byte(`token="`), `ka"nari`)
	f.Add([]byte("\xff[}"), "kanari")
	f.Fuzz(func(t *testing.T, body []byte, secret string) {
		if len(strings.TrimSpace(secret)) < 8 || len(secret) > 1000 || strings.Trim(secret, "*") != secret || strings.ContainsFunc(secret, func(c rune) bool { return c < ' ' || c == 0xFFFD }) {
			t.Skip()
		}
		one, lines := traced(secret)
		one.Answer(1, 200, http.Header{"X": {secret}}, append(append([]byte{}, body...), secret...), time.Now())
		l := (*lines)[0]
		shown := l.Body + l.Header[0]
		if len(l.Body) > trace.BodyLimit+len("…") || (strings.Contains(shown, strings.TrimSpace(secret)) && !strings.Contains(secret, `\`)) {
			t.Errorf("%+v", l)
		}
	})
}
