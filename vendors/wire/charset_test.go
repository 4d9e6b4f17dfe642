package wire

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestUTF8(t *testing.T) {
	russian, err := charmap.Windows1251.NewEncoder().String(`{"message":"неверный пароль"}`)
	if err != nil {
		t.Fatal(err)
	}
	chinese, err := simplifiedchinese.GBK.NewEncoder().String(`{"name":"誠","x":1}`) // the second byte of the name is a backslash
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ kind, text, want string }{
		"UTF-8":                    {"application/json", `{"a":"é"}`, `{"a":"é"}`},
		"UTF-8 told to be another": {"application/json; charset=GBK", `{"a":"座席"}`, `{"a":"座席"}`},
		"told":                     {"text/plain; charset=windows-1251", russian, `{"message":"неверный пароль"}`},
		"told falsely":             {"application/json; charset=utf-8", "{\"a\":\"x\xff\"}", "{\"a\":\"x\uFFFD\"}"},
		"a name nobody knows":      {"application/json; charset=x-none", "{\"a\":\"x\xff\"}", "{\"a\":\"x\uFFFD\"}"},
		"not told":                 {"", "{\"a\":\"cut \xe5\xba\"}", "{\"a\":\"cut \uFFFD\"}"},
		"GBK told":                 {"application/json; charset=GBK", chinese, `{"name":"誠","x":1}`},
		"GBK not told":             {"application/json", chinese, `{"name":"誠","x":1}`},
		"mark":                     {"", "\xef\xbb\xbf{}", "{}"},
		"UTF-16":                   {"", "\xff\xfe{\x00}\x00", "{}"},
		"nothing":                  {"; ;", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(UTF8(tt.kind, []byte(tt.text))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzUTF8(f *testing.F) {
	f.Add("application/json; charset=GBK", []byte("{\"a\":\"\x81\\\"}"))
	f.Add("text/plain; charset=utf-16", []byte("\xfe\xff\x00"))
	f.Add("", []byte("\xef\xbb\xbf\xff"))
	f.Fuzz(func(t *testing.T, kind string, text []byte) {
		got := UTF8(kind, text)
		if !utf8.Valid(got) {
			t.Errorf("%q, %q became %q, which is no UTF-8", kind, text, got)
		}
		if len(got) > 3*len(text) {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
		if utf8.Valid(text) && json.Valid(text) && !json.Valid(got) {
			t.Errorf("good JSON was broken: %q became %q", text, got)
		}
	})
}
