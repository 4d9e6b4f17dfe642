package rules

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// parse parses a POST request to an address.
func parse(address string, h http.Header) (Request, error) {
	path, query, _ := strings.Cut(address, "?")
	return Parse(Raw{Method: http.MethodPost, Path: path, Query: query, Header: h})
}

func TestNormalForm(t *testing.T) {
	for address, want := range map[string]string{
		"":                            "/",
		"/":                           "/",
		"api/":                        "/api/",
		"/a/b":                        "/a/b",
		"/%73aybusy":                  "/saybusy",
		"agents/x%40y.org/s%2Bt":      "/agents/x@y.org/s%2Bt",
		"agents/x@y.org/a:b=c":        "/agents/x@y.org/a%3Ab%3Dc",
		"a/%7Eb":                      "/a/~b",
		"a?":                          "/a",
		"a?skillid=1;2;3":             "/a?skillid=1;2;3",
		"a?x=%20b+c%2Bd":              "/a?x=%20b%20c%2Bd",
		"a?%72eason=200&prolong=":     "/a?reason=200&prolong=",
		"a?true":                      "/a?true",
		"a?q=%D0%B0&r=100%25":         "/a?q=%D0%B0&r=100%25",
		"a?t=2026-01-01T10:00:00,x@y": "/a?t=2026-01-01T10:00:00,x@y",
		"a?x=a%26b%3Dc%23":            "/a?x=a%26b%3Dc%23",
	} {
		r, err := parse(address, nil)
		got := r.Path()
		if len(r.Query) > 0 {
			got += "?" + r.RawQuery()
		}
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", address, got, err, want)
		}
	}
}

func TestNotPlain(t *testing.T) {
	for _, address := range []string{
		"logout%3Fx", "logout%23", "logout%E2%80%8B", "%FFlogout", "logout%00", "logout%0d%0aGuid:x", "logout%20", "logout%09", "logout\u200b",
		"a/../logout", "a/%2e%2e/logout", "a/%2E./logout", "a/./b", "a//b", "//a", "a/..;x/b", "a;x=1", "a%3Bx", "a%2Flogout", "a%5Clogout", `a\logout`,
		"a%252Flogout", "logout%2500", "a%zz", "a%", "%u006cogout", "%C0%AElogout", "%E0%80%AFlogout", "log%C2%ADout", "log%EF%BC%AFut", "logou%74%CC%81",
		"a&#108;ogout", "{a}", "a|b", "a^b", "a`b", "<a>", "\"a\"", "a%2e%2e%2f", strings.Repeat("a", MaxPath+1), strings.Repeat("a/", MaxSegments),
		"a?_method=DELETE", "a?%5Fmethod=DELETE", "a?_METHOD=x", "a?x=1;_method=DELETE", "a?x=1%3B_method=DELETE", "a?X-HTTP-Method-Override=PUT", "a?x_http_method_override=PUT",
		"a?action%00=auth", "a?act%E2%80%8Bion=auth", "a?action[]=auth", "a?=x", "a?&", "a?x=%00", "a?x=%E2%80%8B", "a?x=%FF", "a?x=%C0%80", "a?x=%252e", "a?x=%25u0061", "a?x=%zz", "a?%zz=1",
		"a?x=" + strings.Repeat("a", MaxQuery), "a?" + strings.Repeat("x&", MaxPairs),
	} {
		if r, err := parse(address, nil); !errors.Is(err, ErrNotPlain) {
			t.Errorf("%.60q was taken as %q ? %q: %v", address, r.Path(), r.RawQuery(), err)
		} else if strings.Contains(err.Error(), "logout") || len(err.Error()) > 200 {
			t.Errorf("%.60q: the error repeats it: %v", address, err)
		}
	}
}

