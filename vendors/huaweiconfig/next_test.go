package huaweiconfig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/token"
)

var probing = set("probe", "/config/agents")

const probe1 = "GET /agentgateway/resource/config/agents guid=" + guid1 + " huaweielbsession=" + elb

// The first keep-alive leaves at once, the others spread below half the window.
func TestKeepAlivesRhythm(t *testing.T) {
	for name, tt := range map[string]struct {
		options option.Set
		longest time.Duration
	}{
		"default":        {probing, part(window, 0.46)},
		"30s":            {set("probe", "/config/agents", "keep_alive", "30s"), 30 * time.Second},
		"above the half": {set("probe", "/config/agents", "keep_alive", "110s"), part(window, 0.46)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, g := play(t, welcomed, says(good))
				s := signIn(t, p, account(t, tt.options))
				for range 200 {
					if b, err := sessiontest.Next(t.Context(), s); err != nil || b.Renew {
						t.Fatal(b, err)
					}
				}
				seen := g.arrivals()
				if !seen[1].at.Equal(seen[0].at) || seen[1].line != probe1 {
					t.Errorf("the first one: %v after the login, %s", seen[1].at.Sub(seen[0].at), seen[1].line)
				}
				checkGaps(t, seen[1:], tt.longest*2/3, tt.longest)
			})
		})
	}
}

func checkGaps(t *testing.T, seen []arrival, least, most time.Duration) {
	t.Helper()
	shortest, longest := time.Hour, time.Duration(0)
	for i := range seen[1:] {
		gap := seen[i+1].at.Sub(seen[i].at)
		shortest, longest = min(shortest, gap), max(longest, gap)
	}
	if shortest < least || longest > most || longest-shortest < (most-least)/2 {
		t.Errorf("gaps from %v to %v, want them spread over %v to %v", shortest, longest, least, most)
	}
}

func TestKeepAliveByPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed, says(good))
		s := signIn(t, p, account(t, set("probe", "POST /config/query")))
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if a := g.arrivals()[1]; !strings.HasPrefix(a.line, "POST /agentgateway/resource/config/query guid=") || a.body != "{}" {
			t.Errorf("%+v", a)
		}
	})
}

// What the answer to a keep-alive means, for a Guid that was seen alive and for
// a fresh one.
func TestKeepAliveAnswers(t *testing.T) {
	const off = "probe_off"
	for name, tt := range map[string]struct {
		answer reply
		seen   session.Fault // of a Guid seen alive; the zero Fault: no error
		fresh  string        // a fresh one's: a warning, "" = as above
	}{
		"good":           {says(good), session.Fault{}, ""},
		"numeric":        {says(`{"retcode":0,"msg":"x","new":{}}`), session.Fault{}, ""},
		"object fails":   {coded("107-010"), session.Fault{}, "probe_fails"},
		"another object": {coded("107-067"), session.Fault{}, "probe_fails"},
		"expired":        {coded("107-000"), session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: "107-000"}, off},
		"not let in":     {coded("107-007"), session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: "107-007"}, off},
		"no permission":  {coded("000-003"), session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: "000-003"}, off},
		"401":            {status(401), session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: "http 401"}, off},
		"403":            {status(403), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "http 403"}, off},
		"404":            {status(404), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "http 404"}, off},
		"302":            {status(302), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "http 302"}, off},
		"bad input":      {coded("107-002"), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "107-002"}, off},
		"wrong address":  {coded("000-002"), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "000-002"}, off},
		"HTML":           {says("<html>" + leaky), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "unreadable"}, off},
		"too large":      {says(strings.Repeat("x", 2<<20)), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "too large"}, off},
		"exception":      {coded("107-001"), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "107-001"}, ""},
		"failed":         {coded("107-004"), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "107-004"}, ""},
		"communication":  {coded("107-005"), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "107-005"}, ""},
		"wrong password": {coded("107-003"), session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "107-003"}, ""},
		"switch-over":    {coded("000-004"), session.Fault{Kind: session.Outage, Code: "000-004"}, ""},
		"429":            {status(429), session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 429"}, ""},
		"500":            {status(500), session.Fault{Kind: session.Outage, Code: "http 500"}, ""},
		"503":            {reply{status: 503, header: http.Header{"Retry-After": {"600"}}}, session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 503"}, ""},
		"reset":          {reply{wait: 2 * time.Second, reset: true}, session.Fault{Kind: session.Outage, Code: "closed"}, ""},
		"silence":        {reply{wait: time.Minute}, session.Fault{Kind: session.Outage, Code: "timeout"}, ""},
	} {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s fresh=%v", name, fresh), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					replies := []reply{welcomed, says(good), tt.answer, status(405)} // the last is for the login's address
					if fresh {
						replies = []reply{welcomed, tt.answer}
					}
					p, _ := play(t, replies...)
					s := signIn(t, p, account(t, probing))
					if !fresh {
						if _, err := sessiontest.Next(t.Context(), s); err != nil {
							t.Fatal(err)
						}
					}
					_, err := sessiontest.Next(t.Context(), s)
					if fresh && tt.fresh != "" {
						wantWarning(t, s, err, tt.fresh)
						return
					}
					wantFault(t, err, tt.seen)
				})
			})
		}
	}
}

