package edna

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

func TestSignInSends(t *testing.T) {
	for name, tt := range map[string]struct {
		options map[string]string
		want    map[string]any
	}{
		"plain":  {nil, map[string]any{"login": "keeper", "password": pass}},
		"locale": {map[string]string{"locale": "ru"}, map[string]any{"login": "keeper", "password": pass, "locale": "ru"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{logIns: []reply{good(token1)}}
				enter(t, open(t, s), account(t, tt.options))
				seen := s.seen()
				if len(seen) != 1 || seen[0].line != "POST /api/auth/login" {
					t.Fatalf("requests %v", seen)
				}
				if h := seen[0].header; h.Get("Authorization") != "" || h.Get("Content-Type") != "application/json" {
					t.Errorf("header %v", h)
				}
				var got map[string]any
				if err := json.Unmarshal([]byte(seen[0].body), &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What other programs get is one Bearer and the token, in every dialect.
func TestSignInCredential(t *testing.T) {
	for name, r := range map[string]reply{
		"Russian":     good(token1),
		"English":     {header: http.Header{"Authorization": {"Bearer Bearer " + token1}}, body: `{"userId":0,"login":null,"token":"Bearer ` + token1 + `","role":"OPERATOR"}`},
		"header only": {header: http.Header{"Authorization": {"bearer " + token1}}, body: `{"role":7}`},
		"body only":   {body: `{"token":"` + token1 + `","role":null,"login":17,"userId":"x"}`},
		"mismatch":    {header: http.Header{"Authorization": {"Bearer " + token2}}, body: `{"token":"` + token1 + `"}`},
		"201":         {status: http.StatusCreated, body: `{"token":"` + token1 + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				in := enter(t, open(t, &script{logIns: []reply{r}}), account(t, nil))
				want := session.Credential{
					Header: session.Headers{{Name: "Authorization", Value: "Bearer " + token1}}, Token: session.NewSecret(token1), IssuedAt: now,
				}
				if diff := cmp.Diff(want, in.Info().Credential, cmp.AllowUnexported(session.Secret{})); diff != "" {
					t.Error(diff)
				}
				var warnings []string
				if name == "mismatch" {
					warnings = []string{"token_mismatch"}
				}
				if diff := cmp.Diff(warnings, codesOf(in)); diff != "" {
					t.Error(diff)
				}
				if in.Key().String() != session.Redacted {
					t.Error("the key prints")
				}
			})
		})
	}
}

// A token that is a JWT tells its end.
func TestSignInJWT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		token := jwt(`{"exp":946688400,"iat":946684800}`) // the bubble begins in 2000
		in := enter(t, open(t, &script{logIns: []reply{good(token)}}), account(t, nil))
		if got := in.Info().Credential.ExpiresAt.Sub(now); got != time.Hour {
			t.Errorf("expires after %v", got)
		}
	})
}

