package huaweiconfig

import (
	"context"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

func TestSignInSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed)
		signIn(t, p, account(t, nil))
		a := g.arrivals()[0]
		got := []string{a.line, a.body, a.header.Get("Content-Type")}
		want := []string{"POST /agentgateway/resource/config/login", `{"agentId":101,"password":"` + pass + `"}`, "application/json; charset=UTF-8"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Where the Guid may stand.
func TestSignInTakesTheGuid(t *testing.T) {
	for name, r := range map[string]reply{
		"documented": welcomed,
		"header":     {header: http.Header{"Guid": {guid1}}, body: `{"retcode":0}`},
		"Set-GUID":   {header: http.Header{"Set-GUID": {"JSESSIONID=" + guid1}}, body: `{"retcode":"0","result":null}`},
		"body":       says(`{"result":{"guid":"JSESSIONID=` + guid1 + `","more":1},"retcode":"0","new":[]}`),
		"differ":     {header: http.Header{"Guid": {guid1}}, body: `{"retcode":"0","result":{"guid":"` + guid2 + `"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, r)
				c := signIn(t, p, account(t, nil)).Info().Credential
				if c.Header.Get("Guid") != guid1 || c.Token.Reveal() != guid1 || !c.IssuedAt.Equal(time.Now()) || !c.ExpiresAt.IsZero() {
					t.Errorf("%v, %v, %v", c.Header, c.IssuedAt, c.ExpiresAt)
				}
			})
		})
	}
}

// Every kind of answer to a login.
func TestSignInAnswers(t *testing.T) {
	outcome := func(kind session.Kind, cause session.Cause, code string) session.Fault {
		return session.Fault{Kind: kind, Cause: cause, Code: code}
	}
	for name, tt := range map[string]struct {
		answer reply
		want   session.Fault
	}{
		"wrong password": {coded("107-003"), outcome(session.Refused, session.CauseCredential, "107-003")},
		"locked":         {coded("110-016"), outcome(session.Refused, session.CauseCredential, "110-016")},
		"bad input":      {coded("107-002"), outcome(session.Refused, session.CauseSetting, "107-002")},
		"exception":      {coded("107-001"), outcome(session.Outage, session.CauseAnswered, "107-001")},
		"communication":  {coded("107-005"), outcome(session.Outage, session.CauseAnswered, "107-005")},
		"expired":        {coded("107-000"), outcome(session.Outage, session.CauseAnswered, "107-000")},
		"unknown":        {coded("555-123"), outcome(session.Outage, session.CauseAnswered, "555-123")},
		"switch-over":    {coded("000-004"), outcome(session.Outage, 0, "000-004")},
		"no Guid":        {says(good), outcome(session.Outage, session.CauseAnswered, codeNoGuid)},
		"unfit Guid":     {says(`{"retcode":"0","result":{"guid":"a b"}}`), outcome(session.Outage, session.CauseAnswered, codeNoGuid)},
		"HTML":           {says("<html>" + leaky), outcome(session.Doubt, 0, code.Unreadable)},
		"empty":          {says(""), outcome(session.Doubt, 0, code.Unreadable)},
		"too large":      {says(strings.Repeat("x", 2<<20)), outcome(session.Doubt, 0, wire.TooLarge.String())},
		"401":            {status(401), outcome(session.Outage, session.CauseAnswered, "http 401")},
		"403":            {status(403), outcome(session.Outage, session.CauseBan, "http 403")},
		"404":            {status(404), outcome(session.Outage, session.CauseAnswered, "http 404")},
		"429": {reply{status: 429, header: http.Header{"Retry-After": {"17"}}},
			session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 429", After: 17 * time.Second}},
		"500":     {status(500), outcome(session.Outage, 0, "http 500")},
		"502":     {status(502), outcome(session.Doubt, 0, "http 502")},
		"503":     {status(503), outcome(session.Outage, session.CauseThrottled, "http 503")},
		"reset":   {reply{reset: true}, outcome(session.Doubt, 0, "closed")},
		"silence": {reply{wait: time.Minute}, outcome(session.Doubt, 0, "timeout")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, tt.answer)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				s, err := p.SignIn(ctx, account(t, nil), true)
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

// A login that is no number is refused before anything is sent.
func TestSignInNeedsANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed)
		a := account(t, nil)
		a.ID.Login = "admin"
		_, err := p.SignIn(t.Context(), a, false)
		f := fault(t, err)
		if f.Kind != session.Refused || f.Cause != session.CauseSetting || f.Code != codeLogin || len(g.arrivals()) != 0 {
			t.Errorf("%+v after %d requests", f, len(g.arrivals()))
		}
	})
}

// A request that never left is an outage.
func TestSignInNotSent(t *testing.T) {
	p := newPlatform(wire.Place{URL: mustURL(t, "http://gw.example"), DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}})
	_, err := p.SignIn(t.Context(), account(t, nil), false)
	if f := fault(t, err); f.Kind != session.Outage || f.Code != "refused" {
		t.Errorf("%+v", f)
	}
	if f := fault(t, p.Probe(t.Context(), account(t, nil))); f.Kind != session.Outage {
		t.Errorf("probe: %+v", f)
	}
}

// The platform's probe logs nobody in, shows no Guid, and takes every answer
// but "I do not work" for one.
func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		answer reply
		want   session.Kind
	}{
		"no such method": {status(405), session.OK},
		"no such page":   {status(404), session.OK},
		"no method, 500": {status(500), session.OK},
		"no method, 501": {status(501), session.OK},
		"envelope":       {coded("107-000"), session.OK},
		"page":           {says("<html>"), session.Outage},
		"redirect":       {status(302), session.Outage},
		"throttled":      {status(429), session.Outage},
		"502":            {status(502), session.Outage},
		"503":            {status(503), session.Outage},
		"reset":          {reply{reset: true}, session.Outage},
		"silence":        {reply{wait: time.Minute}, session.Outage},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, g := play(t, tt.answer)
				err := p.Probe(t.Context(), account(t, nil))
				if session.KindOf(err) != tt.want {
					t.Errorf("got %v", err)
				}
				if a := g.arrivals()[0]; a.line != "GET /agentgateway/resource/config/login" || a.body != "" {
					t.Errorf("sent %+v", a)
				}
			})
		})
	}
}

func TestWrongLogin(t *testing.T) {
	for login, wrong := range map[string]bool{"101": false, "1000101": false, "abc": true, "0": true, "0101": true, "1.5": true, "-1": true, "": true, "9999999999": true} {
		if why := wrongLogin(login); (why != "") != wrong {
			t.Errorf("%q: %q", login, why)
		}
	}
}
