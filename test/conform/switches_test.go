package conform

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
)

// positions are the switches of the simulators that change how a good session
// looks, each in every position that the vendors' pages or public clients allow,
// as they are set over the control interface. The empty vendor is all of them.
var positions = []struct{ vendor, name, switches string }{
	{"huawei", "Set-GUID alone", `{"guid_in":"set-guid"}`},
	{"huawei", "header Guid alone", `{"guid_in":"guid"}`},
	{"huawei", "cookie JSESSIONID alone", `{"guid_in":"cookie"}`},
	{"huawei", "no Guid", `{"guid_in":"none"}`},
	{"huawei", "headers early", `{"web":{"early_headers":true}}`},
	{"huawei", "headers early, long hold", `{"web":{"early_headers":true},"hold":"15s"}`},
	{"huawei", "content type demanded", `{"web":{"need_content_type":true}}`},
	{"huawei", "calls at once", `{"work":{"call_step":"1ns"}}`},
	{"runtel", "lists in body", `{"lists_in":"body"}`},
	{"ecss", "pings swallowed", `{"pong_blackhole":true}`},
	{"", "chunked", `{"wire":{"chunked":true}}`},
	{"", "body late", `{"wire":{"body_delay":"12s"}}`},
	{"", "body in two pieces", `{"wire":{"body_pause":"12s"}}`},
	{"", "gzip", `{"wire":{"encoding":"gzip"}}`},
	{"", "deflate", `{"wire":{"encoding":"deflate"}}`},
	{"", "GBK", `{"wire":{"charset":"gbk"}}`},
	{"", "Windows-1251, not told", `{"wire":{"charset":"windows-1251","charset_told":"not"}}`},
	{"", "strings cut", `{"wire":{"cut_text":7}}`},
	{"", "an empty line behind", `{"wire":{"behind":"crlf"}}`},
	{"", "the end of a chunked body behind", `{"wire":{"behind":"chunk"}}`},
	{"", "a balancer's answer behind", `{"wire":{"behind":"408"}}`},
}

// refusals are the positions that change how a wrong password is refused.
var refusals = []struct{ vendor, name, switches string }{
	{"huawei", "HTTP 401", `{"web":{"failure_status":401}}`},
	{"huawei", "HTTP 400", `{"web":{"failure_status":400}}`},
	{"huawei", "HTTP 403", `{"web":{"failure_status":403}}`},
	{"huawei", "HTTP 500", `{"web":{"failure_status":500}}`},
	{"huawei-config", "HTTP 401", `{"failure_status":401}`},
	{"huawei-config", "HTTP 500", `{"failure_status":500}`},
	{"ecss", "payload", `{"error_at":"payload"}`},
	{"ecss", "payload.error", `{"error_at":"payload.error"}`},
	{"ecss", "message", `{"error_at":"message"}`},
	{"ecss", "error", `{"error_at":"error"}`},
	{"ecss", "no requestId", `{"refusal":"absent"}`},
	{"ecss", "requestId null", `{"refusal":"null"}`},
	{"ecss", "exception", `{"refusal":"exception"}`},
	{"ecss", "longer text", `{"refusal_text":"longer"}`},
	{"ecss", "translated text", `{"refusal_text":"russian"}`},
	{"edna", "400", `{"wrong_password":400}`},
	{"", "gzip", `{"wire":{"encoding":"gzip"}}`},
	{"", "Windows-1251", `{"wire":{"charset":"windows-1251"}}`},
}

// every runs a clause of the contract for each vendor that has the position.
func every(t *testing.T, vendor, name, switches string, clause func(r *rig)) {
	t.Helper()
	for _, v := range all {
		if vendor != "" && vendor != v.name {
			continue
		}
		t.Run(v.title()+", "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := v.open(t)
				w := httptest.NewRecorder()
				r.handler.ServeHTTP(w, httptest.NewRequest("PATCH", "/_sim/switches", strings.NewReader(switches)))
				if w.Code != 200 {
					t.Fatalf("switches: %d %s", w.Code, w.Body)
				}
				clause(r)
				r.silent()
				if found := r.ops.Violations(); len(found) > 0 {
					t.Errorf("violations: %v", found)
				}
			})
		})
	}
}

// A session lives and ends well over every shape that answers come in.
func TestSessionsOverEverySwitch(t *testing.T) {
	for _, p := range positions {
		every(t, p.vendor, p.name, p.switches, func(r *rig) {
			s := r.enter("291")
			for end := time.Now().Add(5 * time.Minute); time.Now().Before(end) && !r.Failed(); {
				r.alive(s)
			}
			ctx, cancel := context.WithTimeout(r.Context(), opTimeout)
			defer cancel()
			if err := s.SignOut(ctx); err != nil {
				r.Errorf("sign-out: %v", err)
			}
			if n := r.count("291").SignIns; n != 1 {
				r.Errorf("%d sign-ins, want 1", n)
			}
		})
	}
}

// A wrong password is a refusal in every form, and was sent once.
func TestRefusalsOverEverySwitch(t *testing.T) {
	for _, p := range refusals {
		every(t, p.vendor, p.name, p.switches, func(r *rig) {
			a := r.account("291")
			a.Password = session.NewSecret(password + "-wrong")
			_, fault := r.try(a)
			if fault == nil || fault.Kind != session.Refused {
				r.Errorf("%+v, want a refusal", fault)
			}
			if n := r.count("291").SignIns; n != 1 {
				r.Errorf("one attempt sent %d sign-ins", n)
			}
		})
	}
}
