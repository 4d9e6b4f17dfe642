package huawei

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"agentkeeper/test/sim"
)

// The values of the switch keep_alive.
const (
	KeepAliveHandshake = "handshake" // as the pages have it
	KeepAliveHeartbeat = "heartbeat" // as older gateways have it, and no handshake
	KeepAliveBoth      = "both"
)

// Pushing is how the gateway reaches its clients' callbacks.
type Pushing struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the network
	TLS  *tls.Config                                                          // nil: the system's authorities
}

func (p Pushing) client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: p.Dial, TLSClientConfig: p.TLS, MaxIdleConnsPerHost: 100, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// startPushing begins to send a session's events to its callback, once. It goes
// on until the session ends; what is left then is lost, but for a ShutdownService
// that the switches ask for. With the lock held.
func (s *Sim) startPushing(a *agent, n *session) {
	if !n.push || n.pushing || s.closed.Err() != nil {
		return
	}
	n.pushing = true
	s.pushers.Go(func() { s.push(a, n) })
}

// Close ends the sending of events to callbacks and waits for it. Only a gateway
// whose clients have callbacks needs it.
func (s *Sim) Close() {
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.pushers.Wait()
	s.client.CloseIdleConnections()
}

func (s *Sim) push(a *agent, n *session) {
	var pending []event
	for {
		more, wait, over := s.gather(a, n, len(pending))
		if pending = append(pending, more...); over {
			s.pushLast(a, n, pending)
			return
		}
		if len(pending) == 0 {
			if !s.linger(n, wait) {
				return
			}
			continue
		}
		sent := s.deliver(s.closed, a, n, pending)
		switch {
		case sent > 0:
			pending = pending[sent:]
		case s.cfg().PushNoRetry:
			s.note(a, func(r *record) { r.pushLost += s.portion(n, pending) })
			pending = pending[s.portion(n, pending):]
		case !s.linger(n, time.Duration(s.cfg().PushPause)):
			return
		}
	}
}

// gather takes the events that are due, or tells how long until one is; over
// tells that the session ended.
func (s *Sim) gather(a *agent, n *session, have int) (events []event, wait time.Duration, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if a.session == n {
		s.reap(a, now)
	}
	if a.session != n {
		return nil, 0, true
	}
	for have+len(events) < s.cfg().PushBatch {
		ev, soon, ok := a.take(now, "")
		if !ok {
			return events, soon, false
		}
		a.record.events-- // it counts when the callback has it
		events = append(events, ev)
	}
	return events, 0, false
}

// pushLast sends what an ended session has to say about itself, once.
func (s *Sim) pushLast(a *agent, n *session, pending []event) {
	s.mu.Lock()
	if a.last != nil && a.last.of == n && len(a.last.farewell) > 0 {
		pending = append(pending, a.last.farewell...)
		a.last.farewell = nil
	}
	s.mu.Unlock()
	for len(pending) > 0 {
		sent := s.deliver(s.closed, a, n, pending)
		if sent == 0 {
			s.note(a, func(r *record) { r.pushLost += len(pending) })
			return
		}
		pending = pending[sent:]
	}
}

// linger waits for d, for an event or for the session's end; 0 is without limit. It
// returns false when the gateway closes.
func (s *Sim) linger(n *session, d time.Duration) bool {
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-n.wake:
	case <-n.ended:
	case <-due:
	case <-s.closed.Done():
		return false
	}
	return true
}

// single reports whether the session's callbacks carry one event each, as those
// of older gateways do.
func (s *Sim) single(n *session) bool { return s.cfg().PushSingle || n.older }

// portion is how many events one request carries.
func (s *Sim) portion(n *session, pending []event) int {
	if s.single(n) {
		return 1
	}
	return min(len(pending), s.cfg().PushBatch)
}

