package huawei

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

func TestSignInSendsEveryField(t *testing.T) {
	defaults := map[string]any{
		"password": pass, "phonenum": "40038", "agenttype": 4.0, "status": 4.0,
		"autoanswer": true, "autoenteridle": true, "releasephone": true, "ip": "127.0.0.1",
		"phonelinkage": false, "checkInWebm": true, "checkInMailm": false, "listenStatus": false,
	}
	all := map[string]string{
		"agenttype": "11", "status": "3", "autoanswer": "no", "autoenteridle": "false", "releasephone": "off",
		"ip": "10.1.2.3", "entryIp": "10.9.9.9", "phonelinkage": "true", "checkInWebm": "false", "checkInMailm": "1",
		"vcPhoneNumber": "777", "listenStatus": "yes", "serviceworkid": "S1",
	}
	changed := map[string]any{
		"password": pass, "phonenum": "40038", "agenttype": 11.0, "status": 3.0,
		"autoanswer": false, "autoenteridle": false, "releasephone": false, "ip": "10.1.2.3", "entryIp": "10.9.9.9",
		"phonelinkage": true, "checkInWebm": false, "checkInMailm": true, "vcPhoneNumber": "777",
		"listenStatus": true, "serviceworkid": "S1",
	}
	for name, tt := range map[string]struct {
		options map[string]string
		force   bool
		want    map[string]any
	}{
		"defaults": {nil, false, defaults}, "all": {all, false, changed}, "forced": {nil, true, defaults},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := welcomed
				if tt.force {
					text = strings.Replace(text, "onlineagent/291", "onlineagent/291/forcelogin", 1)
				}
				p, g := play(t, text)
				s, err := p.SignIn(t.Context(), account(t, tt.options), tt.force)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				var got map[string]any
				if err := json.Unmarshal([]byte(g.arrivals()[0].body), &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// Every kind of answer to a sign-in.
func TestSignInAnswers(t *testing.T) {
	outcome := func(kind session.Kind, cause session.Cause, code string) session.Fault {
		return session.Fault{Kind: kind, Cause: cause, Code: code}
	}
	tests := map[string]struct {
		answer string
		want   session.Fault
	}{
		"wrong password":   {`{"message":"` + leaky + `","retcode":"100-004"}`, outcome(session.Refused, session.CauseCredential, "100-004")},
		"locked":           {`{"retcode":"110-016"}`, outcome(session.Refused, session.CauseCredential, "110-016")},
		"locked now":       {`{"retcode":"110-021"}`, outcome(session.Refused, session.CauseCredential, "110-021")},
		"parameter":        {`{"retcode":"100-001"}`, outcome(session.Refused, session.CauseSetting, "100-001")},
		"type":             {`{"retcode":"100-012"}`, outcome(session.Refused, session.CauseSetting, "100-012")},
		"number range":     {`{"retcode":"100-014"}`, outcome(session.Refused, session.CauseSetting, "100-014")},
		"already in":       {`{"retcode":"100-002"}`, outcome(session.Taken, 0, "100-002")},
		"number in use":    {`{"retcode":"100-011"}`, outcome(session.Taken, session.CauseUnforceable, "100-011")},
		"no force":         {`{"retcode":"100-015"}`, outcome(session.Taken, session.CauseUnforceable, "100-015")},
		"no resource":      {`{"retcode":"100-003"}`, outcome(session.Outage, session.CauseAnswered, "100-003")},
		"exception":        {`{"retcode":"100-007"}`, outcome(session.Outage, session.CauseAnswered, "100-007")},
		"WAS":              {`{"retcode":"999-001"}`, outcome(session.Outage, session.CauseAnswered, "999-001")},
		"switch-over":      {`{"retcode":"000-004"}`, outcome(session.Outage, 0, "000-004")},
		"repeated":         {`{"retcode":"000-007"}`, session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "000-007", After: 2 * time.Second}},
		"unknown code":     {`{"retcode":"555-123","msg":"` + leaky + `"}`, outcome(session.Outage, session.CauseAnswered, "555-123")},
		"numeric code":     {`{"retcode":7}`, outcome(session.Outage, session.CauseAnswered, "7")},
		"HTML":             {`<html>` + leaky + `</html>`, outcome(session.Doubt, 0, code.Unreadable)},
		"empty":            {``, outcome(session.Doubt, 0, code.Unreadable)},
		"cut":              {`{"message":"","retco`, outcome(session.Doubt, 0, code.Unreadable)},
		"no code":          {`{"message":"success"}`, outcome(session.Doubt, 0, code.Unreadable)},
		"secret for code":  {`{"retcode":"` + leaky + `"}`, outcome(session.Doubt, 0, code.Unreadable)},
		"502":              {"< 502\n" + leaky, outcome(session.Doubt, 0, "http 502")},
		"504":              {"< 504", outcome(session.Doubt, 0, "http 504")},
		"500":              {"< 500", outcome(session.Outage, 0, "http 500")},
		"503":              {"< 503", outcome(session.Outage, session.CauseThrottled, "http 503")},
		"503, later":       {"< 503\n< Retry-After: 17", session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 503", After: 17 * time.Second}},
		"429, later":       {"< 429\n< Retry-After: 99999", session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 429", After: 10 * time.Minute}},
		"429, at a date":   {"< 429\n< Retry-After: Sat, 01 Jan 2000 00:00:30 GMT", session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 429", After: 30 * time.Second}},
		"503, in the past": {"< 503\n< Retry-After: -3", outcome(session.Outage, session.CauseThrottled, "http 503")},
		"404":              {"< 404", outcome(session.Outage, session.CauseAnswered, "http 404")},
		"code under 404":   {"< 404\n" + `{"retcode":"100-004"}`, outcome(session.Refused, session.CauseCredential, "100-004")},
		"code under 400":   {"< 400\n" + `{"retcode":"100-004"}`, outcome(session.Refused, session.CauseCredential, "100-004")},
		"code under 401":   {"< 401\n" + `{"retcode":"100-004"}`, outcome(session.Refused, session.CauseCredential, "100-004")},
		"code under 403":   {"< 403\n" + `{"retcode":"110-021"}`, outcome(session.Refused, session.CauseCredential, "110-021")},
		"code under 500":   {"< 500\n" + `{"retcode":"100-002"}`, outcome(session.Taken, 0, "100-002")},
		"code under 503":   {"< 503\n< Retry-After: 17\n" + `{"retcode":"100-003"}`, session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "100-003", After: 17 * time.Second}},
		"JSON of a proxy":  {"< 401\n" + `{"error":"100-004","code":401}`, outcome(session.Outage, session.CauseAnswered, "http 401")},
		"401":              {"< 401", outcome(session.Outage, session.CauseAnswered, "http 401")},
		"302":              {"< 302\n< Location: https://sso/?token=" + guid1, outcome(session.Outage, session.CauseAnswered, "http 302")},
		"reset":            {"< reset", outcome(session.Doubt, 0, "closed")},
		"silence":          {"< wait 40s", outcome(session.Doubt, 0, "timeout")},
		"10 MB":            {strings.Repeat("x", 10<<20), outcome(session.Doubt, 0, "too large")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, "> PUT onlineagent/291\n< Set-Cookie: elb="+elb+"\n"+tt.answer)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				s, err := p.SignIn(ctx, account(t, nil), false)
				if s != nil {
					t.Fatal("a session beside a fault")
				}
				got := fault(t, err)
				if got.Text == "" || got.Action == "" {
					t.Errorf("text %q, action %q", got.Text, got.Action)
				}
				seen := session.Fault{Kind: got.Kind, Cause: got.Cause, Code: got.Code, After: got.After}
				if seen != tt.want {
					t.Errorf("got %+v, want %+v", seen, tt.want)
				}
			})
		})
	}
}