func wantFault(t *testing.T, err error, want session.Fault) {
	t.Helper()
	if want == (session.Fault{}) {
		if err != nil {
			t.Error(err)
		}
		return
	}
	f := fault(t, err)
	if got := (session.Fault{Kind: f.Kind, Cause: f.Cause, Code: f.Code, After: f.After}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func wantWarning(t *testing.T, s session.Session, err error, code string) {
	t.Helper()
	w := s.Info().Warnings
	if err != nil || len(w) != 1 || w[0].Code != code || w[0].Text == "" || w[0].Action == "" {
		t.Errorf("%v, warnings %+v", err, w)
	}
	noSecret(t, fmt.Sprint(w))
}

// A Guid whose first keep-alive could not be sent for most of the window may
// have lapsed: "dead" is believed then.
func TestLateFirstKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed, status(500), coded("107-000"))
		s := signIn(t, p, account(t, probing))
		if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != session.Outage {
			t.Fatal(err)
		}
		time.Sleep(window)
		_, err := sessiontest.Next(t.Context(), s)
		wantFault(t, err, session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: "107-000"})
	})
}

// After a failure the next keep-alive is due at once: the driver spreads them.
func TestKeepAliveAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed, says(good), status(500), says(good))
		s := signIn(t, p, account(t, probing))
		for _, want := range []session.Kind{session.OK, session.Outage, session.OK} {
			if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != want {
				t.Fatalf("%v, want %v", err, want)
			}
		}
		seen := g.arrivals()
		if gap := seen[3].at.Sub(seen[2].at); gap != 0 {
			t.Errorf("retried after %v", gap)
		}
	})
}

// A new Guid in any answer is used from the next request on, and is in the key.
func TestRotation(t *testing.T) {
	for name, tt := range map[string]struct {
		answer reply
		want   string
	}{
		"Set-GUID":         {reply{header: http.Header{"Set-GUID": {"JSESSIONID=" + guid2}}, body: good}, guid2},
		"Guid":             {reply{header: http.Header{"Guid": {guid2}}, body: good}, guid2},
		"body":             {says(`{"retcode":"0","result":{"guid":"` + guid2 + `"}}`), guid2},
		"object's guid":    {says(`{"retcode":"0","result":{"guid":"77"}}`), guid1},
		"echo":             {reply{header: http.Header{"Guid": {guid1}}, body: good}, guid1},
		"beside a failure": {reply{status: 500, header: http.Header{"Set-GUID": {"JSESSIONID=" + guid2}}}, guid2},
		"unfit":            {reply{header: http.Header{"Set-GUID": {"JSESSIONID=a b"}}, body: good}, guid1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, g := play(t, welcomed, tt.answer, says(good))
				a := account(t, probing)
				s := signIn(t, p, a)
				before := s.Key()
				_, _ = sessiontest.Next(t.Context(), s)
				if (s.Key() != before) != (tt.want != guid1) {
					t.Error("the key tells otherwise")
				}
				adopted, err := p.Adopt(a, s.Key())
				if err != nil {
					t.Fatal(err)
				}
				defer adopted.Close()
				for _, s := range []session.Session{s, adopted} {
					if _, err := sessiontest.Next(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				for _, r := range g.arrivals()[2:] {
					if got := r.header.Get("Guid"); got != tt.want {
						t.Errorf("asked with another Guid: %s", r.line)
					}
				}
			})
		})
	}
}

