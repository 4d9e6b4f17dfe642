package proxy

import (
	"net/http"
	"net/url"
	"testing"

	"agentkeeper/session"
	"agentkeeper/vendors/rules"
)

func TestParseRoute(t *testing.T) {
	for path, want := range map[string]struct {
		id  session.ID
		uri string // on https://host/base; "": refused
	}{
		"/hq/291/a/b":                       {session.ID{Platform: "hq", Login: "291"}, "/base/a/b"},
		"/hq/291/":                          {session.ID{Platform: "hq", Login: "291"}, "/base/"},
		"/rt/a%40b.org/api/":                {session.ID{Platform: "rt", Login: "a@b.org"}, "/base/api/"},
		"/rt/a@b.org/%61pi/":                {session.ID{Platform: "rt", Login: "a@b.org"}, "/base/api/"},
		"/ec/op%2F1/x%2Dy":                  {session.ID{Platform: "ec", Login: "op/1"}, "/base/x-y"},
		"/cc/%D0%B0/agents/x%40y.org/s%2Bt": {session.ID{Platform: "cc", Login: "а"}, "/base/agents/x@y.org/s%2Bt"},
		"":                                  {}, "*": {}, "/": {}, "/hq": {}, "/hq/291": {}, "//291/a": {}, "/hq//a": {}, "/hq/../a": {}, "/%2e/291/a": {}, "/hq/%zz/a": {},
		"/hq/291/../a": {}, "/hq/291/a//b": {}, "/hq/291//a": {}, "/hq/291/a;x=1": {}, "/hq/291/a%2Fb": {}, "/hq/291/a%252Fb": {}, "/hq/291/a%00": {},
	} {
		way, err := parseRoute(path)
		uri := ""
		if err == nil {
			var r rules.Request
			if r, err = rules.Parse(rules.Raw{Method: http.MethodGet, Path: "/" + way.rest}); err == nil {
				uri = on(base, r).RequestURI()
			}
		}
		if uri != want.uri || (err == nil && way.id != want.id) {
			t.Errorf("%q: got %v and %q, want %v and %q: %v", path, way.id, uri, want.id, want.uri, err)
		}
	}
}

var base = &url.URL{Scheme: "https", Host: "host", Path: "/base/"}
