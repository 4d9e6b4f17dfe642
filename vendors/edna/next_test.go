package edna

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/token"

	"github.com/google/go-cmp/cmp"
)

// What each answer to a probe says of a token that was seen alive.
func TestNextVerdicts(t *testing.T) {
	tests := map[string]struct {
		answer reply
		kind   session.Kind
		cause  session.Cause
		warns  []string
	}{
		"200":             {reply{body: `{"id":1}`}, session.OK, 0, nil},
		"200, empty":      {reply{}, session.OK, 0, nil},
		"400":             {reply{status: 400}, session.OK, 0, nil},
		"404":             {reply{status: 404, body: `{"status":404}`}, session.OK, 0, nil},
		"403":             {reply{status: 403, body: `{"status":403}`}, session.Outage, session.CauseForbidden, nil},
		"200, too long":   {reply{body: string(make([]byte, 5<<20))}, session.OK, 0, nil},
		"200, cut":        {reply{body: `{"id":`, cut: true}, session.OK, 0, nil},
		"401, JSON":       {reply{status: 401, body: `{"message":"` + leaky + `"}`}, session.Lost, session.CauseExpired, nil},
		"401, empty":      {reply{status: 401}, session.Lost, session.CauseExpired, nil},
		"401, page":       {reply{status: 401, body: "<html>" + leaky}, session.Outage, session.CauseAnswered, nil}, // the log-in's address answers the same
		"401, cut":        {reply{status: 401, body: "{", cut: true}, session.Lost, session.CauseExpired, nil},
		"200, page":       {reply{body: "<html>maintenance</html>"}, session.Outage, session.CauseAnswered, nil},
		"404, page":       {reply{status: 404, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, body: "not here"}, session.Outage, session.CauseAnswered, nil},
		"302":             {reply{status: 302}, session.Outage, session.CauseAnswered, nil},
		"410":             {reply{status: 410}, session.Outage, session.CauseAnswered, nil},
		"423":             {reply{status: 423}, session.Outage, session.CauseAnswered, nil},
		"429, much later": {reply{status: 429, header: http.Header{"Retry-After": {"600"}}}, session.Outage, session.CauseThrottled, nil},
		"500":             {reply{status: 500, body: leaky}, session.Outage, 0, nil},
		"502":             {reply{status: 502}, session.Outage, 0, nil},
		"503":             {reply{status: 503}, session.Outage, session.CauseThrottled, nil},
		"reset":           {reply{reset: true}, session.Outage, 0, nil},
		"silence":         {reply{wait: time.Hour}, session.Outage, 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{logIns: []reply{good(token1)}, probes: []reply{{}, tt.answer}}
				in := enter(t, open(t, s), account(t, withProbe))
				if b, err := sessiontest.Next(t.Context(), in); err != nil || b.Renew {
					t.Fatalf("the first probe: %+v, %v", b, err)
				}
				_, err := sessiontest.Next(t.Context(), in)
				f := session.AsFault(err)
				if session.KindOf(err) != tt.kind || (f != nil && (f.Cause != tt.cause || f.After != 0)) {
					t.Errorf("got %v, want %v", err, tt.kind)
				}
				if err != nil {
					faultOf(t, err)
				}
				if diff := cmp.Diff(tt.warns, codesOf(in)); diff != "" {
					t.Error(diff)
				}
				probe := s.seen()[2]
				if probe.line != "GET /api/v1/threads/1?x=1" || probe.header.Get("Authorization") != "Bearer "+token1 {
					t.Errorf("sent %+v", probe)
				}
			})
		})
	}
}

// A page with 401 is the platform's word where the log-in's address, which needs
// no token, is answered otherwise.
func TestNextPageOfThePlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{}, {status: 401, body: "<html>" + leaky}, {status: 405}}}
		in := enter(t, open(t, s), account(t, withProbe))
		if _, err := sessiontest.Next(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		_, err := sessiontest.Next(t.Context(), in)
		if f := faultOf(t, err); f.Kind != session.Lost || f.Cause != session.CauseExpired {
			t.Errorf("got %v, want lost", err)
		}
	})
}

// The first probe leaves at once; the next ones between a third and a half of
// the window later.
func TestNextPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{wait: time.Second}}}
		in := enter(t, open(t, s), account(t, withProbe))
		for range 15 {
			if _, err := sessiontest.Next(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		seen := s.seen()
		if d := seen[1].at.Sub(seen[0].at); d != 0 {
			t.Errorf("the first probe after %v", d)
		}
		spread := map[time.Duration]bool{}
		for i := 2; i < len(seen); i++ {
			d := seen[i].at.Sub(seen[i-1].at)
			if spread[d] = true; d < window/3 || d >= window/2 {
				t.Errorf("a pause of %v", d)
			}
		}
		if len(spread) < 10 {
			t.Error("the pauses are not spread")
		}
	})
}

