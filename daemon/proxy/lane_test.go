package proxy_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
	"agentkeeper/vendors/rules"
)

// lanes notes who enters and leaves.
type lanes struct {
	events  []string
	refused *command.Result
	wait    time.Duration
	entered func()
}

func (l *lanes) Enter(_ context.Context, id session.ID, r rules.Request) (func(), *command.Result) {
	time.Sleep(l.wait)
	if l.refused != nil {
		return nil, l.refused
	}
	l.events = append(l.events, "enter "+id.String()+" "+r.Method+" "+r.Path())
	if l.entered != nil {
		l.entered()
	}
	return func() { l.events = append(l.events, "leave") }, nil
}

func TestWritesWaitForTheirTurnAndReadsDoNot(t *testing.T) {
	l := &lanes{}
	p := &platform{answer: func(int, seen) *http.Response {
		l.events = append(l.events, "sent")
		return ok(`{"retcode":"0"}`)
	}}
	s := newSite(t, "https://hq.example", p)
	s.lanes = l
	h := s.handler()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		ask(h, local(t, method, "/hq/291/agentgateway/resource/onlineagent/291/agentstatus", ""))
	}
	if w := ask(h, local(t, http.MethodPost, "/hq/291/agentgateway/resource/onlineagent/291/saybusy?reason=200", "")); w.Code != http.StatusOK {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	want := []string{"sent", "sent", "sent", "enter hq/291 POST /agentgateway/resource/onlineagent/291/saybusy", "sent", "leave"}
	if !slices.Equal(l.events, want) {
		t.Errorf("got %q", l.events)
	}
}

func TestAWriteGoesWithTheCredentialOfItsTurn(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response { return ok(`{"retcode":"0"}`) }}
	s := newSite(t, "https://hq.example", p)
	l := &lanes{entered: func() { s.sign(agent291, 6, http.Header{"Guid": {"guid-6"}}) }}
	s.lanes = l
	ask(s.handler(), local(t, http.MethodPost, "/hq/291/agentgateway/resource/onlineagent/291/saybusy", ""))
	if len(p.seen) != 1 || p.seen[0].Header.Get("Guid") != "guid-6" {
		t.Errorf("the platform saw %+v", p.seen)
	}
}

func TestAWriteThatMayNotLeave(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response { return ok(`{}`) }}
	s := newSite(t, "https://hq.example", p)
	s.lanes = &lanes{refused: &command.Result{HTTP: 429, Retry: time.Second, Error: "others wait"}}
	w := ask(s.handler(), local(t, http.MethodPost, "/hq/291/agentgateway/resource/onlineagent/291/saybusy", ""))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || p.count() != 0 {
		t.Errorf("got %d %v, and %d requests left", w.Code, w.Header(), p.count())
	}
}

// Nobody waits behind a request that itself waits for a newer credential.
func TestTheLaneIsLeftWhileANewCredentialIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accepts("token-6")
		s := newSite(t, "https://rt.example", p)
		l := &lanes{}
		s.lanes = l
		s.renewsAfter(3*time.Second, 6, "token-6")
		ask(s.handler(), local(t, http.MethodPost, api, listUsers))
		enter := "enter rt/robot@example.org POST /api/"
		if want := []string{enter, "leave", enter, "leave"}; !slices.Equal(l.events, want) || p.count() != 2 {
			t.Errorf("got %q and %d requests", l.events, p.count())
		}
	})
}
