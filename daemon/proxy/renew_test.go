package proxy_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

const (
	listUsers = `{"action":"list","obj":"DomainUser","action_id":"1","params":{}}`
	api       = "/rt/robot@example.org/api/"
)

// accepts answers 401 to every token but the given ones.
func accepts(tokens ...string) *platform {
	return &platform{answer: func(_ int, r seen) *http.Response {
		for _, token := range tokens {
			if r.Header.Get("Authorization") == "Bearer "+token {
				return ok(`{"code":200,"body":{}}`)
			}
		}
		return answer(http.StatusUnauthorized, "text/html", "<h1>refused</h1>")
	}}
}

// renewsAfter is a keeper that has a new token some time after a refusal.
func (s *site) renewsAfter(d time.Duration, generation uint64, token string) {
	s.onRefuse = func(id session.ID, _ uint64) error {
		time.AfterFunc(d, func() { s.sign(id, generation, bearer(token)) })
		return nil
	}
}

func TestARefusedCredentialIsRenewedAndTheRequestSentOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accepts("token-6")
		s := newSite(t, "https://rt.example", p)
		s.renewsAfter(3*time.Second, 6, "token-6")
		begin := time.Now()
		w := ask(s.handler(), local(t, http.MethodPost, api, listUsers))
		if w.Code != http.StatusOK || w.Body.String() != `{"code":200,"body":{}}` {
			t.Errorf("got %d %q", w.Code, w.Body)
		}
		if took := time.Since(begin); took < 3*time.Second || took > 3100*time.Millisecond {
			t.Errorf("it took %v, want 3 s and at most one look more", took)
		}
		if len(p.seen) != 2 || p.seen[0].Body != listUsers || p.seen[1].Body != listUsers {
			t.Errorf("the platform saw %+v, want the same body twice", p.seen)
		}
		if s.refusals() != 1 || s.refused[0] != 5 {
			t.Errorf("refused generations: %v, want 5", s.refused)
		}
	})
}

func TestAnEnvelopesRefusalCountsAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{answer: func(n int, _ seen) *http.Response {
			if n == 1 {
				return ok(`{"code":"401","body":{}}`)
			}
			return ok(`{"code":200}`)
		}}
		s := newSite(t, "https://rt.example", p)
		s.renewsAfter(time.Second, 6, "token-6")
		if w := ask(s.handler(), local(t, http.MethodPost, api, listUsers)); w.Body.String() != `{"code":200}` {
			t.Errorf("got %q", w.Body)
		}
	})
}

func TestAReplacedCredentialIsRetriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, "https://rt.example", nil)
		p := &platform{}
		p.answer = func(n int, _ seen) *http.Response {
			if n == 1 {
				s.sign(robot, 6, bearer("token-6"))
				return answer(http.StatusUnauthorized, "application/json", "{}")
			}
			return ok(`{"code":200}`)
		}
		s.onRefuse = func(session.ID, uint64) error { return keeper.ErrNotCurrent }
		s.transport = p
		begin := time.Now()
		if w := ask(s.handler(), local(t, http.MethodPost, api, listUsers)); w.Code != http.StatusOK || time.Since(begin) != 0 {
			t.Errorf("got %d after %v, want 200 at once", w.Code, time.Since(begin))
		}
	})
}

func TestThePlatformsAnswerIsPassedOnWhereNothingNewerComes(t *testing.T) {
	for name, test := range map[string]struct {
		refuse error
		took   time.Duration
	}{
		"accepted, but no new one": {nil, 12 * time.Second},
		"no session any more":      {keeper.ErrNoSession, 12 * time.Second},
		"quarantined":              {errors.New("log-ins are stopped"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := accepts("token-7")
				s := newSite(t, "https://rt.example", p)
				s.onRefuse = func(session.ID, uint64) error { return test.refuse }
				begin := time.Now()
				w := ask(s.handler(), local(t, http.MethodPost, api, listUsers))
				if w.Code != http.StatusUnauthorized || w.Body.String() != "<h1>refused</h1>" || time.Since(begin) != test.took {
					t.Errorf("got %d %q after %v, want the platform's answer after %v", w.Code, w.Body, time.Since(begin), test.took)
				}
				if len(p.seen) != 1 {
					t.Errorf("the platform saw %d requests, want 1", len(p.seen))
				}
			})
		})
	}
}

