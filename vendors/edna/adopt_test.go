package edna

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

// An adopted session proves itself at once and keeps what was known of it.
func TestAdopt(t *testing.T) {
	for name, tt := range map[string]struct {
		options map[string]string
		probes  int
	}{"probe": {withProbe, 3}, "no probe": {nil, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{logIns: []reply{{
					header: http.Header{"Authorization": {"Bearer " + token2}}, body: `{"token":"` + jwt(`{"exp":946700000}`) + `"}`,
				}}, probes: []reply{{status: 403}}}
				p, a := open(t, s), account(t, tt.options)
				first := enter(t, p, a)
				for range 2 {
					if _, err := sessiontest.Next(t.Context(), first); err != nil {
						t.Fatal(err)
					}
				}
				second, err := open(t, s).Adopt(a, first.Key())
				if err != nil {
					t.Fatal(err)
				}
				defer second.Close()
				if diff := cmp.Diff(first.Info(), second.Info(), cmp.AllowUnexported(session.Secret{})); diff != "" {
					t.Error(diff)
				}
				now := time.Now()
				if _, err := sessiontest.Next(t.Context(), second); err != nil || time.Since(now) != 0 {
					t.Errorf("the first Next took %v: %v", time.Since(now), err)
				}
				if n := len(s.seen()) - 1; n != tt.probes {
					t.Errorf("%d probes, want %d", n, tt.probes)
				}
				if second.Key() != first.Key() {
					t.Error("the adoption changed the key")
				}
			})
		})
	}
}

// A token that died while nobody looked is lost at once, and teaches nothing
// about how long tokens live.
func TestAdoptDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{}, {status: 401}}}
		p, a := open(t, s), account(t, withProbe)
		first := enter(t, p, a)
		if _, err := sessiontest.Next(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		second, err := p.Adopt(a, first.Key())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sessiontest.Next(t.Context(), second); session.KindOf(err) != session.Lost {
			t.Errorf("got %v", err)
		}
		again, ok := decodeKey(enter(t, p, a).Key())
		if !ok || !again.Life.equal(life{}) {
			t.Errorf("learned %+v", again.Life)
		}
	})
}

func TestAdoptForeignKeys(t *testing.T) {
	p := newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "chat"}})
	for _, text := range []string{"", "{}", "null", "nonsense", `{"guid":"x"}`, `{"token":"a\r\nb","issued":"2025-01-01T00:00:00Z"}`, `{"token":"x"}`, `[]`, `{"token":7}`} {
		if _, err := p.Adopt(account(t, nil), session.NewKey([]byte(text))); faultOf(t, err).Kind != session.Lost {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A token that was stored by a clock ahead of ours is renewed at once: how old it
// is nobody knows.
func TestAdoptUnderAnotherClock(t *testing.T) {
	for _, options := range []map[string]string{withProbe, nil} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{logIns: []reply{good(token1)}}
			p, a := open(t, s), account(t, options)
			k, ok := decodeKey(enter(t, p, a).Key())
			if !ok {
				t.Fatal("the key cannot be read")
			}
			k.Issued = k.Issued.Add(24 * time.Hour)
			in, err := p.Adopt(a, k.encode())
			if err != nil {
				t.Fatal(err)
			}
			if b, err := sessiontest.Next(t.Context(), in); err != nil || !b.Renew {
				t.Errorf("%v: %+v, %v, want a renewal", options, b, err)
			}
			if issued := in.Info().Credential.IssuedAt; issued.After(time.Now()) {
				t.Errorf("issued in the future: %v", issued)
			}
		})
	}
}
