package adapter_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/command"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

func whole() adapter.Vendor {
	return adapter.Vendor{
		Title: "A vendor", Schemes: []string{"https"}, Window: adapter.FixedWindow(time.Minute),
		Options: []option.Spec{{Name: "probe", Doc: "a path"}},
		Decode: func(option.Set, time.Duration) (any, session.Terms, []option.Problem) {
			return nil, session.Terms{}, nil
		},
		Fingerprint: func(any) string { return "" },
		Codes:       code.Table{Lines: map[string]code.Line{"200": {}, "http ###": {Text: "a status"}}},
		Rules:       rules.Set{Admit: func(r rules.Request) (rules.Request, string) { return r, "" }, Judge: rules.JudgeStatus},
		Commands:    command.Set{Read: func(int, []byte) (string, command.Verdict) { return "", command.Accepted }},
		Open:        func(wire.Place) session.Platform { return nil },
	}
}

func TestLacks(t *testing.T) {
	if lacks := whole().Lacks(); len(lacks) > 0 {
		t.Errorf("a whole vendor lacks %q", lacks)
	}
	if n := len(adapter.Vendor{}.Lacks()); n != 8 {
		t.Errorf("an empty vendor lacks %d parts: %q", n, adapter.Vendor{}.Lacks())
	}
	both := "Rules with Admit and Judge, or with AdmitAction for a vendor that is not spoken over HTTP"
	for want, spoil := range map[string]func(v *adapter.Vendor){
		both:                           func(v *adapter.Vendor) { v.Rules = rules.Set{} },
		`Codes with a line "http ###"`: func(v *adapter.Vendor) { delete(v.Codes.Lines, "http ###") },
		"Commands with Read, for a vendor that is spoken over HTTP": func(v *adapter.Vendor) { v.Commands = command.Set{} },
		"Doc of the option probe":                                   func(v *adapter.Vendor) { v.Options[0].Doc = " " },
		"Text of the code 7":                                        func(v *adapter.Vendor) { v.Codes.Lines["7"] = code.Line{On: code.Always(code.Outage)} },
	} {
		v := whole()
		spoil(&v)
		if diff := cmp.Diff([]string{want}, v.Lacks()); diff != "" {
			t.Error(diff)
		}
	}
	v := whole()
	v.Rules = rules.Set{AdmitAction: func(string, []byte) ([]byte, string) { return nil, "" }}
	if lacks := v.Lacks(); len(lacks) > 0 {
		t.Errorf("a vendor of frames lacks %q", lacks)
	}
}

func TestFixedWindow(t *testing.T) {
	if got := whole().Window(option.Set{"probe": {Text: "x"}}); got != time.Minute {
		t.Error(got)
	}
}
