package proxy

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"agentkeeper/session"
)

func TestParseRoute(t *testing.T) {
	for path, want := range map[string]struct {
		id   session.ID
		uri  string // on https://host/base
		fail bool
	}{
		"/hq/291/a/b":                  {id: session.ID{Platform: "hq", Login: "291"}, uri: "/base/a/b"},
		"/hq/291/":                     {id: session.ID{Platform: "hq", Login: "291"}, uri: "/base/"},
		"/rt/a%40b.org/api/":           {id: session.ID{Platform: "rt", Login: "a@b.org"}, uri: "/base/api/"},
		"/rt/a@b.org/api/":             {id: session.ID{Platform: "rt", Login: "a@b.org"}, uri: "/base/api/"},
		"/ec/op%2F1/x%20y/%C3%A9":      {id: session.ID{Platform: "ec", Login: "op/1"}, uri: "/base/x%20y/%C3%A9"},
		"/cc/a/agents/x%40y.org/s%2Bt": {id: session.ID{Platform: "cc", Login: "a"}, uri: "/base/agents/x%40y.org/s%2Bt"},
		"":                             {fail: true},
		"*":                            {fail: true},
		"/":                            {fail: true},
		"/hq":                          {fail: true},
		"/hq/291":                      {fail: true},
		"//291/a":                      {fail: true},
		"/hq//a":                       {fail: true},
		"/hq/../a":                     {fail: true},
		"/%2e/291/a":                   {fail: true},
		"/hq/291/../a":                 {fail: true},
		"/hq/291/a/./b":                {fail: true},
		"/hq/291/a//b":                 {fail: true},
		"/hq/291//a":                   {fail: true},
		"/hq/291/a/..;x/b":             {fail: true},
		"/hq/291/a;x=1":                {fail: true},
		"/hq/291/a%3Bx":                {fail: true},
		"/hq/291/a%2Fb":                {fail: true},
		"/hq/291/a%5Cb":                {fail: true},
		`/hq/291/a\b`:                  {fail: true},
		"/hq/291/a%252Fb":              {fail: true},
		"/hq/291/a%00":                 {fail: true},
		"/hq/291/a%0d%0aGuid:x":        {fail: true},
		"/hq/291/a%zz":                 {fail: true},
		"/hq/%zz/a":                    {fail: true},
	} {
		r, err := parseRoute(path)
		if (err != nil) != want.fail {
			t.Errorf("%q: error %v", path, err)
			continue
		}
		if err != nil {
			continue
		}
		if uri := r.on(base, "").RequestURI(); r.id != want.id || uri != want.uri {
			t.Errorf("%q: got %v and %q, want %v and %q", path, r.id, uri, want.id, want.uri)
		}
	}
}

var base = &url.URL{Scheme: "https", Host: "host", Path: "/base/"}

// What the platform reads is what the rules saw: the segments, under its base.
func FuzzParseRoute(f *testing.F) {
	for _, seed := range []string{"/hq/291/a/b", "/hq/291/", "/rt/a%40b/api/", "/hq/291/%2e%2e/x", "/hq/291/a;b", "/a/b/%25", "/a/b/é|^"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := parseRoute(path)
		if err != nil {
			return
		}
		sent, err := url.ParseRequestURI(r.on(base, "").RequestURI())
		if err != nil {
			t.Fatalf("%q cannot be sent: %v", path, err)
		}
		segments := strings.Split(sent.Path, "/")
		if !slices.Equal(segments[2:], r.segments) || segments[1] != "base" {
			t.Errorf("%q: sent %q, judged %q", path, segments, r.segments)
		}
		for _, s := range segments {
			if dots(s) || strings.ContainsFunc(s, ambiguous) {
				t.Errorf("%q: sent %q", path, s)
			}
		}
	})
}
