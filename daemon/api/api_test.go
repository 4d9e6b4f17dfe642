package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/daemon/view"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
)

// service stands in for the fleet, the store and the daemon.
type service struct {
	agents   []fleet.Agent
	commands []string
	command  error
	parks    bool // the agents that are told something
	handed   keeper.Handed
	refuse   error
	reload   error
	healthy  error
	events   *storetest.Memory
	hooks    []webhook.Status
	resumed  []string
	taken    atomic.Int64
	reading  atomic.Int64 // the events, now
	refused  atomic.Int64
	log      *slog.Logger
	problems []Problem
	works    map[session.ID]work.Shown
	words    []string
	wish     error
}

func (s *service) Service() Service { return ServiceOf("1.2.3", PhaseRunning, time.Time{}, s.problems) }

func (s *service) Page(after session.ID, limit int) (list []fleet.Agent) {
	i := 0
	if after != (session.ID{}) {
		i = slices.IndexFunc(s.agents, func(a fleet.Agent) bool { return a.ID == after }) + 1
	}
	return s.agents[i:min(len(s.agents), i+min(limit, len(s.agents)))]
}

func (s *service) Agent(id session.ID) (fleet.Agent, bool) {
	for _, a := range s.agents {
		if a.ID == id {
			return a, true
		}
	}
	return fleet.Agent{}, false
}

func (s *service) Platforms() []fleet.Platform {
	list := []fleet.Platform{{Name: "pbx", Vendor: "ecss"}, {Name: "hq", Vendor: "huawei"}}
	for i := range list {
		for _, a := range s.agents {
			if a.ID.Platform == list[i].Name {
				list[i].Counts = append(list[i].Counts, fleet.Count{State: a.View.State, Reason: a.View.Reason, Wish: a.Wish, Agents: 1})
			}
		}
	}
	return list
}

func (s *service) Command(_ context.Context, id session.ID, verb fleet.Verb, by, reason string, hold time.Duration) error {
	if _, ok := s.Agent(id); !ok {
		return fmt.Errorf("%w: %s", fleet.ErrUnknownAgent, id)
	}
	for i := range s.agents {
		if s.parks && s.agents[i].ID == id {
			s.agents[i].View.State, s.agents[i].View.Since = session.Parked, time.Now()
		}
	}
	s.commands = append(s.commands, fmt.Sprintf("%s %s %q %v by %s", verb, id, reason, hold, by))
	return s.command
}

func (s *service) Credential(id session.ID) (keeper.Handed, error) {
	if _, ok := s.Agent(id); !ok {
		return keeper.Handed{}, fleet.ErrUnknownAgent
	}
	return s.handed, nil
}

func (s *service) Refuse(session.ID, uint64, string) error { return s.refuse }

func (s *service) Reload(context.Context, string) (fleet.Plan, error) {
	return fleet.Plan{Start: []session.ID{{Platform: "hq", Login: "1"}}}, s.reload
}

func (s *service) Plan(context.Context, string, map[string]string) (fleet.Plan, error) {
	return fleet.Plan{}, s.reload
}
func (s *service) Healthy() error { return s.healthy }
func (s *service) Ready() error   { return s.healthy }

func (s *service) Status(context.Context) []webhook.Status { return s.hooks }

func (s *service) Resume(_ context.Context, name, by, reason string) error {
	if name != "crm" {
		return fmt.Errorf("%w: %s", webhook.ErrUnknown, name)
	}
	s.resumed = append(s.resumed, name+" "+reason+" "+by)
	return nil
}

func (s *service) Skip(_ context.Context, name, agent, by, reason string) (webhook.DeadLetter, error) {
	switch {
	case name != "crm":
		return webhook.DeadLetter{}, fmt.Errorf("%w: %s", webhook.ErrUnknown, name)
	case agent == "hq/299":
		return webhook.DeadLetter{}, webhook.ErrNothingFails
	}
	s.resumed = append(s.resumed, "skip "+name+" "+agent+" "+reason+" "+by)
	return webhook.DeadLetter{ID: "hq/291/7", Type: "huawei.A", Position: 42, Reason: webhook.DeadSkipped, Attempts: 3, Error: "400 Bad Request"}, nil
}

