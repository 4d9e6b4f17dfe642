package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

// TestMissedCall tells what comes of a call that nobody answers, with a keeper
// that says ready again and without one.
func TestMissedCall(t *testing.T) {
	const rings = "a call rings at hq/291, and nobody answers it\n"
	const busy = "the platform has made hq/291 busy: online, but without calls\n"
	for name, c := range map[string]struct {
		restored time.Duration // 0: never
		want     string
	}{
		"kept":     {6 * time.Second, rings + busy + "hq/291 is ready for calls again (6.0 s)\n"},
		"not kept": {0, rings + busy},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := huawei.New(huawei.Config{
					Agents: huawei.Range(291, 1, demoPassword, 40000), Switches: huawei.Switches{Work: huawei.Work{RingTime: sim.Duration(demoRing)}},
				})
				q := httptest.NewRequest(http.MethodPut, "/agentgateway/resource/onlineagent/291",
					strings.NewReader(`{"password":"demo","phonenum":"40000","autoanswer":false}`))
				q.Header.Set("Content-Type", "application/json")
				s.ServeHTTP(httptest.NewRecorder(), q)
				if c.restored > 0 {
					time.AfterFunc(demoRing+150*time.Millisecond+c.restored, func() { _ = s.Force("291", huawei.ForceIdle) })
				}
				var out strings.Builder
				p := &commentary{out: &out}
				p.missCall(t.Context(), s, "291")
				if got := regexp.MustCompile(`(?m)^\S+  `).ReplaceAllString(out.String(), ""); got != c.want {
					t.Errorf("%s", got)
				}
				out.Reset()
				if p.missCall(t.Context(), s, "292"); out.Len() > 0 {
					t.Errorf("an unknown agent: %s", out.String())
				}
			})
		})
	}
}
