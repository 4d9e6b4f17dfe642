package huawei

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/code"
)

func TestSignOut(t *testing.T) {
	const (
		polite = "> DELETE onlineagent/291/logout" + with1 + "\n"
		force  = "> DELETE onlineagent/291/forcelogout" + with1 + "\n"
		status = "> GET onlineagent/291/agentstatus" + with1 + "\n"
		yes    = `{"result":{},"message":"success","retcode":"0"}` + "\n"
	)
	tests := map[string]struct {
		how    string // option sign_out
		script string
		kind   session.Kind
		code   string
	}{
		"out, says the state":      {"polite", polite + yes + status + `{"retcode":"0","result":{"agentState":2,"isWorking":false}}`, session.OK, ""},
		"out, says the code":       {"polite", polite + yes + status + `{"retcode":"100-006"}`, session.OK, ""},
		"out, says the permission": {"polite", polite + yes + status + `{"retcode":"000-003"}`, session.OK, ""},
		"in a call, untold":        {"polite", polite + yes + status + `{"retcode":"0","result":{"agentState":7,"isWorking":"true"}}`, session.Busy, "100-010"},
		"talking as text":          {"polite", polite + yes + status + `{"retcode":"0","result":{"agentState":"7"}}`, session.Busy, "100-010"},
		"slow to leave": {"polite", polite + yes + status + `{"retcode":"0","result":{"agentState":4}}` + "\n" +
			status + `{"retcode":"0","result":{"agentState":2}}`, session.OK, ""},
		"does not leave": {"polite", polite + yes + status + `{"retcode":"0","result":{"agentState":3}}` + "\n" +
			status + `{"retcode":"0","result":{"agentState":3}}` + "\n" + status + `{"retcode":"0","result":{"agentState":5}}`, session.Busy, "100-010"},
		"state unknown": {"polite", polite + yes + status + `{"retcode":"0","result":{"agentState":0}}` + "\n" +
			status + `{"retcode":"0","result":""}` + "\n" + status + `{"retcode":"0"}`, session.Doubt, codeUnverified},
		"no state to be had":      {"polite", polite + yes + status + `{"retcode":"000-002"}`, session.Doubt, codeUnverified},
		"state fails":             {"polite", polite + yes + status + "< 502", session.Doubt, codeUnverified},
		"state is lost":           {"polite", polite + yes + status + "< wait 2s\n< reset", session.Doubt, "closed"},
		"in a call":               {"polite", polite + `{"retcode":"100-010","message":"` + leaky + `"}`, session.Busy, "100-010"},
		"state cannot be set":     {"polite", polite + `{"retcode":"100-009"}`, session.Busy, "100-009"},
		"out already":             {"polite", polite + `{"retcode":"100-006"}`, session.OK, ""},
		"signed out already":      {"polite", polite + `{"retcode":"100-008"}`, session.OK, ""},
		"no permission":           {"polite", polite + `{"retcode":"000-003"}`, session.Lost, "000-003"},
		"exception":               {"polite", polite + `{"retcode":"100-007"}`, session.Outage, "100-007"},
		"parameter":               {"polite", polite + `{"retcode":"100-005"}`, session.Outage, "100-005"},
		"unknown":                 {"polite", polite + `{"retcode":"321-000"}`, session.Outage, "321-000"},
		"HTML":                    {"polite", polite + `<html>` + leaky, session.Doubt, code.Unreadable},
		"502":                     {"polite", polite + "< 502", session.Doubt, "http 502"},
		"503":                     {"polite", polite + "< 503", session.Outage, "http 503"},
		"reset":                   {"polite", polite + "< reset", session.Doubt, "closed"},
		"silence":                 {"polite", polite + "< wait 40s", session.Doubt, "timeout"},
		"forced":                  {"force", force + yes, session.OK, ""},
		"forced, out already":     {"force", force + `{"retcode":"100-006"}`, session.OK, ""},
		"forced, answer was lost": {"force", force + "< reset", session.Doubt, "closed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, welcomed+tt.script)
				s := enter(t, p, account(t, map[string]string{"sign_out": tt.how}))
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				err := s.SignOut(ctx)
				if session.KindOf(err) != tt.kind {
					t.Fatalf("got %v, want %v", err, tt.kind)
				}
				if err != nil {
					if f := fault(t, err); f.Code != tt.code || f.Text == "" || f.Action == "" {
						t.Errorf("got %+v, want code %q", f, tt.code)
					}
				}
			})
		})
	}
}

// After a sign-out that did not happen the session goes on, with the key that
// the answer brought.
func TestSessionOutlivesAFailedSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+`
			> DELETE onlineagent/291/logout`+with1+`
			< Set-GUID: JSESSIONID=`+guid2+`
			{"retcode":"100-010"}
			> GET agentevent/291`+with2+quiet)
		s := enter(t, p, account(t, nil))
		if err := s.SignOut(t.Context()); session.KindOf(err) != session.Busy {
			t.Fatal(err)
		}
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
}