func (s *service) FollowerCame(string)    { s.reading.Add(1) }
func (s *service) FollowerLeft(string)    { s.reading.Add(-1) }
func (s *service) FollowerRefused(string) { s.refused.Add(1) }

func (s *service) EventsDelivered(_ string, n int)     { s.taken.Add(int64(n)) }
func (s *service) EventDelivery(string, time.Duration) {}

func newService() *service {
	at := time.Now().Add(-8 * time.Second)
	return &service{events: storetest.NewMemory(), log: slog.New(slog.DiscardHandler), agents: []fleet.Agent{
		{ID: session.ID{Platform: "hq", Login: "291"}, Vendor: "huawei", Group: "bots", Label: "Balance enquiries", Window: 2 * time.Minute,
			View: keeper.View{State: session.Online, Since: at, LastContact: at, Started: at, SignIns: 3, Events: 1234}},
		{ID: session.ID{Platform: "hq", Login: "a b@c/d"}, Vendor: "huawei", Group: "bots",
			View: keeper.View{State: session.Parked, Reason: session.ReasonRefused, Code: "100-004", Since: at,
				History: []keeper.Transition{{At: at, State: session.Parked, Reason: session.ReasonRefused, Code: "100-004"}}}},
		{ID: session.ID{Platform: "pbx", Login: "7"}, Vendor: "ecss", Wish: session.Leave, View: keeper.View{State: session.Offline, Since: at}},
	}}
}

func (s *service) controller() *Controller {
	return &Controller{Commander: s, Worker: s, Credentials: s, Reloader: s, Resumer: s, Reader: Reader{Agents: s, Work: s, Events: s.events, Webhooks: s, Health: s,
		Audience: s,
		Metrics:  http.NotFoundHandler(), Page: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = fmt.Fprint(w, "page of "+req.URL.Path) }), Log: s.log}}
}

// call makes a request as a peer that may do everything.
func call(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, asRoot(httptest.NewRequest(method, target, strings.NewReader(body))))
	return w
}

// asRoot lets a request in.
func asRoot(req *http.Request) *http.Request {
	return req.WithContext(context.WithValue(req.Context(), peerKey{}, Peer{known: true}))
}

func TestRead(t *testing.T) {
	s := newService()
	h := s.controller().Reader.Handler()
	tests := []struct {
		target string
		status int
		wants  []string
	}{
		{"/", 200, []string{"page of /"}},
		{"/agents/hq/291", 200, []string{"page of /agents/hq/291"}},
		{"/page/main.js", 200, []string{"page of /page/main.js"}},
		{"/api/v1/changes", 200, []string{"page of /api/v1/changes"}},
		{"/api/v1/activity", 200, []string{"page of /api/v1/activity"}},
		{"/-/healthy", 200, []string{"ok"}},
		{"/-/ready", 200, []string{"ok"}},
		{"/api/v1/agents", 200, []string{`"id":"hq/291"`, `"id":"pbx/7"`}},
		{"/api/v1/agents?platform=pbx", 200, []string{`{"agents":[{"id":"pbx/7"`}},
		{"/api/v1/agents?state=parked&group=bots", 200, []string{`{"agents":[{"id":"hq/a b@c/d"`}},
		{"/api/v1/agents?label=none", 200, []string{`{"agents":[]}`}},
		{"/api/v1/agents?label=BALANCE", 200, []string{`{"agents":[{"id":"hq/291"`, `"label":"Balance enquiries"`}},
		{"/api/v1/agents?state=asleep", 400, []string{"unknown state", "or unmet"}},
		{"/api/v1/agents?state=unmet", 200, []string{`{"agents":[{"id":"hq/a b@c/d"`}},
		{"/api/v1/agents?colour=red", 400, []string{"unknown parameter"}},
		{"/api/v1/agents?group=none", 200, []string{`{"agents":[]}`}},
		{"/api/v1/agents/hq/291", 200, []string{`"wish_by":"","wish_reason":"","wish_until":null`, `"explanation":["hq/291 is online, since `, `"wish":"online","state":"online"`, `"sign_ins":3,"events":1234`, `"next_attempt":null`, `"adopted":false`}},
		{"/api/v1/agents/hq/a%20b@c%2Fd", 200, []string{`"reason":"refused","code":"100-004"`, `"history":[`, `"session":null`, `"window_left_seconds":null`}},
		{"/api/v1/agents/hq/1", 404, []string{"no such agent: hq/1; did you mean hq/291?"}},
		{"/api/v1/platforms", 200, []string{`{"platforms":[{"name":"hq","vendor":"huawei","agents":2,"online":1,"wished_online":2`}},
		{"/api/v1/nothing", 404, nil},
	}
	for _, tt := range tests {
		w := call(h, "GET", tt.target, "")
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.target, w.Code, tt.status)
		}
		for _, want := range tt.wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %s\nlacks %s", tt.target, w.Body, want)
			}
		}
	}
	for _, target := range []string{"/api/v1/agents", "/-/ready"} {
		if w := call(h, "POST", target, ""); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d", target, w.Code)
		}
	}
	s.healthy = errors.New("the store is unavailable")
	if w := call(h, "GET", "/-/ready", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "store") {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
	for _, target := range []string{"/api/v1/reload", "/api/v1/agents/hq/291/pause", "/api/v1/agents/hq/291/credential"} {
		if w := call(h, "POST", target, `{"reason":"x"}`); w.Code != 404 && w.Code != 405 {
			t.Errorf("the public half answers %s with %d", target, w.Code)
		}
	}
}