// Every kind of answer to a log-in.
func TestSignInAnswers(t *testing.T) {
	later := func(text string) http.Header { return http.Header{"Retry-After": {text}} }
	outcome := func(kind session.Kind, cause session.Cause, code string) session.Fault {
		return session.Fault{Kind: kind, Cause: cause, Code: code}
	}
	after := func(code string, d time.Duration) session.Fault {
		return session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: code, After: d}
	}
	tests := map[string]struct {
		answer reply
		want   session.Fault
	}{
		"400":                 {reply{status: 400, body: `{"message":"` + pass + `"}`}, outcome(session.Refused, session.CauseCredential, "http 400")},
		"401, JSON":           {reply{status: 401, body: `{"status":401,"error":"Unauthorized","message":"Bad ` + pass + `"}`}, outcome(session.Refused, session.CauseCredential, "http 401")},
		"401, empty":          {reply{status: 401}, outcome(session.Refused, session.CauseCredential, "http 401")},
		"401, page":           {reply{status: 401, body: `<html>` + pass}, outcome(session.Refused, session.CauseCredential, "http 401")},
		"401, broken off":     {reply{status: 401, body: `{"mess`, cut: true}, outcome(session.Refused, session.CauseCredential, "http 401")},
		"403, JSON":           {reply{status: 403, body: `{"error":"Forbidden"}`}, outcome(session.Outage, session.CauseForbidden, "http 403")},
		"403, page":           {reply{status: 403, body: `<html>nginx</html>`}, outcome(session.Outage, session.CauseForbidden, "http 403")},
		"422":                 {reply{status: 422}, outcome(session.Refused, session.CauseSetting, "http 422")},
		"423":                 {reply{status: 423, header: later("60")}, outcome(session.Refused, session.CauseCredential, "http 423")},
		"429":                 {reply{status: 429}, after("http 429", 0)},
		"429, later":          {reply{status: 429, header: later("17")}, after("http 429", 17*time.Second)},
		"429, much later":     {reply{status: 429, header: later("999999")}, after("http 429", time.Hour)},
		"429, at a date":      {reply{status: 429, header: later("Sat, 01 Jan 2000 00:00:30 GMT")}, after("http 429", 30*time.Second)},
		"429, nonsense":       {reply{status: 429, header: later("soon")}, after("http 429", 0)},
		"503, in the past":    {reply{status: 503, header: later("-3")}, after("http 503", 0)},
		"404":                 {reply{status: 404}, outcome(session.Outage, session.CauseForbidden, "http 404")},
		"404, page":           {reply{status: 404, body: "<html>nginx</html>"}, outcome(session.Outage, session.CauseAnswered, "http 404")},
		"500, credentials":    {reply{status: 500, body: `{"status":500,"message":"Bad credentials"}`}, outcome(session.Outage, session.CauseForbidden, "http 500")},
		"500, another text":   {reply{status: 500, body: `{"status":500,"message":"No database"}`}, outcome(session.Outage, 0, "http 500")},
		"405":                 {reply{status: 405}, outcome(session.Outage, session.CauseAnswered, "http 405")},
		"418":                 {reply{status: 418}, outcome(session.Outage, session.CauseAnswered, "http 418")},
		"302":                 {reply{status: 302, header: http.Header{"Location": {"https://sso/?p=" + pass}}}, outcome(session.Outage, session.CauseAnswered, "http 302")},
		"500":                 {reply{status: 500}, outcome(session.Outage, 0, "http 500")},
		"502":                 {reply{status: 502}, outcome(session.Doubt, 0, "http 502")},
		"504":                 {reply{status: 504}, outcome(session.Doubt, 0, "http 504")},
		"no token":            {reply{body: `{"userId":1}`}, outcome(session.Outage, session.CauseForbidden, codeNoToken)},
		"empty":               {reply{}, outcome(session.Outage, session.CauseForbidden, codeNoToken)},
		"page":                {reply{body: `<html>` + pass + `</html>`}, outcome(session.Outage, session.CauseAnswered, codeNoToken)},
		"binary":              {reply{body: "\x01\x02{]\x1b"}, outcome(session.Outage, session.CauseAnswered, codeNoToken)},
		"token of two words":  {reply{body: `{"token":"a b"}`}, outcome(session.Outage, session.CauseForbidden, codeNoToken)},
		"good and broken off": {reply{body: `{"token":"` + token1, cut: true}, outcome(session.Doubt, 0, "closed")},
		"reset":               {reply{reset: true}, outcome(session.Doubt, 0, "closed")},
		"silence":             {reply{wait: time.Minute}, outcome(session.Doubt, 0, "timeout")},
		"10 MB":               {reply{body: strings.Repeat("x", 10<<20)}, outcome(session.Doubt, 0, "too large")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{logIns: []reply{tt.answer}}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				in, err := open(t, s).SignIn(ctx, account(t, withProbe), true)
				if in != nil {
					t.Fatal("a session beside a fault")
				}
				got := faultOf(t, err)
				if got.Text == "" || got.Action == "" {
					t.Errorf("text %q, action %q", got.Text, got.Action)
				}
				if seen := (session.Fault{Kind: got.Kind, Cause: got.Cause, Code: got.Code, After: got.After}); seen != tt.want {
					t.Errorf("got %+v, want %+v", seen, tt.want)
				}
				if _, _, ok := codes.Explain(got.Code); !ok {
					t.Errorf("code %q is not explained", got.Code)
				}
				if n := len(s.seen()); n != 1 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// A request that never left is an outage, whatever hinders it.
func TestSignInNotSent(t *testing.T) {
	for name, dialError := range map[string]error{
		"refused": &net.OpError{Op: "dial", Err: io.EOF},
		"dns":     &net.DNSError{Err: "no such host", Name: "chat"},
	} {
		dial := func(context.Context, string, string) (net.Conn, error) { return nil, dialError }
		p := newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "chat"}, DialContext: dial})
		_, err := p.SignIn(t.Context(), account(t, nil), false)
		if f := faultOf(t, err); f.Kind != session.Outage || !errors.Is(f, dialError) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// The platform's own words are shown, without secrets.
func TestRefusalMessage(t *testing.T) {
	clean := (&bearer{password: session.NewSecret(pass), key: key{Token: token1}}).clean
	for body, want := range map[string]string{
		`{"message":"Bad credentials","error":"Unauthorized"}`: `login, password or token is not valid ("Bad credentials")`,
		`{"message":"","error":"Unauthorized"}`:                `login, password or token is not valid ("Unauthorized")`,
		`{"message":"no ` + pass + ` and ` + token1 + `"}`:     `login, password or token is not valid ("no *** and ***")`,
		`<html>x</html>`: `login, password or token is not valid`,
		``:               `login, password or token is not valid`,
	} {
		if got := refusal(code.SignIn, wire.Answer{Status: 401, Body: []byte(body)}, clean); got.Text != want {
			t.Errorf("%s: %q, want %q", body, got.Text, want)
		}
	}
}

func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		answer reply
		kind   session.Kind
		cause  session.Cause
	}{
		"405":     {reply{status: 405}, session.OK, 0},
		"401":     {reply{status: 401}, session.Outage, session.CauseAnswered},
		"403":     {reply{status: 403}, session.OK, 0},
		"404":     {reply{status: 404, body: "<html>"}, session.OK, 0},
		"302":     {reply{status: 302}, session.Outage, session.CauseAnswered},
		"200":     {reply{}, session.OK, 0},
		"429":     {reply{status: 429}, session.Outage, session.CauseThrottled},
		"500":     {reply{status: 500, body: leaky}, session.OK, 0},
		"501":     {reply{status: 501, body: leaky}, session.OK, 0},
		"503":     {reply{status: 503, body: leaky}, session.Outage, session.CauseThrottled},
		"502":     {reply{status: 502}, session.Outage, 0},
		"reset":   {reply{reset: true}, session.Outage, 0},
		"silence": {reply{wait: time.Hour}, session.Outage, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{probes: []reply{tt.answer}}
				begin := time.Now()
				err := open(t, s).Probe(t.Context(), account(t, nil))
				if f := session.AsFault(err); session.KindOf(err) != tt.kind || (f != nil && f.Cause != tt.cause) {
					t.Errorf("got %v, want %v", err, tt.kind)
				}
				if a := s.seen()[0]; a.line != "GET /api/auth/login" || a.header.Get("Authorization") != "" || a.body != "" {
					t.Errorf("sent %+v", a)
				}
				if took := time.Since(begin); took > 30*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestExplain(t *testing.T) {
	for _, name := range []string{"http 401", "http 499", "http 599", "http 301", codeBarred, codeContested, codeExpired, codeKey, codeNoToken, codePage, "timeout"} {
		if text, _, ok := codes.Explain(name); !ok || text == "" {
			t.Errorf("%q is not explained", name)
		}
	}
	for _, name := range []string{"", "401", "100-006", "http x"} {
		if _, _, ok := codes.Explain(name); ok {
			t.Errorf("%q is explained", name)
		}
	}
}