// A request that never left is an outage, whatever hinders it.
func TestSignInNotSent(t *testing.T) {
	for name, dialError := range map[string]error{
		"refused": &net.OpError{Op: "dial", Err: io.EOF},
		"dns":     &net.DNSError{Err: "no such host", Name: "gw"},
	} {
		dial := func(context.Context, string, string) (net.Conn, error) { return nil, dialError }
		p := newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: dial})
		_, err := p.SignIn(t.Context(), account(t, nil), false)
		if f := fault(t, err); f.Kind != session.Outage || !errors.Is(f, dialError) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		kind   session.Kind
	}{
		"refused as it should be": {`{"retcode":"100-006"}`, session.OK},
		"any code":                {`{"retcode":"000-003","result":""}`, session.OK},
		"HTML":                    {`<html>`, session.Outage},
		"under 401":               {"< 401\n" + `{"retcode":"100-006"}`, session.OK},
		"502":                     {"< 502", session.Outage},
		"reset":                   {"< reset", session.Outage},
		"silence":                 {"< wait 9s", session.Outage},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, "> GET onlineagent/291/agentstatus\n"+tt.answer)
				begin := time.Now()
				if got := session.KindOf(p.Probe(t.Context(), account(t, nil))); got != tt.kind {
					t.Errorf("got %v, want %v", got, tt.kind)
				}
				if took := time.Since(begin); took > probeTimeout {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed+`
			> GET agentevent/291`+with1+`
			< Set-GUID: JSESSIONID=`+guid2+`
			{"message":"","retcode":"0"}
			> GET agentevent/291`+with2+`
			{"retcode":"0","event":{"eventType":"AgentOther_ShutdownService","content":{"loginTime":946684800000}}}
		`)
		first := enter(t, p, account(t, nil))
		if _, err := sessiontest.Next(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		a := account(t, map[string]string{"reset_skills": "all"}) // not on adoption
		second, err := p.Adopt(a, first.Key())
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if n := len(g.arrivals()); n != 2 {
			t.Errorf("adoption sent something: %d requests", n)
		}
		if diff := cmp.Diff(first.Info(), second.Info(), cmp.AllowUnexported(session.Secret{})); diff != "" {
			t.Error(diff)
		}
		// The start of the session is known to the adopter: it sees its end.
		if _, err := sessiontest.Next(t.Context(), second); session.KindOf(err) != session.Lost {
			t.Errorf("got %v", err)
		}
	})
}

func TestAdoptForeignKeys(t *testing.T) {
	p := newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}})
	for _, text := range []string{"", "{}", "null", "nonsense", `{"token":"t","agentId":"1"}`, `{"guid":"a\r\nb"}`, `{"guid":7}`, `[]`} {
		if _, err := p.Adopt(account(t, nil), session.NewKey([]byte(text))); fault(t, err).Kind != session.Lost {
			t.Errorf("%q: %v", text, err)
		}
	}
}
