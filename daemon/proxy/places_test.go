package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/listener"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// busySite is a platform that answers when it is told to.
type busySite struct {
	hold chan struct{} // closed: answers at once

	mu     sync.Mutex
	counts map[string]int
	asked  int
}

func (b *busySite) Credential(session.ID) (keeper.Handed, error) {
	return keeper.Handed{Live: true, Generation: 1}, nil
}
func (b *busySite) Refuse(session.ID, uint64, string) error { return keeper.ErrNoSession }
func (b *busySite) Place(string) (wire.Place, string, bool) {
	return wire.Place{URL: &url.URL{Scheme: "http", Host: "hq.example"}}, "", true
}

// open are rules that let everything through.
func open(string) rules.Set {
	return rules.Set{Admit: func(r rules.Request) (rules.Request, string) { return r, "" }, Judge: func(rules.Answer) rules.Verdict { return rules.Good }}
}

func (b *busySite) RoundTrip(req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.asked++
	b.mu.Unlock()
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	select {
	case <-b.hold:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader("done"))}, nil
}

// Refused implements listener.Counter.
func (b *busySite) Refused(_, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[reason]++
}

func (b *busySite) refused(reason listener.Reason) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[string(reason)]
}

// crowded serves a proxy over connections in memory, as the daemon does.
func crowded(t *testing.T, places int) (*busySite, *sim.PipeListener) {
	site := &busySite{hold: make(chan struct{}), counts: map[string]int{}}
	refusals := listener.NewRefusals("proxy.listen", site, slog.New(slog.DiscardHandler))
	s := listener.NewServer(New(Options{Fleet: site, Rules: open, Refusals: refusals, Transport: func(wire.Place) http.RoundTripper { return site }}), listener.NewPlaces(listener.Limits{Total: func() int { return places }}, nil))
	l, done := sim.Pipe(), make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); _ = l.Close(); <-done; time.Sleep(time.Second) }) // the server lingers on a connection that it cut
	return site, l
}

// begin sends a request's header and the first bytes of its body.
func begin(t *testing.T, l *sim.PipeListener, length, sent int) net.Conn {
	t.Helper()
	c, err := l.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		_, _ = fmt.Fprintf(c, "POST /hq/291/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", sent))
	}()
	return c
}

func statusOf(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Minute))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// However many bodies arrive slowly, a request whose body is there goes at once,
// and the slow ones are answered in half a minute.
func TestSlowBodiesHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, l := crowded(t, 2000)
		close(site.hold)
		slow := make([]net.Conn, concurrent+44)
		for i := range slow {
			slow[i] = begin(t, l, 1000, 10)
		}
		synctest.Wait()
		began := time.Now()
		if got := statusOf(t, begin(t, l, 10, 10)); got != http.StatusOK || time.Since(began) > time.Second {
			t.Errorf("beside %d slow bodies: %d after %v", len(slow), got, time.Since(began))
		}
		for _, c := range slow {
			if got := statusOf(t, c); got != http.StatusRequestTimeout || time.Since(began) > bodyTimeout+time.Second {
				t.Fatalf("a slow body: %d after %v", got, time.Since(began))
			}
		}
		if site.refused(listener.Slow) != len(slow) || site.asked != 1 {
			t.Errorf("%d counted, %d reached the platform", site.refused(listener.Slow), site.asked)
		}
	})
}

// Large bodies have places of their own: as many as there are hold up one more
// large one, and no small one.
func TestLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, l := crowded(t, 2000)
		close(site.hold)
		var slow []net.Conn
		for range largeBodies {
			slow = append(slow, begin(t, l, 2*smallBody, smallBody+1))
		}
		synctest.Wait()
		if got := statusOf(t, begin(t, l, smallBody, smallBody)); got != http.StatusOK {
			t.Errorf("a body at the bound: %d", got)
		}
		if got := statusOf(t, begin(t, l, smallBody+1, smallBody+1)); got != http.StatusServiceUnavailable {
			t.Errorf("one above it and one too many: %d", got)
		}
		if got := statusOf(t, slow[0]); got != http.StatusRequestTimeout {
			t.Errorf("the slow one: %d", got)
		}
		synctest.Wait()
		if got := statusOf(t, begin(t, l, smallBody+1, smallBody+1)); got != http.StatusOK {
			t.Errorf("a large one when there is a place again: %d", got)
		}
		if site.refused(listener.Busy) != 1 {
			t.Errorf("%d counted", site.refused(listener.Busy))
		}
	})
}

// One request more than are forwarded at once is told to come again.
func TestConcurrentRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, l := crowded(t, 2000)
		var served []net.Conn
		for range concurrent {
			served = append(served, begin(t, l, 3, 3))
		}
		synctest.Wait()
		if site.asked != concurrent {
			t.Errorf("%d of %d are forwarded", site.asked, concurrent)
		}
		if got := statusOf(t, begin(t, l, 3, 3)); got != http.StatusServiceUnavailable {
			t.Errorf("one too many: %d", got)
		}
		close(site.hold)
		for _, c := range served {
			if got := statusOf(t, c); got != http.StatusOK {
				t.Fatalf("one of the others: %d", got)
			}
		}
	})
}

// A platform that does not answer holds a request up no longer than the bound.
func TestRequestAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, l := crowded(t, 2000)
		began, c := time.Now(), begin(t, l, 3, 3)
		time.Sleep(requestLimit - time.Second)
		late := begin(t, l, 3, 3)
		if got := statusOf(t, c); got != http.StatusGatewayTimeout || time.Since(began) != requestLimit {
			t.Errorf("without an answer: %d after %v", got, time.Since(began))
		}
		time.Sleep(requestLimit - 2*time.Second)
		close(site.hold)
		if got := statusOf(t, late); got != http.StatusOK {
			t.Errorf("answered a second before the bound: %d", got)
		}
	})
}

// A body beyond what is kept is sent on as it arrives; it has time by its
// length, and is not taken for the platform's slowness.
func TestLongBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, l := crowded(t, 2000)
		close(site.hold)
		if got := statusOf(t, begin(t, l, bodyLimit, 10)); got != http.StatusRequestTimeout {
			t.Errorf("a body at the bound, which does not come: %d", got)
		}
		if got := statusOf(t, begin(t, l, bodyLimit+1, 0)); got != http.StatusRequestEntityTooLarge {
			t.Errorf("one byte above: %d", got)
		}
		began := time.Now()
		length := 4 << 20
		if got := statusOf(t, begin(t, l, length, replayLimit+10)); got != http.StatusRequestTimeout {
			t.Errorf("one that stops behind the first MiB: %d", got)
		}
		if took, most := time.Since(began), bodyTimeout+timeFor(int64(length)); took > most+time.Second {
			t.Errorf("after %v, want %v", took, most)
		}
	})
}

// A slow client of a long body does not use up the time that its platform has.
func TestPlatformHasItsTimeAfterALongBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, l := crowded(t, 2000)
		c := begin(t, l, 2<<20, 2<<20)
		time.AfterFunc(2*time.Minute, func() { close(site.hold) })
		if got := statusOf(t, c); got != http.StatusOK {
			t.Errorf("a platform that thinks for two minutes: %d", got)
		}
	})
}

func TestFaultRepeatsLittle(t *testing.T) {
	w := &recorder{header: http.Header{}}
	unknownAgent(session.ID{Platform: "hq", Login: strings.Repeat("x", 60_000)}).write(w)
	if w.Len() > 2*faultLimit {
		t.Errorf("%d bytes", w.Len())
	}
}

type recorder struct {
	strings.Builder
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}
