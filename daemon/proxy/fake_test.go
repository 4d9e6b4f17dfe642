package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"agentkeeper/daemon/proxy"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

var (
	agent291 = session.ID{Platform: "hq", Login: "291"}
	robot    = session.ID{Platform: "rt", Login: "robot@example.org"}
)

// site is a fleet of one agent for each vendor, and what was said about them.
type site struct {
	mu        sync.Mutex
	handed    map[session.ID]keeper.Handed
	url       *url.URL
	transport http.RoundTripper
	rules     map[string]rules.Set // by platform
	refused   []uint64
	onRefuse  func(session.ID, uint64) error // not under mu
	lanes     proxy.Lanes                    // nil: none
	log       lockedBuffer
}

// newSite makes platforms hq (huawei), c5 (huawei-config), rt (runtel), cc
// (edna) and ec (ecss), all at address and carried by transport.
func newSite(t *testing.T, address string, transport http.RoundTripper) *site {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{handed: map[session.ID]keeper.Handed{}, url: u, transport: transport, rules: map[string]rules.Set{}}
	for name, vendor := range map[string]string{"hq": "huawei", "c5": "huawei-config", "rt": "runtel", "cc": "edna", "ec": "ecss"} {
		s.rules[name] = vendors.Table[vendor].Rules
	}
	s.sign(agent291, 5, http.Header{"Guid": {"guid-5"}, "Cookie": {"lb=node-5"}})
	for _, id := range []session.ID{robot, {Platform: "cc", Login: "integrator"}, {Platform: "ec", Login: "op/1"}, {Platform: "c5", Login: "101"}} {
		s.sign(id, 5, bearer("token-5"))
	}
	return s
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func (s *site) sign(id session.ID, generation uint64, h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list session.Headers
	for name, values := range h {
		list = append(list, session.Header{Name: name, Value: values[0]})
	}
	s.handed[id] = keeper.Handed{Credential: session.Credential{Header: list}, Generation: generation, Live: h != nil}
}

func (s *site) Credential(id session.ID) (keeper.Handed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.handed[id]
	if !ok {
		return h, errors.New("no such agent")
	}
	return h, nil
}

func (s *site) Refuse(id session.ID, generation uint64, _ string) error {
	s.mu.Lock()
	s.refused = append(s.refused, generation)
	s.mu.Unlock()
	if s.onRefuse == nil {
		return nil
	}
	return s.onRefuse(id, generation)
}

// Place names each platform's vendor as the platform.
func (s *site) Place(platform string) (wire.Place, string, bool) {
	_, ok := s.rules[platform]
	return wire.Place{URL: s.url}, platform, ok
}

func (s *site) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.refused)
}

func (s *site) handler() http.Handler {
	return proxy.New(proxy.Options{Fleet: s, Lanes: s.lanes, Rules: func(vendor string) rules.Set { return s.rules[vendor] },
		Transport: func(wire.Place) http.RoundTripper { return s.transport }, Log: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
}

// seen is a request as the platform got it.
type seen struct {
	Method, URI, Body string
	Header            http.Header
}

// platform answers without a network, so that time can be virtual.
type platform struct {
	answer func(n int, r seen) *http.Response // n counts from 1

	mu   sync.Mutex
	seen []seen
}

func (p *platform) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	one := seen{req.Method, req.URL.RequestURI(), string(body), req.Header}
	p.mu.Lock()
	p.seen = append(p.seen, one)
	n := len(p.seen)
	p.mu.Unlock()
	a := p.answer(n, one)
	return a, req.Context().Err()
}

func (p *platform) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

func answer(status int, media, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ContentLength: int64(len(body)), Header: http.Header{"Content-Type": {media}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

func ok(body string) *http.Response { return answer(http.StatusOK, "application/json", body) }

// ask sends a request to the proxy without a network.
func ask(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// local is a request as a program of this host would send it.
func local(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:9465"+path, strings.NewReader(body))
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// lockedBuffer may be written to by several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
