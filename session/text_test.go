package session_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"agentkeeper/session"
)

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 0, ""},
		{"", 10, ""},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abc…"},
		{"занято", 12, "занято"},
		{"занято!", 12, "заня…"},
		{"занято", 11, "заня…"},
		{"занято", 10, "зан…"}, // not in the middle of a character
		{"abc", 2, ""},
		{"abcd", 3, "…"},
		{strings.Repeat("\xbf", 20), 10, "…"}, // no text at all
	} {
		if got := session.Cut(tt.text, tt.limit); got != tt.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("занято", 10)
	f.Add("\xff\xfe…", 4)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 {
			return
		}
		got := session.Cut(text, limit)
		if len(got) > limit {
			t.Errorf("Cut(%q, %d) has %d bytes", text, limit, len(got))
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("Cut(%q, %d) = %q broke a character", text, limit, got)
		}
	})
}

// What a vendor says is kept up to a limit, whichever adapter brings it.
func TestFaultTextLimit(t *testing.T) {
	of := func(n int) *session.Fault {
		return &session.Fault{Kind: session.Refused, Code: strings.Repeat("c", n), Text: strings.Repeat("ж", n/2), Action: strings.Repeat("a", n)}
	}
	within := &session.Fault{Kind: session.Refused, Code: strings.Repeat("c", session.CodeLimit), Text: strings.Repeat("t", session.TextLimit), Action: strings.Repeat("a", session.TextLimit)}
	if got := session.AsFault(fmt.Errorf("sign in: %w", within)); got != within {
		t.Errorf("a fault within its limits was changed: %v", got)
	}
	long := of(900_000)
	got := session.AsFault(long)
	if len(got.Code) > session.CodeLimit || len(got.Text) > session.TextLimit || len(got.Action) > session.TextLimit {
		t.Errorf("%d, %d and %d bytes of code, text and action", len(got.Code), len(got.Text), len(got.Action))
	}
	if !utf8.ValidString(got.Text) || !strings.HasSuffix(got.Text, "…") {
		t.Errorf("the text ends with %q", got.Text[len(got.Text)-8:])
	}
	if len(long.Text) != 900_000 || got.Kind != session.Refused {
		t.Error("the vendor's own fault was changed, or the kind lost")
	}
	wrapped := &session.Fault{Kind: session.Outage, Err: errors.New(strings.Repeat("e", 900_000))}
	if text := wrapped.Error(); len(text) > session.TextLimit {
		t.Errorf("an error of %d bytes", len(text))
	}
}

func TestParseIDNamesNoMoreThanALogin(t *testing.T) {
	_, err := session.ParseID(strings.Repeat("x", 1<<20))
	if err == nil || len(err.Error()) > 2*session.NameLimit {
		t.Errorf("%.100v", err)
	}
}