func TestMethods(t *testing.T) {
	for _, method := range []string{"", "TRACE", "CONNECT", "get", "PURGE", "GET ", "LOGOUT"} {
		if _, err := Parse(Raw{Method: method}); !errors.Is(err, ErrNotPlain) {
			t.Errorf("%q was taken", method)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, h := range []http.Header{
		{"X-Http-Method-Override": {"DELETE"}}, {"X-HTTP-Method": {"PUT"}}, {"X_Http_Method_Override": {"PUT"}}, {"x-method-override": {"PUT"}},
		{"X-Original-Url": {"/logout"}}, {"X-Rewrite-Url": {"/logout"}}, {"X_original_url": {"/logout"}}, {"Soapaction": {"logout"}},
		{"Content_Length": {"5"}}, {"Transfer_Encoding": {"chunked"}}, {"Content_Type": {"application/json"}},
		{"Content-Type": {"application/json", "text/plain"}}, {"Content-Type": {"application/json; charset"}}, {"Content-Encoding": {"gzip", "identity"}},
	} {
		if _, err := parse("a", h); !errors.Is(err, ErrNotPlain) {
			t.Errorf("%v was taken", h)
		}
	}
	if _, err := parse("a", http.Header{"X-Mine": {"1"}, "X_mine": {"1"}, "Content-Type": {"application/json"}}); err != nil {
		t.Error(err)
	}
}

func TestReadable(t *testing.T) {
	for _, test := range []struct {
		header http.Header
		want   bool
		media  string
	}{
		{http.Header{}, true, ""},
		{http.Header{"Content-Type": {"Application/JSON"}}, true, "application/json"},
		{http.Header{"Content-Type": {`application/json; charset="UTF-8"`}, "Content-Encoding": {"identity"}}, true, "application/json"},
		{http.Header{"Content-Type": {"application/json; charset=utf-7"}}, false, "application/json"},
		{http.Header{"Content-Type": {"application/json; charset=utf-16"}}, false, "application/json"},
		{http.Header{"Content-Encoding": {"gzip"}}, false, ""},
		{http.Header{"Content-Encoding": {"identity, gzip"}}, false, ""},
	} {
		r, err := parse("a", test.header)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = r.WithBody([]byte("{}"), true); err != nil || r.Readable != test.want || r.Media != test.media {
			t.Errorf("%v: %+v, %v", test.header, r, err)
		}
		if r, _ = r.WithBody([]byte("{}"), false); r.Readable {
			t.Errorf("%v: the beginning of a body is called readable", test.header)
		}
	}
}

func TestBodies(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for body, good := range map[string]bool{
		"": true, "a=1&b=2": true, "_method=DELETE": false, "a=1&%5Fmethod=DELETE": false, `{"a":1}`: false, "a=%00": false,
	} {
		r, err := parse("a", form)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.WithBody([]byte(body), true); (err == nil) != good {
			t.Errorf("%q: %v", body, err)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		r, err := Parse(Raw{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.WithBody([]byte("GET /logout HTTP/1.1\r\n\r\n"), true); !errors.Is(err, ErrNotPlain) {
			t.Errorf("a body of %s was taken", method)
		}
		if _, err := r.WithBody(nil, true); err != nil {
			t.Error(err)
		}
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string][]string{
		"A/LogOut/": {"a", "logout"}, "logout.json": {"logout"}, ".logout.": {"logout"}, "logout+": {"logout"}, "+logout": {"logout"}, "logout*.xml": {"logout"},
		"a@b.org/login@b.org": {"a@b", "login@b"}, "!": {}, "update_guid": {"update_guid"},
	} {
		r, err := parse(path, nil)
		if err != nil || !slices.Equal(r.Names(), want) {
			t.Errorf("%q: %q, %v", path, r.Names(), err)
		}
	}
}

func TestObjects(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: `{}`,
		` {"a" : [1, 2.50, 1e400, true, null, {"b":"<\u0061>"}], "é":"\u2028x" } `: `{"a":[1,2.50,1e400,true,null,{"b":"<a>"}],"é":"\u2028x"}`,
		`{"\u0061ction":"l\u0069st"}`:        `{"action":"list"}`,
		`{"a":{"x":1},"b":{"x":1}}`:          `{"a":{"x":1},"b":{"x":1}}`,
		`{"a":1,"a":2}`:                      "",
		`{"a":1,"A":2}`:                      "",
		`{"x":{"action":1,"\u0041ction":2}}`: "",
		`{"x":[{"a":1,"a":2}]}`:              "",
		`{"action\u0000":1}`:                 "",
		`{"act\u200bion":1}`:                 "",
		`{" action":1}`:                      "",
		`{"":1}`:                             "",
		"{\"action\xff\":1}":                 "",
		`{"\ud800":1}`:                       "",
		`{"\u017fort":1}`:                    "", // long s
		`{"act\u0131on":1}`:                  "", // dotless i
		`{"\u212aey":1}`:                     "", // the sign of kelvins
		`[{}]`:                               "",
		`{}{}`:                               "",
		`{} x`:                               "",
		`{"a":`:                              "",
		`{"a":NaN}`:                          "",
		`{'a':1}`:                            "",
		`{"a":1,}`:                           "",
		`{"a":1/**/}`:                        "",
		"\xef\xbb\xbf{}":                     "",
		"\xff\xfe{\x00}\x00":                 "",
		``:                                   "",
		strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth):           strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth),
		strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1):       "",
		`{"a":` + strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1) + "}": "",
	} {
		_, normal, err := ParseObject([]byte(body))
		if string(normal) != want || (err != nil) != (want == "") {
			t.Errorf("%.80q: %q, %v", body, normal, err)
		}
	}
	members, _, err := ParseObject([]byte(`{"Action":"x","p":{"action":["y"]},"l":[{"action":"z"}]}`))
	want := []Member{{Key: "action", Text: "x", IsText: true, Depth: 1}, {Key: "p", Depth: 1}, {Key: "action", Depth: 2}, {Key: "l", Depth: 1}, {Key: "action", Text: "z", IsText: true, Depth: 3}}
	if err != nil || !slices.Equal(members, want) {
		t.Errorf("%+v, %v", members, err)
	}
}

func TestPlainNames(t *testing.T) {
	for name, want := range map[string]bool{
		"auth": true, "call/accept": true, "a_b-c.d": true, "": false, "auth\x00": false, " auth": false, "аuth": false, "a//b": false, "/a": false, "a/": false,
		"a/../b": false, "a\u200b": false, "a b": false, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		if PlainName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// What is sent is read by a server as it was judged, and is plain again.
func FuzzNormalForm(f *testing.F) {
	for _, seed := range [][2]string{{"a/b", "x=1;2&y"}, {"%73ay/a%40b/", "a=%20b"}, {"", ""}, {"logout%3Fx", "%zz"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r, err := Parse(Raw{Method: http.MethodPost, Path: path, Query: query})
		if err != nil {
			return
		}
		again, err := Parse(Raw{Method: http.MethodPost, Path: r.Path(), Query: r.RawQuery()})
		if err != nil {
			// Encoding makes a query longer, at most three times.
			if len(r.RawQuery()) <= MaxQuery && len(r.Path()) <= MaxPath {
				t.Fatalf("%q ? %q: the normal form is not plain: %v", path, query, err)
			}
			return
		}
		if !slices.Equal(r.Segments, again.Segments) || !slices.Equal(r.Query, again.Query) {
			t.Errorf("%q ? %q: judged %q %v, read %q %v", path, query, r.Segments, r.Query, again.Segments, again.Query)
		}
	})
}
