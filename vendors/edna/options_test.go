package edna

import (
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		options map[string]string
		want    Settings
	}{
		"defaults":      {nil, Settings{MaxAge: time.Hour}},
		"all":           {map[string]string{"locale": "ru", "max_age": "20m", "probe": " /api/v1/threads/7 "}, Settings{Locale: "ru", MaxAge: 20 * time.Minute, Probe: "/api/v1/threads/7"}},
		"query":         {map[string]string{"probe": "/x?a=b&c=d"}, Settings{MaxAge: time.Hour, Probe: "/x?a=b&c=d"}},
		"to be escaped": {map[string]string{"probe": "/нить/1"}, Settings{MaxAge: time.Hour, Probe: "/%D0%BD%D0%B8%D1%82%D1%8C/1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, settingsOf(t, tt.options)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeMistakes(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"unknown":       {"max_lifetime": "1h"},
		"age":           {"max_age": "soon"},
		"young":         {"max_age": "10s"},
		"relative path": {"probe": "api/v1/threads/1"},
		"whole address": {"probe": "https://chat.example/api"},
		"other host":    {"probe": "//chat.example/api"},
		"fragment":      {"probe": "/api#top"},
		"bad escape":    {"probe": "/api/%zz"},
		"long locale":   {"locale": "the language of the place"},
	} {
		t.Run(name, func(t *testing.T) {
			set := option.Set{}
			for n, text := range options {
				set[n] = option.Value{Text: text, Pos: option.Pos{File: "f", Line: 3, Col: 5}}
			}
			decoded, _, problems := decode(set, window)
			if len(problems) != 1 || problems[0].Pos.Line != 3 {
				t.Fatalf("problems %v", problems)
			}
			if s, ok := decoded.(Settings); !ok || s.MaxAge < time.Minute {
				t.Errorf("unusable settings %+v beside a problem", decoded)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	base := Settings{MaxAge: time.Hour}
	if Vendor.Fingerprint(base) != Vendor.Fingerprint(Settings{MaxAge: time.Minute, Probe: "/x"}) {
		t.Error("options that no sign-in sends change the fingerprint")
	}
	if Vendor.Fingerprint(base) == Vendor.Fingerprint(Settings{Locale: "en"}) {
		t.Error("the locale does not show in the fingerprint")
	}
	if got := option.Settings[Settings](session.Account{Options: 7}, decode, window); got != base {
		t.Errorf("settings of another vendor's options: %+v", got)
	}
	if Vendor.Window(nil) != 5*time.Minute {
		t.Errorf("window %v", Vendor.Window(nil))
	}
}
