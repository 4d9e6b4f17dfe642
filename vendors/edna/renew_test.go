package edna

import (
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

// The instant of renewal: 70 to 90 % of the shortest plausible life, drawn per
// token, not below 30 s.
func TestRenewal(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for name, tt := range map[string]struct {
		told, maxAge, learned time.Duration
		from, to              time.Duration
	}{
		"max_age":      {0, time.Hour, 0, 42 * time.Minute, 54 * time.Minute},
		"told shorter": {10 * time.Minute, time.Hour, 0, 7 * time.Minute, 9 * time.Minute},
		"told longer":  {10 * time.Hour, time.Hour, 0, 42 * time.Minute, 54 * time.Minute},
		"learned":      {10 * time.Hour, time.Hour, 20 * time.Minute, 14 * time.Minute, 18 * time.Minute},
		"floor":        {0, 10 * time.Second, 0, 30 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			least, most := tt.to, tt.from
			for range 500 {
				k := newKey(grant{token: token1}, now, now)
				k.JWTLife = tt.told
				for range samples {
					k.Life = k.Life.died(death{tt.learned, tt.learned}, now)
				}
				at := k.renewal(tt.maxAge).Sub(now)
				if at < tt.from || at > tt.to {
					t.Fatalf("renewal after %v", at)
				}
				least, most = min(least, at), max(most, at)
			}
			if spread := most - least; spread < (tt.to-tt.from)*9/10 {
				t.Errorf("spread over %v only", spread)
			}
		})
	}
}

// A platform whose probe fails though it answers is asked to renew once; one that
// cannot be reached is not.
func TestNextRenewsOverASickProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		answer reply
		want   int
	}{
		"500": {reply{status: 500}, 1}, "page": {reply{body: "<html>"}, 1}, "502": {reply{status: 502}, 0}, "reset": {reply{reset: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{logIns: []reply{good(token1)}, probes: []reply{{}, tt.answer}}
				in := enter(t, open(t, s), account(t, withProbe))
				begin, renewals := time.Now(), 0
				for time.Since(begin) < 2*time.Hour {
					b, err := sessiontest.Next(t.Context(), in)
					if b.Renew {
						renewals++
					}
					if kind := session.KindOf(err); kind != session.Outage && kind != session.OK {
						t.Fatal(err)
					}
					time.Sleep(20 * time.Second) // as the driver
				}
				if renewals != tt.want {
					t.Errorf("%d requests for a renewal, want %d", renewals, tt.want)
				}
			})
		})
	}
}

// After a request for a renewal the token goes on being proven, and each later
// probe asks again.
func TestNextKeepsProvingWhileRenewalWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{logIns: []reply{good(token1)}, probes: []reply{{}}}
		in := enter(t, open(t, s), account(t, withProbe))
		begin := time.Now()
		var first time.Time
		for time.Since(begin) < 90*time.Minute {
			b, err := sessiontest.Next(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if b.Renew && first.IsZero() {
				first = time.Now()
			}
			if !first.IsZero() && !b.Renew {
				t.Fatal("the request for a renewal was dropped")
			}
		}
		seen := s.seen()
		for i := 2; i < len(seen); i++ {
			if d := seen[i].at.Sub(seen[i-1].at); d >= window/2 {
				t.Errorf("a pause of %v", d)
			}
		}
		if d := first.Sub(begin); d < 42*time.Minute || d > 54*time.Minute {
			t.Errorf("first asked after %v", d)
		}
	})
}