// deliver sends the oldest events, and returns how many the callback took.
func (s *Sim) deliver(ctx context.Context, a *agent, n *session, pending []event) (sent int) {
	events := pending[:s.portion(n, pending)]
	s.mu.Lock()
	to, token := n.callback, n.token
	guid := n.newest().value
	s.mu.Unlock()
	err := s.post(ctx, n, to, token, guid, s.cfg().Wire.Text(s.pushBody(a.Login, n, events)))
	if err != nil {
		s.log("callback failed", a, "error", err.Error())
		s.note(a, func(r *record) { r.pushFailed++ })
		return 0
	}
	s.note(a, func(r *record) { r.events += len(events) })
	return len(events)
}

func (s *Sim) note(a *agent, f func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&a.record)
}

// pushBody is a list of events, oldest first, or the one event of older gateways
// in the shape of a poll's answer.
func (s *Sim) pushBody(login string, n *session, events []event) []byte {
	if s.single(n) && s.cfg().Older.PushContent {
		text, _ := json.Marshal(s.eventFields(login, events[0]))
		body, _ := json.Marshal(map[string]string{"eventContent": string(text)})
		return body
	}
	if s.single(n) {
		return s.withEvent(login, events[0]).Body
	}
	list := make([]any, len(events))
	for i, e := range events {
		list[i] = s.eventFields(login, e)
	}
	body, _ := json.Marshal(map[string]any{"workNo": s.number(login, s.cfg().Types.NumericWorkNo), "eventList": list})
	return body
}

func (s *Sim) post(ctx context.Context, n *session, to, token, guid string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.cfg().PushTimeout))
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", s.cfg().Wire.ContentType())
	if !s.cfg().PushNoGuid && s.cfg().GuidIn != GuidNone && s.cfg().GuidIn != GuidCookie {
		q.Header["Guid"] = []string{guid}
	}
	if token != "" && !s.cfg().PushNoToken {
		q.Header["service_token"] = []string{token}
	}
	r, err := s.client.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return err
	}
	if n.older && r.StatusCode == http.StatusOK {
		return nil // receivers of that time answer anything
	}
	return took(r.StatusCode, text)
}

var errNotTaken = errors.New("the callback did not take it")

// took reports whether a callback's answer says that it has the events.
func took(status int, body []byte) error {
	var v struct {
		Retcode any `json:"retcode"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &v) != nil || fmt.Sprint(v.Retcode) != "0" {
		return fmt.Errorf("%w: %d %s", errNotTaken, status, body)
	}
	return nil
}

// handshake keeps a session in push mode alive (vendor page: handshake). It may
// bring another token for the callbacks.
func (s *Sim) handshake(_ context.Context, q *request) sim.Reply {
	if s.cfg().KeepAlive == KeepAliveHeartbeat {
		return s.failure("000-002") // as any call that the gateway does not have
	}
	return s.keepAlive(q, false)
}

// heartbeat is what older gateways have instead, and what sessions have that
// asked for the older push. Its answer tells the loginTime: the vendor's demo
// repeats a heartbeat at once whose result is null.
func (s *Sim) heartbeat(_ context.Context, q *request) sim.Reply {
	if s.cfg().KeepAlive == KeepAliveHandshake && !s.pushesAsOlder(q.login) {
		return s.failure("000-002") // as any call that the gateway does not have
	}
	return s.keepAlive(q, true)
}

func (s *Sim) pushesAsOlder(login string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[login]
	return a != nil && a.session != nil && a.session.older
}

func (s *Sim) keepAlive(q *request, older bool) sim.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, code := s.authenticate(q)
	switch {
	case n == nil:
		return s.failure(code)
	case !serviceToken.MatchString(q.token):
		return s.failure("100-001")
	}
	if q.token != "" {
		n.token = q.token
	}
	n.seen = time.Now()
	if !n.polled {
		n.polled = true
		s.recordFirstPoll(a, n, q.arrived)
	}
	result := any(nil)
	if older {
		result = map[string]string{"loginTime": n.loginTime()}
	}
	return s.rotate(s.success(result), n, n.seen)
}