func TestWindowLeft(t *testing.T) {
	a := view.AgentOf(newService().agents[0], time.Now())
	if a.WindowLeft == nil || *a.WindowLeft < 111 || *a.WindowLeft > 112.1 {
		t.Errorf("window left: %v, want about 112", a.WindowLeft)
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		target, body string
		err          error
		status       int
	}{
		{"/api/v1/agents/hq/291/pause", `{"reason":"a test"}`, nil, 202},
		{"/api/v1/agents/hq/291/sign-out", `{"reason":"a test","for":"30m"}`, nil, 202},
		{"/api/v1/agents/hq/291/sign-in?wait=1s", `{"reason":"a test"}`, nil, 200},
		{"/api/v1/agents/pbx/7/sign-out?wait=1s", `{"reason":"a test"}`, nil, 200},
		{"/api/v1/agents/hq/a%20b@c%2Fd/resume?wait=10ms", `{"reason":"a test"}`, nil, 504},
		{"/api/v1/agents/hq/9/pause", `{"reason":"a test"}`, nil, 404},
		{"/api/v1/agents/hq/291/resume", `{"reason":"a test","for":"30m"}`, nil, 400},
		{"/api/v1/agents/hq/291/dance", `{"reason":"a test"}`, fleet.ErrVerb, 404},
		{"/api/v1/agents/hq/291/pause", `{"reason":"  "}`, nil, 400},
		{"/api/v1/agents/hq/291/pause", ``, nil, 400},
		{"/api/v1/agents/hq/291/pause", `{"reason":"a test","for":"soon"}`, nil, 400},
		{"/api/v1/agents/hq/291/pause", `{"reason":"a test","reasons":"x"}`, nil, 400},
		{"/api/v1/agents/hq/291/pause?wait=x", `{"reason":"a test"}`, nil, 400},
		{"/api/v1/agents/hq/291/pause", `{"reason":"a test"}`, store.ErrUnavailable, 503},
		{"/api/v1/agents/hq/291/pause", `{"reason":"a test"}`, fleet.ErrEnding, 503},
	}
	for _, tt := range tests {
		s := newService()
		s.command = tt.err
		if w := call(s.controller().Handler(), "POST", tt.target, tt.body); w.Code != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.target, tt.body, w.Code, w.Body, tt.status)
		}
	}
	s := newService()
	call(s.controller().Handler(), "POST", "/api/v1/agents/hq/291/sign-out", `{"reason":"a test","for":"30m"}`)
	if diff := cmp.Diff([]string{`sign-out hq/291 "a test" 30m0s by root (uid 0)`}, s.commands); diff != "" {
		t.Error(diff)
	}
}

