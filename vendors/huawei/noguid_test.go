package huawei

import (
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// A gateway that knows no Guid: the sign-in's retcode 0 is the session, which is
// kept by its cookies or by nothing, survives a restart, and ends well.
func TestSessionWithoutGuid(t *testing.T) {
	for name, tt := range map[string]struct{ set, carried string }{
		"nothing": {"", ""},
		"cookie":  {"< Set-Cookie: JSESSIONID=" + guid1 + "; Path=/\n", " cookie=JSESSIONID=" + guid1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, `
					> PUT onlineagent/291
					`+tt.set+`{"retcode":"0","result":{"loginTime":"17"}}
					> GET agentevent/291`+tt.carried+`
					{"retcode":"0","event":{"eventType":"AgentOther_InService"}}
					> GET agentevent/291`+tt.carried+`
					{"retcode":"0"}
					> DELETE onlineagent/291/logout`+tt.carried+`
					{"retcode":"100-006"}`)
				s, err := p.SignIn(t.Context(), account(t, nil), false)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if b, err := sessiontest.Next(t.Context(), s); err != nil || len(b.Events) != 1 {
					t.Fatalf("%+v, %v", b, err)
				}
				adopted, err := p.Adopt(account(t, nil), s.Key())
				if err != nil {
					t.Fatal(err)
				}
				defer adopted.Close()
				if _, err := sessiontest.Next(t.Context(), adopted); err != nil {
					t.Error(err)
				}
				if got := adopted.Info().Credential.Header.Get("Guid"); got != "" {
					t.Errorf("a Guid is handed on: %q", got)
				}
				if err := adopted.SignOut(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Where a proxy takes the Guid away, the first poll shows it, and says so.
func TestGuidTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, `
			> PUT onlineagent/291
			{"retcode":"0"}
			> GET agentevent/291
			{"retcode":"100-006"}`)
		s, err := p.SignIn(t.Context(), account(t, nil), false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = sessiontest.Next(t.Context(), s)
		if f := session.AsFault(err); f == nil || f.Kind != session.Lost || f.Code != codeNoGuid {
			t.Errorf("%v, want %s", err, codeNoGuid)
		}
	})
}

// What a poll's answer carried may be lost when it breaks off after it had begun,
// and is not when nothing of it came or the platform said no.
func TestPollsThatBreakOff(t *testing.T) {
	const in = "> PUT onlineagent/291\n< Set-GUID: JSESSIONID=" + guid1 + "\n" + `{"retcode":"0"}` + "\n> GET agentevent/291 guid=" + guid1 + "\n"
	for name, tt := range map[string]struct {
		answer string
		want   session.Missing
	}{
		"whole":             {`{"retcode":"0"}`, session.MissingNone},
		"cut in the body":   {"< Content-Length: 500\n" + `{"retcode":"0","ev`, session.MissingCut},
		"cut, but no error": {`{"retcode":"0","event":{"eventType":"Agent`, session.MissingCut},
		"too large":         {`{"retcode":"0","event":"` + string(make([]byte, session.MessageLimit)) + `"}`, session.MissingTooLarge},
		"a failure, cut":    {"< 502\n< Content-Length: 500\n<html>", session.MissingNone},
		"a web page":        {"<html>", session.MissingNone},
		"reset, twice":      {"< reset\n> GET agentevent/291 guid=" + guid1 + "\n< reset", session.MissingNone},
		"silence":           {"< wait 30s", session.MissingNone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, in+tt.answer)
				s, err := p.SignIn(t.Context(), account(t, nil), false)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if b, err := sessiontest.Next(t.Context(), s); b.Missing != tt.want || (err == nil) != (name == "whole") {
					t.Errorf("missing %q, want %q: %v", b.Missing, tt.want, err)
				}
				time.Sleep(time.Minute) // the gateway's end of it
			})
		})
	}
}
