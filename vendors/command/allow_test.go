package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntries(t *testing.T) {
	for text, want := range map[string]Entry{
		"call/accept":                       {Action: "call/accept"},
		"do:busy":                           {Verb: Busy},
		"POST onlineagent/291/saybusy":      {Method: "POST", Segments: []string{"onlineagent", "291", "saybusy"}},
		"PUT /voicecall/":                   {Method: "PUT", Segments: []string{"voicecall"}},
		"PUT voicecall/bot%40example.ru":    {Method: "PUT", Segments: []string{"voicecall", "bot@example.ru"}},
		"DELETE /":                          {Method: "DELETE"},
		"GET onlineagent/{login}/something": {},
		"do:dance":                          {},
		"do:":                               {},
		"":                                  {},
		"POST":                              {},
		"post voicecall":                    {},
		"TRACE voicecall":                   {},
		"call accept":                       {},
		"call//accept":                      {},
		"POST a/../b":                       {},
		"POST a//b":                         {},
		"POST a%2Fb":                        {},
		"POST https://10.0.0.5:8043/x":      {},
		"POST voicecall?callid=1":           {},
	} {
		got, err := ParseEntry(text)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want.Action+want.Verb+want.Method != "") {
			t.Errorf("%q: %v, %v", text, diff, err)
		}
	}
	if _, err := ParseEntry("do:bussy"); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("a mistyped verb: %v", err)
	}
}

func TestWhatAnEntryAdmits(t *testing.T) {
	voice := []string{"voicecall", "291", "reject"}
	for _, test := range []struct {
		entry, method string
		segments      []string
		want          bool
	}{
		{"POST voicecall", "POST", voice, true},
		{"POST voicecall/291/reject", "POST", voice, true},
		{"POST /", "POST", voice, true},
		{"POST voice", "POST", voice, false},
		{"POST voicecall/29", "POST", voice, false},
		{"POST voicecall/291/reject/now", "POST", voice, false},
		{"PUT voicecall", "POST", voice, false},
		{"do:reject", "POST", voice, false},
		{"voicecall", "POST", voice, false},
	} {
		e, err := ParseEntry(test.entry)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.HasRequest(test.method, test.segments); got != test.want {
			t.Errorf("%s admits %s %v: %v", test.entry, test.method, test.segments, got)
		}
		if e.HasAction("") || e.HasVerb("") || (e.HasAction("voicecall") != (test.entry == "voicecall")) || (e.HasVerb(Reject) != (test.entry == "do:reject")) {
			t.Errorf("%s admits an action or a verb that it does not name", test.entry)
		}
	}
}