// Who waits for an agent that is parked by what it was told hears so at once;
// one that was parked before is waited for.
func TestCommandThatParks(t *testing.T) {
	for _, tt := range []struct {
		parks bool
		takes time.Duration
	}{{true, 0}, {false, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			s := newService()
			s.parks = tt.parks
			s.agents[0].View.State, s.agents[0].View.Since = session.Parked, time.Now()
			time.Sleep(time.Second)
			began := time.Now()
			w := call(s.controller().Handler(), "POST", "/api/v1/agents/"+s.agents[0].ID.String()+"/sign-in?wait=1m", `{"reason":"a test"}`)
			if took := time.Since(began); w.Code != 504 || took > tt.takes+time.Second || took < tt.takes {
				t.Errorf("parked by the command: %v: %d after %v, want 504 after %v", tt.parks, w.Code, took, tt.takes)
			}
		})
	}
}

func TestReload(t *testing.T) {
	s := newService()
	h := s.controller().Handler()
	if w := call(h, "POST", "/api/v1/reload", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"start":["hq/1"]`) {
		t.Errorf("reload: %d %s", w.Code, w.Body)
	}
	s.reload = errors.New("f.yaml:3:1: unknown key")
	for _, target := range []string{"/api/v1/reload", "/api/v1/plan"} {
		if w := call(h, "POST", target, ""); w.Code != 422 || !strings.Contains(w.Body.String(), "f.yaml:3:1") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestCredential(t *testing.T) {
	s := newService()
	h := s.controller().Handler()
	const path = "/api/v1/agents/hq/291/credential"
	expect := func(what, target string, status int, want string) {
		t.Helper()
		if w := call(h, "GET", target, ""); w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %d %s", what, w.Code, w.Body, status, want)
		} else if status == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
	expect("no session", path, 503, "no session")
	s.handed = keeper.Handed{Generation: 7, Live: true, Credential: session.Credential{
		Header: session.Headers{{Name: "Authorization", Value: "Bearer t"}}, Token: session.NewSecret("t"), IssuedAt: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}}
	expect("a credential", path, 200, `{"headers":{"Authorization":"Bearer t"},"token":"t","issued_at":"2026-03-02T09:00:00Z","expires_at":null,"generation":7}`)
	expect("a newer one", path+"?after=6&wait=1s", 200, `"generation":7`)
	expect("none newer", path+"?after=7&wait=60ms", 204, "")
	expect("none newer, at once", path+"?after=7", 204, "")
	expect("nonsense", path+"?after=x", 400, "generation")
	expect("unknown", "/api/v1/agents/hq/9/credential", 404, "")
	for err, status := range map[error]int{nil: 202, keeper.ErrNotCurrent: 409, keeper.ErrNoSession: 503, fleet.ErrQuarantined: 503, fleet.ErrUnknownAgent: 404} {
		s.refuse = err
		if w := call(h, "POST", path+"/refused", `{"generation":7}`); w.Code != status {
			t.Errorf("refused, %v: %d, want %d", err, w.Code, status)
		}
	}
	if w := call(h, "POST", path+"/refused", `{}`); w.Code != 400 {
		t.Errorf("refused without a generation: %d", w.Code)
	}
}

// ?follow=false ends behind the newest event kept.
func TestKeptEvents(t *testing.T) {
	s := newService()
	for _, typ := range []string{"huawei.A", "session.lost", "huawei.B"} {
		if err := s.events.Publish(t.Context(), []store.Message{{ID: session.ID{Platform: "hq", Login: "1"}, Type: typ, Data: []byte(typ)}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		query, last string
		status      int
		want        string
	}{
		{"", "", 200, ": agentkeeper\n\nid: 1\ndata: huawei.A\n\nid: 2\ndata: session.lost\n\nid: 3\ndata: huawei.B\n\n"},
		{"&type=huawei.*&agent=hq/1", "1", 200, ": agentkeeper\n\nid: 3\ndata: huawei.B\n\n"},
		{"&agent=hq/2", "", 200, ": agentkeeper\n\n"},
		{"&type=huawei.A", "9", 200, ": agentkeeper\n\nevent: gap\ndata: {\"store_lost\":true}\n\nid: 1\ndata: huawei.A\n\n"},
		{"", "x", 400, ""},
		{"&agent=2", "", 400, ""},
		{"&colour=red", "", 400, ""},
	} {
		req := httptest.NewRequest(http.MethodGet, "/api/v1/events?follow=false"+tt.query, nil)
		if tt.last != "" {
			req.Header.Set("Last-Event-ID", tt.last)
		}
		w := httptest.NewRecorder()
		s.controller().Reader.Handler().ServeHTTP(w, req)
		if w.Code != tt.status || (tt.want != "" && w.Body.String() != tt.want) {
			t.Errorf("%q after %q: %d %q, want %d %q", tt.query, tt.last, w.Code, w.Body, tt.status, tt.want)
		}
	}
	if w := call(s.controller().Reader.Handler(), "GET", "/api/v1/events?follow=maybe", ""); w.Code != 400 {
		t.Errorf("follow=maybe: %d", w.Code)
	}
	s.events.Fail(errors.New("disk full"))
	if w := call(s.controller().Reader.Handler(), "GET", "/api/v1/events?follow=false", ""); w.Code != 503 {
		t.Errorf("without a store: %d", w.Code)
	}
}

// The event stream resumes behind Last-Event-ID, begins with the oldest for 0
// and with new events without it.
func TestEventStream(t *testing.T) {
	s := newService()
	server := httptest.NewServer(s.controller().Reader.Handler())
	defer server.Close()
	publish := func(login, typ string) {
		t.Helper()
		id := session.ID{Platform: "hq", Login: login}
		if err := s.events.Publish(t.Context(), []store.Message{{ID: id, Type: typ, Data: []byte(`{"t":"` + typ + `"}`)}}); err != nil {
			t.Fatal(err)
		}
	}
	publish("1", "huawei.A")
	publish("2", "session.signed_in")
	publish("1", "huawei.B")
	read := func(query, last string, n int) (lines []string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/events"+query, nil)
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if last == "" {
			publish("1", "huawei.C")
		}
		scanner := bufio.NewScanner(res.Body)
		for len(lines) < n && scanner.Scan() {
			if text := scanner.Text(); strings.HasPrefix(text, "id:") || strings.HasPrefix(text, "data:") {
				lines = append(lines, text)
			}
		}
		return lines
	}
	for _, tt := range []struct {
		query, last string
		want        []string
	}{
		{"", "0", []string{"id: 1", `data: {"t":"huawei.A"}`, "id: 2", `data: {"t":"session.signed_in"}`}},
		{"", "2", []string{"id: 3", `data: {"t":"huawei.B"}`}},
		{"?agent=hq/1&type=huawei.*", "1", []string{"id: 3", `data: {"t":"huawei.B"}`}},
		{"?type=session.signed_in", "0", []string{"id: 2", `data: {"t":"session.signed_in"}`}},
		{"", "", []string{"id: 4", `data: {"t":"huawei.C"}`}},
	} {
		if diff := cmp.Diff(tt.want, read(tt.query, tt.last, len(tt.want))); diff != "" {
			t.Errorf("%q after %q: %s", tt.query, tt.last, diff)
		}
	}
	server.Close() // once all requests are over: the last events are counted after they are written
	if s.taken.Load() < 6 {
		t.Errorf("%d events counted as delivered", s.taken.Load())
	}
	for target, last := range map[string]string{"/api/v1/events?agent=x": "", "/api/v1/events?x=y": "", "/api/v1/events": "new"} {
		req := httptest.NewRequest(http.MethodGet, target, nil)
		req.Header.Set("Last-Event-ID", last)
		w := httptest.NewRecorder()
		s.controller().Reader.Handler().ServeHTTP(w, req)
		if w.Code != 400 {
			t.Errorf("%s after %q: %d", target, last, w.Code)
		}
	}
}

// A consumer whose position is older than what is kept, or of a store that was
// lost, is told before the first event.
func TestGapIsTold(t *testing.T) {
	s := newService()
	batch := make([]store.Message, 120_000) // more than is kept in memory
	for i := range batch {
		batch[i] = store.Message{ID: session.ID{Platform: "hq", Login: "1"}, Type: "huawei.A", Data: []byte("{}")}
	}
	if err := s.events.Publish(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.controller().Reader.Handler())
	defer server.Close()
	for last, want := range map[string][]string{
		"5":       {"event: gap", "id: 20000", `data: {"from":6,"to":20000,"first_kept":20001}`, "", "id: 20001", "data: {}"},
		"20000":   {"id: 20001", "data: {}"},
		"0":       {"id: 20001", "data: {}"},
		"9999999": {"event: gap", `data: {"store_lost":true}`, "", "id: 20001", "data: {}"},
	} {
		for _, query := range []string{"", "?follow=false"} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/events"+query, nil)
			req.Header.Set("Last-Event-ID", last)
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for scanner := bufio.NewScanner(res.Body); len(got) < len(want)+2 && scanner.Scan(); {
				got = append(got, scanner.Text())
			}
			cancel()
			_ = res.Body.Close()
			if diff := cmp.Diff(want, got[min(2, len(got)):]); diff != "" { // behind the first comment
				t.Errorf("%s after %s: %s", query, last, diff)
			}
		}
	}
}

// A control socket lets in who the kernel says may come, replaces a dead one
// and leaves a living one alone.
func TestControlSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "control.sock")
	l, err := ListenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	s := newService()
	server := &http.Server{Handler: s.controller().Handler(), ConnContext: ConnContext, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
	res, err := client.Get("http://x/api/v1/agents")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Agents []view.Agent }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Agents) != 3 {
		t.Errorf("%d agents, %v", len(list.Agents), err)
	}
	_ = res.Body.Close()
	if _, err := ListenControl(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second socket: %v", err)
	}
	_ = server.Close()
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	again, err := ListenControl(path)
	if err != nil {
		t.Fatalf("a dead socket is not replaced: %v", err)
	}
	_ = again.Close()
	file := filepath.Join(t.TempDir(), "file")
	_ = os.WriteFile(file, nil, 0o600)
	if _, err := ListenControl(file); err == nil {
		t.Error("a file was replaced by a socket")
	}
}

func TestPeers(t *testing.T) {
	for _, tt := range []struct {
		peer Peer
		want bool
	}{
		{Peer{}, false},
		{Peer{UID: 0, known: true}, true},
		{Peer{UID: uint32(os.Geteuid()), known: true}, true},
		{Peer{UID: 4_000_000_000, GID: uint32(os.Getegid()), known: true}, true},
		{Peer{UID: 4_000_000_000, GID: 4_000_000_000, groups: []uint32{4_000_000_001, uint32(os.Getegid())}, known: true}, true},
		{Peer{UID: 4_000_000_000, GID: 4_000_000_000, groups: []uint32{4_000_000_001}, known: true}, false},
		{Peer{UID: 4_000_000_000, GID: 4_000_000_000, known: true}, false},
	} {
		if got := admitted(tt.peer); got != tt.want {
			t.Errorf("%+v: %v", tt.peer, got)
		}
	}
	w := httptest.NewRecorder()
	newService().controller().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/agents", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("an unknown peer: %d", w.Code)
	}
}

// What is too much or not meant for browsers is said so.
func TestLimits(t *testing.T) {
	s := newService()
	h := s.controller().Handler()
	long := `{"reason":"` + strings.Repeat("x", bodyLimit) + `"}`
	for _, target := range []string{"/api/v1/agents/hq/291/pause", "/api/v1/agents/hq/291/credential/refused"} {
		if w := call(h, "POST", target, long); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with a body of more than 1 MiB: %d, want 413", target, w.Code)
		}
	}
	header := call(s.controller().Reader.Handler(), "GET", "/api/v1/agents", "").Header()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
