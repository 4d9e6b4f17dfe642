package huaweiconfig

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/option"
)

func TestAdopt(t *testing.T) {
	lapsed := session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: codeLapsed}
	for name, tt := range map[string]struct {
		options option.Set
		after   time.Duration // the pause between the two processes
		answer  reply
		want    session.Fault
		asks    int
	}{
		"alive":                 {probing, time.Minute, says(good), session.Fault{}, 1},
		"dead":                  {probing, time.Second, coded("107-000"), session.Fault{Kind: session.Lost, Cause: session.CauseExpired, Code: "107-000"}, 1},
		"no verdict":            {probing, time.Hour, status(500), session.Fault{Kind: session.Outage, Code: "http 500"}, 1},
		"without probe":         {nil, 30 * time.Second, says(good), session.Fault{}, 0},
		"without probe, lapsed": {nil, window, says(good), lapsed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, g := play(t, welcomed, tt.answer)
				a := account(t, tt.options)
				stored := signIn(t, p, a).Key()
				time.Sleep(tt.after)
				s, err := p.Adopt(a, stored)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				begin := time.Now()
				_, err = sessiontest.Next(t.Context(), s)
				wantFault(t, err, tt.want)
				if time.Since(begin) != 0 || len(g.arrivals()) != 1+tt.asks {
					t.Errorf("took %v and %d requests", time.Since(begin), len(g.arrivals()))
				}
			})
		})
	}
}

// A probe that was switched off stays so in the next process; another one is
// tried.
func TestAdoptedMisfit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed, status(404), says(good))
		a := account(t, probing)
		s := signIn(t, p, a)
		before := s.Key()
		_, err := sessiontest.Next(t.Context(), s)
		wantWarning(t, s, err, "probe_off")
		if s.Key() == before {
			t.Error("it is not in the key")
		}
		for i, options := range []option.Set{probing, set("probe", "/config/vdn")} {
			b := a
			b.Options = account(t, options).Options
			adopted, err := p.Adopt(b, s.Key())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sessiontest.Next(t.Context(), adopted); err != nil || len(adopted.Info().Warnings) != 1-i {
				t.Errorf("%v, %v", err, adopted.Info().Warnings)
			}
			_ = adopted.Close()
			if n := len(g.arrivals()); n != 2+i {
				t.Errorf("%d requests", n)
			}
		}
	})
}

func TestForeignKeys(t *testing.T) {
	p, g := play(t, welcomed)
	for _, stored := range []string{"", "null", "{}", `{"guid":""}`, `{"guid":"a b"}`, `{"token":"x"}`, "JSESSIONID=" + guid1} {
		_, err := p.Adopt(account(t, nil), session.NewKey([]byte(stored)))
		if f := fault(t, err); f.Kind != session.Lost || f.Code != codeKey {
			t.Errorf("%s: %+v", stored, f)
		}
	}
	if n := len(g.arrivals()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestKeySurvivesStorage(t *testing.T) {
	at := time.UnixMilli(1784529722590).UTC()
	want := key{
		Guid: guid1, GuidSince: at, Renew: at.Add(time.Minute), Expires: at.Add(window), Unfit: "GET /x", UnfitCode: "http 404",
	}
	want.Cookies.Update([]string{"a=1"}, at)
	got, ok := decodeKey(want.encode())
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
	noSecret(t, fmt.Sprintf("%v %+v %#v", want.encode(), want.encode(), want.encode()))
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"guid":"a.AgentGateway1","guid_since":"2026-05-01T00:00:00Z","renew":"2026-05-01T00:01:30Z"}`))
	f.Add([]byte(`{"guid":5}`))
	f.Add([]byte(`{"guid":"a","cookies":[{"name":"a\n","value":"\u0000"}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		k, ok := decodeKey(session.NewKey(stored))
		if !ok {
			return
		}
		if back, ok := decodeKey(k.encode()); !ok || back.Guid != k.Guid {
			t.Errorf("%q did not survive", stored)
		}
	})
}

// A Guid that was stored by a clock ahead of ours is renewed at once, and is
// trusted for a window at most.
func TestKeyUnderAnotherClock(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, ahead := range []time.Duration{time.Hour, 24 * time.Hour, 50 * 365 * 24 * time.Hour} {
		var k key
		k.begin(now.Add(ahead), window)
		k.adjustClock(now, window)
		if k.GuidSince.After(now) || k.Renew.After(now) || k.Expires.After(now.Add(window)) {
			t.Errorf("%v ahead: since %v, renewal %v, end %v", ahead, k.GuidSince, k.Renew, k.Expires)
		}
	}
	var k key
	k.begin(now, window)
	before := k.Renew
	if k.adjustClock(now.Add(time.Second), window); !k.Renew.Equal(before) {
		t.Error("a key of the same clock was changed")
	}
}