// A path that is not open to the account is refused with every token.
func TestAPathThatIsRefusedWithAFreshTokenCostsNoLogInPerRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accepts("none")
		s := newSite(t, "https://rt.example", p)
		generation := uint64(5)
		s.onRefuse = func(id session.ID, _ uint64) error {
			generation++
			s.sign(id, generation, bearer("another"))
			return nil
		}
		h := s.handler()
		for range 360 { // an hour
			if w := ask(h, local(t, http.MethodPost, api, listUsers)); w.Code != http.StatusUnauthorized {
				t.Fatalf("got %d", w.Code)
			}
			time.Sleep(10 * time.Second)
		}
		if n := s.refusals(); n > 12 {
			t.Errorf("an hour of such requests made %d log-ins, want at most 12", n)
		}
	})
}

func TestALongRequestIsReportedAndNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accepts("token-6")
		s := newSite(t, "https://cc.example", p)
		s.renewsAfter(time.Second, 6, "token-6")
		long := strings.Repeat("x", 3<<20)
		w := ask(s.handler(), local(t, http.MethodPost, "/cc/integrator/api/v1/messages/outgoing", long))
		if w.Code != http.StatusUnauthorized || s.refusals() != 1 {
			t.Errorf("got %d and %d reports, want 401 and 1", w.Code, s.refusals())
		}
		if len(p.seen) != 1 || p.seen[0].Body != long {
			t.Errorf("the platform saw %d requests, want the whole body once", len(p.seen))
		}
	})
}

func TestAClientThatGoesAwayLeavesNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, "https://rt.example", accepts("token-6"))
		h := s.handler()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ask(h, local(t, http.MethodPost, api, listUsers).WithContext(ctx))
		s.renewsAfter(time.Second, 6, "token-6")
		if w := ask(h, local(t, http.MethodPost, api, listUsers)); w.Code != http.StatusOK {
			t.Errorf("the next client got %d, want 200", w.Code)
		}
	})
}

// A Huawei agent's own poll finds out; telling the keeper would cost a sign-out.
func TestAHuaweiSessionIsWaitedForAndNotReported(t *testing.T) {
	const say = "/hq/291/agentgateway/resource/onlineagent/291/saybusy"
	for _, refusal := range []*http.Response{
		ok(`{"retcode":"100-006","message":"agent not login"}`), ok(`{"retcode":"000-003"}`), answer(http.StatusUnauthorized, "text/html", "x"),
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &platform{answer: func(_ int, r seen) *http.Response {
				if r.Header.Get("Guid") == "guid-6" && r.Header.Get("Cookie") == "" {
					return ok(`{"retcode":"0"}`)
				}
				return refusal
			}}
			s := newSite(t, "https://hq.example:8043", p)
			time.AfterFunc(4*time.Second, func() { s.sign(agent291, 5, nil) }) // the poll said so
			time.AfterFunc(6*time.Second, func() { s.sign(agent291, 6, http.Header{"Guid": {"guid-6"}}) })
			w := ask(s.handler(), local(t, http.MethodPost, say, ""))
			if w.Body.String() != `{"retcode":"0"}` || s.refusals() != 0 || len(p.seen) != 2 {
				t.Errorf("got %q after %d requests and %d reports, want success after 2 and 0", w.Body, len(p.seen), s.refusals())
			}
		})
	}
}

func TestASlowPlatformIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, "https://cc.example", hangs{})
		begin := time.Now()
		w := ask(s.handler(), local(t, http.MethodGet, "/cc/integrator/api/v1/threads/1", ""))
		if w.Code != http.StatusGatewayTimeout || time.Since(begin) != 5*time.Minute {
			t.Errorf("got %d after %v, want 504 after 5 min", w.Code, time.Since(begin))
		}
	})
}

func TestNoMoreThan256RequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, "https://cc.example", hangs{})
		h := s.handler()
		for range 256 {
			go ask(h, local(t, http.MethodGet, "/cc/integrator/api/v1/threads/1", ""))
		}
		synctest.Wait()
		w := ask(h, local(t, http.MethodGet, "/cc/integrator/api/v1/threads/1", ""))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
			t.Errorf("got %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
	})
}

// hangs never answers.
type hangs struct{}

func (hangs) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}
