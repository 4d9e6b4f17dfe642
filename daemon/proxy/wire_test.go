package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/proxy"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// wired puts a proxy with real connections before a platform.
func wired(t *testing.T, platform http.HandlerFunc) (*site, string) {
	t.Helper()
	up := httptest.NewServer(platform)
	t.Cleanup(up.Close)
	u, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := proxy.NewTransport(wire.Place{URL: u})
	t.Cleanup(transport.CloseIdleConnections)
	s := newSite(t, up.URL, transport)
	l, err := proxy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}}
	front.Start()
	t.Cleanup(front.Close)
	return s, front.URL
}

// direct is a client's transport.
func direct(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// send asks over the network and follows no redirect.
func send(t *testing.T, method, address, body string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := direct(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestInterimAnswersAndTrailersCarryNoCredential(t *testing.T) {
	_, front := wired(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "lb=secret")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "Set-Guid")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "done")
		w.Header().Set("Set-Guid", "JSESSIONID=secret")
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(front, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /hq/291/a HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(raw); !strings.Contains(text, "done") || strings.Contains(text, "secret") {
		t.Errorf("the client read %q", text)
	}
}

func TestAStreamFlowsAndEndsWithItsClient(t *testing.T) {
	gone := make(chan struct{})
	_, front := wired(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		close(gone)
	})
	answer := send(t, http.MethodGet, front+"/cc/integrator/stream", "")
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Errorf("read %q, %v", line, err)
	}
	_ = answer.Body.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the platform's stream went on without its client")
	}
}

func TestABodyOfAnyLengthArrivesWhole(t *testing.T) {
	_, front := wired(t, func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(text)
	})
	for _, length := range []int{0, 1, 64 << 10, 1 << 20, 1<<20 + 1, 5 << 20} {
		text := strings.Repeat("x", length)
		got, err := io.ReadAll(send(t, http.MethodPost, front+"/cc/integrator/echo", text).Body)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes came back as %d, %v", length, len(got), err)
		}
	}
}

func TestABodyWithoutAnEndIsCut(t *testing.T) {
	_, front := wired(t, func(_ http.ResponseWriter, req *http.Request) { _, _ = io.Copy(io.Discard, req.Body) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, front+"/cc/integrator/a", endless{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := direct(t).RoundTrip(req)
	if err == nil { // else the proxy hung up while the client was still sending
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d, want 413", answer.StatusCode)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestABrokenPlatformIsToldWithoutItsBytes(t *testing.T) {
	s, front := wired(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nSet-GUID secret\r\n\r\n")
		_ = conn.Close()
	})
	answer := send(t, http.MethodGet, front+"/hq/291/a", "")
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusBadGateway {
		t.Errorf("got %d, %v, want 502", answer.StatusCode, err)
	}
	if all := string(text) + s.log.String(); strings.Contains(all, "secret") || !strings.Contains(all, "hq/291") {
		t.Errorf("told %q", all)
	}
}

func TestAnAnswerThatBreaksOffIsNotMadeWhole(t *testing.T) {
	_, front := wired(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"retcode":`)
	})
	answer := send(t, http.MethodGet, front+"/hq/291/a", "")
	if _, err := io.ReadAll(answer.Body); err == nil {
		t.Error("a torn answer was handed on as a whole one")
	}
}

// The server's limits are those of the control API; a platform may take longer.
func TestTheServersTimeLimitsDoNotCutASlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{answer: func(int, seen) *http.Response {
			time.Sleep(50 * time.Second)
			return ok("slow")
		}}
		line := sim.Pipe()
		server := &http.Server{
			Handler:     newSite(t, "https://cc.example", p).handler(),
			ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(line) }()
		client := &http.Transport{DialContext: line.DialContext}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/cc/integrator/a", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "slow" {
			t.Errorf("got %d %q, %v", answer.StatusCode, text, err)
		}
		_ = answer.Body.Close()
		client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
}

func TestAnyHostNameWillDoOverASocket(t *testing.T) {
	p := &platform{answer: func(int, seen) *http.Response { return ok("{}") }}
	s := newSite(t, "https://hq.example", p)
	path := filepath.Join(t.TempDir(), "p.sock")
	l, err := proxy.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	front := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}}
	front.Start()
	defer front.Close()
	client := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://proxy/hq/291/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("got %d", answer.StatusCode)
	}
}
