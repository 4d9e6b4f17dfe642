package ccgateway

import (
	"strings"
	"testing"
	"time"
)

func TestCookies(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		lines []string
		want  string
	}{
		"one":               {[]string{"a=1; Path=/; Secure"}, "a=1"},
		"no semicolon":      {[]string{"a=1"}, "a=1"},
		"several, in order": {[]string{"a=1", "b=2; HttpOnly", "c=3"}, "a=1; b=2; c=3"},
		"replaced":          {[]string{"a=1", "b=2", "a=3"}, "a=3; b=2"},
		"emptied":           {[]string{"a=1", "b=2", "a="}, "b=2"},
		"Max-Age 0":         {[]string{"a=1", "a=x; Max-Age=0"}, ""},
		"Max-Age counts":    {[]string{"a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "a=1"},
		"expired":           {[]string{"a=1", "a=1; expires=Thu, 01 Jan 1970 00:00:00 GMT"}, ""},
		"expired, dashes":   {[]string{"a=1", "a=1; Expires=Thu, 01-Jan-1970 00:00:01 GMT"}, ""},
		"lives on":          {[]string{"a=1; Expires=Fri, 01 Jan 2027 00:00:00 GMT"}, "a=1"},
		"odd date":          {[]string{"a=1; Expires=tomorrow"}, "a=1"},
		"value with =":      {[]string{"a=b=c=="}, "a=b=c=="},
		"quoted":            {[]string{`a="1,2"`}, `a="1,2"`},
		"no name":           {[]string{"=1", "nonsense", "", ";"}, ""},
		"unfit":             {[]string{"a b=1", "a=\x01", "ok=1"}, "ok=1"},
		"too long":          {[]string{"a=" + strings.Repeat("x", cookieLength)}, ""},
	} {
		var k Cookies
		for _, line := range tt.lines {
			k.Update([]string{line}, now)
		}
		if got := k.Header(); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestCookiesAreBounded(t *testing.T) {
	var k Cookies
	for i := range 3 * cookieLimit {
		k.Update([]string{strings.Repeat("a", i+1) + "=1"}, time.Now())
	}
	if len(k) != cookieLimit {
		t.Errorf("%d cookies", len(k))
	}
}

// A copy of the cookies is not touched by what comes after it.
func TestCookiesAreCopied(t *testing.T) {
	var k Cookies
	k.Update([]string{"a=1", "b=2"}, time.Now())
	before := k
	k.Update([]string{"a=", "b=3", "c=4"}, time.Now())
	if before.Header() != "a=1; b=2" || k.Header() != "b=3; c=4" {
		t.Errorf("%q became %q", before.Header(), k.Header())
	}
}

func FuzzCookies(f *testing.F) {
	f.Add("elb=1; Max-Age=0")
	f.Add(`a="b,c"; Expires=Thu, 01 Jan 1970 00:00:00 GMT`)
	f.Add("=;=;")
	f.Add("a\x00=b")
	f.Fuzz(func(t *testing.T, line string) {
		var k Cookies
		k.Update([]string{line, line}, time.Unix(0, 0))
		if strings.ContainsFunc(k.Header(), func(c rune) bool { return c < ' ' || c >= 0x7f }) || len(k) > 1 {
			t.Errorf("%q cannot stand in a header", k.Header())
		}
	})
}