// A probe that a fresh token cannot pass is switched off with a warning: no loss,
// no further probe, and a renewal in time all the same.
func TestNextUnfitProbe(t *testing.T) {
	for name, answer := range map[string]reply{
		"401": {status: 401}, "401, page": {status: 401, body: "<html>"}, "302": {status: 302}, "405": {status: 405}, "page": {body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{logIns: []reply{good(token1)}, probes: []reply{answer}}
				p := open(t, s)
				in := enter(t, p, account(t, withProbe))
				begin, renewed := time.Now(), time.Duration(0)
				for renewed == 0 {
					b, err := sessiontest.Next(t.Context(), in)
					if err != nil {
						t.Fatal(err)
					}
					if b.Renew {
						renewed = time.Since(begin)
					}
				}
				if n := len(s.seen()); n != 2 {
					t.Errorf("%d requests, want the log-in and one probe", n)
				}
				if diff := cmp.Diff([]string{"probe_off"}, codesOf(in)); diff != "" {
					t.Error(diff)
				}
				if renewed < 42*time.Minute || renewed > 54*time.Minute {
					t.Errorf("renewal asked for after %v", renewed)
				}
				adopted, err := p.Adopt(account(t, withProbe), in.Key())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"probe_off"}, codesOf(adopted)); diff != "" {
					t.Error("after an adoption:", diff)
				}
				other, err := p.Adopt(account(t, map[string]string{"probe": "/another"}), in.Key())
				if err != nil {
					t.Fatal(err)
				}
				if len(codesOf(other)) != 0 {
					t.Error("another probe is not tried")
				}
			})
		})
	}
}

// No verdict on a fresh token leaves the probe on; a later 401 is the token's
// end then, for the platform may have restarted meanwhile.
func TestNextLateVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{status: 503}, {reset: true}, {status: 401}}}
		in := enter(t, open(t, s), account(t, withProbe))
		for range 2 {
			if _, err := sessiontest.Next(t.Context(), in); session.KindOf(err) != session.Outage {
				t.Fatalf("no verdict: %v", err)
			}
		}
		time.Sleep(2 * time.Minute)
		_, err := sessiontest.Next(t.Context(), in)
		if f := faultOf(t, err); f.Kind != session.Lost || f.Cause != session.CauseExpired {
			t.Errorf("got %v", f)
		}
	})
}

// Without a probe nothing is sent: half windows, a request for renewal, the end.
func TestNextWithoutProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}}
		p := open(t, s)
		in := enter(t, p, account(t, map[string]string{"max_age": "20m"}))
		begin, last := time.Now(), time.Now()
		var renewals []time.Time
		for {
			b, err := sessiontest.Next(t.Context(), in)
			if gap := time.Since(last); gap >= window/2 {
				t.Errorf("a pause of %v", gap)
			}
			if last = time.Now(); err != nil {
				f := faultOf(t, err)
				if f.Kind != session.Lost || f.Cause != session.CauseExpired || f.Code != codeExpired {
					t.Errorf("the end: %v", f)
				}
				break
			}
			if b.Renew {
				renewals = append(renewals, last)
			}
		}
		if got := time.Since(begin); got != 20*time.Minute {
			t.Errorf("lost after %v", got)
		}
		if len(renewals) == 0 || renewals[0].Sub(begin) < 14*time.Minute || renewals[0].Sub(begin) > 18*time.Minute {
			t.Errorf("renewals %v", renewals)
		}
		for i := 1; i < len(renewals); i++ {
			if d := renewals[i].Sub(renewals[i-1]); d < token.AskAgain {
				t.Errorf("asked again after %v", d)
			}
		}
		if len(s.seen()) != 1 {
			t.Errorf("requests %v", s.seen())
		}
		if _, err := sessiontest.Next(t.Context(), in); session.KindOf(err) != session.Lost {
			t.Errorf("after the end: %v", err)
		}
	})
}

// A cut leaves the session usable, wherever it comes.
func TestNextCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{}, {came: cancel, wait: 20 * time.Second}, {}}}
		in := enter(t, open(t, s), account(t, withProbe))
		if _, err := sessiontest.Next(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		waiting, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		for name, ctx := range map[string]context.Context{"while it waits": waiting, "while the platform thinks": ctx} {
			if _, err := sessiontest.Next(ctx, in); err == nil || !errors.Is(err, ctx.Err()) {
				t.Errorf("cut %s: %v", name, err)
			}
			if _, err := sessiontest.Next(ctx, in); err == nil || !errors.Is(err, ctx.Err()) {
				t.Errorf("cut %s, before it begins: %v", name, err)
			}
		}
		if _, err := sessiontest.Next(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if n := len(s.seen()); n != 4 {
			t.Errorf("%d requests", n)
		}
	})
}

// Signing out and closing send nothing.
func TestSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}}
		in := enter(t, open(t, s), account(t, withProbe))
		if err := errors.Join(in.SignOut(t.Context()), in.Close()); err != nil {
			t.Error(err)
		}
		if n := len(s.seen()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// Two tokens in a row that die young are told from one that died of age.
func TestNextContested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{}, {status: 401}, {}, {status: 401}}}
		p, a := open(t, s), account(t, withProbe)
		for _, code := range []string{"http 401", codeContested} {
			in := enter(t, p, a)
			if _, err := sessiontest.Next(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			_, err := sessiontest.Next(t.Context(), in)
			if f := faultOf(t, err); f.Kind != session.Lost || f.Cause != session.CauseExpired || f.Code != code {
				t.Errorf("got %v, want %s", f, code)
			}
		}
	})
}

// A token that was good and is answered 403 may be dead, or its account may have
// lost a right: it is kept, and one log-in is asked for, not a second.
func TestForbiddenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{status: 200}, {status: 403}, {status: 403}, {status: 200}, {status: 403}}}
		in, err := open(t, s).SignIn(t.Context(), account(t, withProbe), false)
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range []bool{false, true, false, false, true} {
			batch, err := sessiontest.Next(t.Context(), in)
			if batch.Renew != want {
				t.Errorf("probe %d: renewal asked for: %v, want %v (%v)", n, batch.Renew, want, err)
			}
		}
	})
}
