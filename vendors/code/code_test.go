package code_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

var table = code.Table{RetryAfterMax: 10 * time.Minute, Lines: map[string]code.Line{
	"0":             {},
	"7-01":          {On: code.Verdicts{code.Credential, code.Expired, code.Done}, Text: "wrong", Action: "correct it"},
	"7-0#":          {On: code.Always(code.Lost), Text: "gone"},
	"busy":          {On: code.Always(code.Outage), Text: "busy", After: time.Minute},
	"http 404":      {On: code.Always(code.Setting), Text: "nowhere"},
	"http 3##":      {On: code.Always(code.Unclassified), Text: "elsewhere"},
	"http 502":      {On: code.Verdicts{code.InDoubt, code.Outage, code.InDoubt}, Text: "behind"},
	"http ###":      {On: code.Always(code.Throttled), Text: "status"},
	code.Unreadable: {On: code.Always(code.InDoubt), Text: "no code"},
}}

func TestLine(t *testing.T) {
	for name, want := range map[string]string{
		"7-01": "wrong", "7-09": "gone", "http 404": "nowhere", "http 405": "status", "http 301": "elsewhere",
		"7-1": "unknown code", "7-01 9": "wrong", "7-09 1 2": "gone", "8-01": "unknown code", "http 40": "unknown code", "http abc": "unknown code", "": "unknown code", "#": "unknown code",
	} {
		line, known := table.Line(name)
		if line.Text != want || known != (want != "unknown code") {
			t.Errorf("%q: %q %v, want %q", name, line.Text, known, want)
		}
	}
	if text, _, ok := table.Explain("timeout"); !ok || text == "" {
		t.Error("a code of the transport is not explained")
	}
	for _, name := range []string{"nonsense", "0"} {
		if text, _, ok := table.Explain(name); ok {
			t.Errorf("%q is explained: %q", name, text)
		}
	}
}

func TestWith(t *testing.T) {
	both := table.With(map[string]code.Line{"own": {Text: "own"}, "busy": {Text: "not busy"}})
	for name, want := range map[string]string{"own": "own", "busy": "not busy", "7-01": "wrong"} {
		if line, _ := both.Line(name); line.Text != want {
			t.Errorf("%q: %q, want %q", name, line.Text, want)
		}
	}
	if _, known := table.Line("own"); known || table.Lines["busy"].Text != "busy" {
		t.Error("the first table was changed")
	}
}

// A code in the body decides whatever the status; the status only without one.
func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		r      code.Request
		status int
		body   code.Body
		want   string
	}{
		{"good", code.SignIn, 200, code.Body{Code: "0"}, ""},
		{"good, whatever the status", code.SignIn, 500, code.Body{Code: "0", Message: "hello"}, ""},
		{"refused", code.SignIn, 200, code.Body{Code: "7-01", Message: "no such user"}, `refused credential 7-01 wrong ("no such user")`},
		{"the same words twice", code.SignIn, 503, code.Body{Code: "7-01", Message: "Wrong"}, "refused credential 7-01 wrong"},
		{"another request", code.KeepAlive, 200, code.Body{Code: "7-01"}, "lost expired 7-01 wrong"},
		{"done already", code.SignOut, 200, code.Body{Code: "7-01"}, ""},
		{"unknown", code.SignIn, 200, code.Body{Code: "9"}, "outage answered 9 unknown code"},
		{"refused, status 401", code.SignIn, 401, code.Body{Code: "7-01"}, "refused credential 7-01 wrong"},
		{"good, status 503", code.SignIn, 503, code.Body{Code: "0"}, ""},
		{"no code", code.SignIn, 200, code.Body{}, "doubt  unreadable no code"},
		{"nothing at all", code.SignIn, 204, code.Body{}, "doubt  unreadable no code"},
		{"no code, status 401", code.SignIn, 401, code.Body{}, "outage throttled http 401 status"},
		{"status", code.SignIn, 404, code.Body{}, "refused setting http 404 nowhere"},
		{"status of a proof", code.KeepAlive, 502, code.Body{}, "outage  http 502 behind"},
		{"status and words", code.SignOut, 502, code.Body{Message: "no upstream"}, `doubt  http 502 behind ("no upstream")`},
	} {
		got := ""
		if f := table.Read(tt.r, wire.Answer{Status: tt.status}, tt.body); f != nil {
			got = strings.Join([]string{f.Kind.String(), f.Cause.String(), f.Code, f.Text}, " ")
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	moved := wire.Answer{Status: 302, Header: http.Header{"Location": {"https://elsewhere.example/x?token=1"}}}
	if f := table.Read(code.SignIn, moved, code.Body{}); f.Text != "the address redirects to https://elsewhere.example" {
		t.Errorf("a redirect: %q", f.Text)
	}
	if f := table.Read(code.SignIn, moved, code.Body{Code: "busy"}); f.Text != "busy" {
		t.Errorf("a redirect with a code: %q", f.Text)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		r      code.Request
		status int
		body   string
		header string
		want   time.Duration
	}{
		{code.SignIn, 503, "", "30", 30 * time.Second},
		{code.SignOut, 502, "", "30", 30 * time.Second},
		{code.KeepAlive, 503, "", "30", 0},
		{code.SignIn, 503, "", "999999", 10 * time.Minute},
		{code.SignIn, 200, "busy", "30", time.Minute},
		{code.SignIn, 200, "busy", "90", 90 * time.Second},
		{code.SignIn, 503, "7-01", "30", 0},
	} {
		a := wire.Answer{Status: tt.status, Header: http.Header{"Retry-After": {tt.header}}}
		if f := table.Read(tt.r, a, code.Body{Code: tt.body}); f.After != tt.want {
			t.Errorf("%+v: %v", tt, f.After)
		}
	}
	hour := code.Table{}
	a := wire.Answer{Status: 503, Header: http.Header{"Retry-After": {"999999"}}}
	if f := hour.Read(code.SignIn, a, code.Body{}); f.After != time.Hour {
		t.Errorf("no bound named: %v", f.After)
	}
}

func TestWorks(t *testing.T) {
	var works []int
	for _, status := range []int{200, 204, 301, 400, 401, 403, 404, 405, 407, 429, 500, 501, 502, 503, 504} {
		if code.Works(status) {
			works = append(works, status)
		}
	}
	if diff := cmp.Diff([]int{200, 204, 400, 403, 404, 405, 500, 501}, works); diff != "" {
		t.Error(diff)
	}
	if f := code.Intercepted(401); f.Kind != session.Outage || f.Cause != session.CauseAnswered || f.Code != "http 401" {
		t.Errorf("%+v", f)
	}
}
