package session_test

import (
	"testing"

	"agentkeeper/session"
)

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"hq/291", "hq/291", true}, {"hq/291", "hq/2911", false}, {"hq/29*", "hq/291", true}, {"hq/29*", "hq/29", true},
		{"hq/29*", "hq/281", false}, {"*", "a/b/c", true}, {"*/1", "hq/1/1", true}, {"h?/*1*", "hq/212", true},
		{"h?/1", "h/1", false}, {"*a*b", "xaxbxb", true}, {"*a*b", "xbxa", false}, {"a/[1]*", "a/[1]*", true}, {"", "", true}, {"?", "", false},
		{"ы*", "ыва", true},
	} {
		if got := session.Like(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Like(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}

func TestMatchesAny(t *testing.T) {
	for _, tt := range []struct {
		patterns []string
		name     string
		want     bool
	}{
		{nil, "x", true}, {[]string{"a", "b"}, "b", true}, {[]string{"a"}, "ab", false}, {[]string{"a*"}, "ab", true}, {[]string{"*"}, "", true}, {[]string{"b*"}, "ab", false},
	} {
		if got := session.MatchesAny(tt.patterns, tt.name); got != tt.want {
			t.Errorf("%v matches %q: %v", tt.patterns, tt.name, got)
		}
	}
}
