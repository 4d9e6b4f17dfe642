package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"agentkeeper/vendors/wire"
)

func TestRedact(t *testing.T) {
	tests := []struct {
		text    string
		secrets []string
		want    string
	}{
		{"nothing to hide", nil, "nothing to hide"},
		{"nothing to hide", []string{""}, "nothing to hide"},
		{"user 291, password hunter2!", []string{"hunter2"}, "user 291, password ***!"},
		{"hunter2hunter2", []string{"hunter2"}, "******"},
		{"the longer abcdef", []string{"abc", "abcdef"}, "the longer ***"},
		{"q=a%2Fb+c and a%2Fb%20c", []string{"a/b c"}, "q=*** and ***"},
		{`"pass\"word"`, []string{`pass"word`}, `"***"`},
		{"star * and hunter2", []string{"hunter2", "*"}, "star *** and ***"},
	}
	for _, tt := range tests {
		if got := wire.Redact(tt.text, tt.secrets...); got != tt.want {
			t.Errorf("Redact(%q, %q) = %q, want %q", tt.text, tt.secrets, got, tt.want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("the password is hunter2", "hunter2", "Guid")
	f.Add("***", "*", "**")
	f.Add("aba", "ab", "ba")
	f.Fuzz(func(t *testing.T, text, one, two string) {
		got := wire.Redact(text, one, two)
		for _, secret := range []string{one, two} {
			// A secret made of stars alone cannot be told from the mark.
			if strings.Trim(secret, "*") != "" && !strings.Contains(secret, "*") && strings.Contains(got, secret) {
				t.Errorf("Redact(%q, %q, %q) = %q", text, one, two, got)
			}
		}
	})
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		" two\n\tlines \x00\x1b[31m ": "two lines [31m",
		"座席未登录":                       "座席未登录",
		"broken \xff\xfe":             "broken \ufffd\ufffd",
		strings.Repeat("é", 200):      strings.Repeat("é", 200),
		strings.Repeat("é", 201):      strings.Repeat("é", 200) + "…",
	} {
		if got := wire.Plain(text); got != want || !utf8.ValidString(got) {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for raw, want := range map[string]wire.Text{
		`"100-006"`: "100-006", `0`: "0", `-1.5e3`: "-1.5e3", `true`: "true", `false`: "false",
		`null`: "", `{"a":1}`: "", `[1]`: "", `"\u0041\n"`: "A\n", `""`: "",
	} {
		v := struct{ T wire.Text }{T: "old"}
		if err := json.Unmarshal([]byte(`{"T": `+raw+` }`), &v); err != nil || v.T != want {
			t.Errorf("%s: %q, %v, want %q", raw, v.T, err, want)
		}
	}
}
