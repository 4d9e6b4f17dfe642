package ccgateway

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

func plainly(text string) string { return text }

// What an HTTP status means to an operation and to a poll.
func TestStatuses(t *testing.T) {
	type verdict struct {
		kind  session.Kind
		cause session.Cause
	}
	answered := verdict{session.Outage, session.CauseAnswered}
	throttled := verdict{session.Outage, session.CauseThrottled}
	for status, want := range map[int][3]verdict{
		302: {answered, answered, answered},
		401: {answered, answered, answered},
		403: {answered, answered, answered},
		404: {answered, answered, answered},
		418: {answered, answered, answered},
		429: {throttled, throttled, throttled},
		500: {{kind: session.Outage}, {kind: session.Outage}, {kind: session.Outage}},
		502: {{kind: session.Doubt}, {kind: session.Outage}, {kind: session.Doubt}},
		503: {throttled, throttled, throttled},
		504: {{kind: session.Doubt}, {kind: session.Outage}, {kind: session.Doubt}},
	} {
		for r, v := range want {
			a := wire.Answer{Status: status, Header: http.Header{"Retry-After": {"5"}}, Body: []byte(`{"status":"0"}`)}
			_, f := Read(code.Request(r), a, plainly)
			if f == nil || f.Kind != v.kind || f.Cause != v.cause || f.Text == "" || f.Action == "" {
				t.Errorf("%d at request %d: %+v", status, r, f)
				continue
			}
			if a.Body = []byte(`{"retcode":"100-004"}`); code.Request(r) == code.SignIn { // a code decides, whatever the status
				if _, f := Read(code.SignIn, a, plainly); f == nil || f.Kind != session.Refused {
					t.Errorf("%d with a code: %+v", status, f)
				}
			}
			if polls := code.Request(r) == code.KeepAlive; polls != (f.After == 0) {
				t.Errorf("%d at request %d: not before %v", status, r, f.After)
			}
		}
	}
}

func TestRead(t *testing.T) {
	for body, want := range map[string][3]session.Kind{
		`{"retcode":"0"}`:                   {session.OK, session.OK, session.OK},
		`{"retcode":"100-008"}`:             {session.Outage, session.Lost, session.OK},
		`{"retcode":"100-004","msg":"why"}`: {session.Refused, session.Outage, session.Outage},
		`<html>`:                            {session.Doubt, session.Outage, session.Doubt},
	} {
		for r, kind := range want {
			_, f := Read(code.Request(r), wire.Answer{Status: 200, Body: []byte(body)}, plainly)
			got := session.OK
			if f != nil {
				got = f.Kind
			}
			if got != kind {
				t.Errorf("%s at request %d: %+v, want %v", body, r, f, kind)
			}
		}
	}
	_, f := Read(code.SignIn, wire.Answer{Status: 200, Body: []byte(`{"retcode":"100-004","message":"secret"}`)}, func(string) string { return "cleaned" })
	if want := `wrong user or password ("cleaned")`; f.Text != want {
		t.Errorf("%q, want %q", f.Text, want)
	}
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		answer wire.Answer
		want   bool
	}{
		{wire.Answer{Status: 200, Body: []byte(`{"retcode":"100-006"}`)}, true},
		{wire.Answer{Status: 200, Body: []byte(`<html>`)}, false},
		{wire.Answer{Status: 404, Body: []byte(`{"retcode":"000-002"}`)}, true},
		{wire.Answer{Status: 404, Body: []byte(`{"status":404}`)}, false},
	} {
		if f := Answers(tt.answer); (f == nil) != tt.want || (f != nil && f.Kind != session.Outage) {
			t.Errorf("%d %s: %v", tt.answer.Status, tt.answer.Body, f)
		}
	}
}

func TestRedirectsNameTheirTarget(t *testing.T) {
	h := http.Header{"Location": {"https://user:secret@sso.example:8443/login?ticket=secret"}}
	for _, r := range []code.Request{code.SignIn, code.KeepAlive, code.SignOut} {
		_, f := Read(r, wire.Answer{Status: 302, Header: h}, plainly)
		if want := "the address redirects to https://sso.example:8443"; f == nil || f.Text != want {
			t.Errorf("%+v, want %q", f, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock begins with the year 2000
		for text, want := range map[string]time.Duration{
			"": 0, "17": 17 * time.Second, "99999999999": 10 * time.Minute, "99999": 10 * time.Minute, "-3": 0, "soon": 0,
			"Sat, 01 Jan 2000 00:00:30 GMT": 30 * time.Second, "Fri, 31 Dec 1999 00:00:00 GMT": 0, "Tue, 01 Jan 2030 00:00:00 GMT": 10 * time.Minute,
		} {
			a := wire.Answer{Status: 503, Header: http.Header{"Retry-After": {text}}}
			if _, f := Read(code.SignIn, a, plainly); f == nil || f.After != want {
				t.Errorf("%q: %+v, want %v", text, f, want)
			}
			if _, f := Read(code.KeepAlive, a, plainly); f == nil || f.After != 0 {
				t.Errorf("%q: a poll rests: %+v", text, f)
			}
		}
	})
}