// Without a probe: turns below half the window, one request for a renewal at
// 70 to 90 % of it, others every 10 s, then the end; no request is sent.
func TestRest(t *testing.T) {
	for name, options := range map[string]option.Set{"no probe": nil, "switched off": probing} {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				synctest.Test(t, func(t *testing.T) { rest(t, options) })
			}
		})
	}
}

func rest(t *testing.T, options option.Set) {
	p, g := play(t, welcomed, status(404))
	s := signIn(t, p, account(t, options))
	start, last := time.Now(), time.Duration(0)
	var asked []time.Duration
	for {
		b, err := sessiontest.Next(t.Context(), s)
		at := time.Since(start)
		if at-last > window/2 {
			t.Errorf("no turn from %v to %v", last, at)
		}
		last = at
		if err != nil {
			wantFault(t, err, session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: codeLapsed})
			break
		}
		if b.Renew {
			asked = append(asked, at)
		}
	}
	if last != window {
		t.Errorf("over after %v", last)
	}
	if len(asked) == 0 || asked[0] < token.ShareFrom.Of(window) || asked[0] > token.ShareTo.Of(window) {
		t.Fatalf("renewal asked for at %v", asked)
	}
	for i := range asked[1:] {
		if gap := asked[i+1] - asked[i]; gap < token.AskAgain {
			t.Errorf("asked again after %v", gap)
		}
	}
	if n := len(g.arrivals()); n > 1+len(options) {
		t.Errorf("%d requests", n)
	}
}

// The renewal's instant over all windows: within the window, and not before the
// floor where the window leaves room for it.
func TestRenewalInstant(t *testing.T) {
	for w := time.Second; w < 10*time.Minute; w += 700 * time.Millisecond {
		var k key
		now := time.Now()
		k.begin(now, w)
		after := k.Renew.Sub(now)
		if after < token.ShareFrom.Of(w) || after > token.ShareTo.Of(w) || after < min(renewFloor, token.ShareTo.Of(w)) {
			t.Errorf("window %v: %v", w, after)
		}
	}
}

// Next ends with its context, in a pause and in a request, and goes on later.
func TestNextIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed, says(good), reply{wait: 8 * time.Second, body: good}, says(good))
		s := signIn(t, p, account(t, probing))
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		pause := time.Until(s.(*login).due)
		for _, within := range []time.Duration{time.Second, pause} {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			if _, err := sessiontest.Next(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("within %v: %v", within, err)
			}
			cancel()
		}
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
}

// There is no logout: nothing is sent, the agent is out.
func TestSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed)
		s := signIn(t, p, account(t, probing))
		if err := s.SignOut(t.Context()); err != nil || len(g.arrivals()) != 1 {
			t.Errorf("%v, %d requests", err, len(g.arrivals()))
		}
	})
}

// A server before the gateway that answers everything with 401 does not end a
// login that lives.
func TestKeepAliveIntercepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed, says(good), status(401), status(401), says(good))
		s := signIn(t, p, account(t, probing))
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		_, err := sessiontest.Next(t.Context(), s)
		wantFault(t, err, session.Fault{Kind: session.Outage, Cause: session.CauseAnswered, Code: "http 401"})
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Errorf("the login is not used any more: %v", err)
		}
	})
}
