package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/test/sim"
)

// planner notes what it is asked for.
type planner struct {
	*service
	path  string
	texts map[string]string
	asked int
	began chan struct{} // where not nil, a plan tells that it began, and waits for its end
}

func (p *planner) Plan(ctx context.Context, path string, texts map[string]string) (fleet.Plan, error) {
	p.asked++
	p.path, p.texts = path, texts
	if p.began != nil {
		p.began <- struct{}{}
		<-ctx.Done()
	}
	return fleet.Plan{}, nil
}

func planning(t *testing.T) (*planner, http.Handler) {
	t.Helper()
	p := &planner{service: newService()}
	c := p.controller()
	c.Reloader = p
	return p, c.Handler()
}

// The service opens no file because a request names it.
func TestPlansOfFilesThatWereNotSent(t *testing.T) {
	for _, body := range []string{
		`{"file":"/etc/shadow"}`, `{"file":"/proc/self/environ"}`, `{"file":"a.yaml","files":{"a.yaml":""}}`, `{"file":"/a/../b","files":{"/a/../b":""}}`,
		`{"file":"/a","files":{"/b":""}}`, `{"file":["/a"]}`, `[]`, `{`,
	} {
		p, h := planning(t)
		if w := call(h, "POST", "/api/v1/plan", body); w.Code != http.StatusBadRequest || p.asked > 0 || strings.Contains(w.Body.String(), "shadow") {
			t.Errorf("%s: %d %s, asked for %q", body, w.Code, w.Body, p.path)
		}
	}
}

func TestPlansOfFilesThatWereSent(t *testing.T) {
	p, h := planning(t)
	if w := call(h, "POST", "/api/v1/plan", `{"file":"/a","files":{"/a":"x","/b":"y"}}`); w.Code != http.StatusOK || p.path != "/a" || p.texts["/b"] != "y" {
		t.Errorf("%d %s: %q %v", w.Code, w.Body, p.path, p.texts)
	}
	for _, body := range []string{"", "{}"} {
		p, h := planning(t)
		if w := call(h, "POST", "/api/v1/plan", body); w.Code != http.StatusOK || p.path != "" || p.asked != 1 {
			t.Errorf("%q: %d %s: %q", body, w.Code, w.Body, p.path)
		}
	}
}

func TestTheSizeOfAPlan(t *testing.T) {
	for more, want := range map[int]int{0: http.StatusOK, 1: http.StatusRequestEntityTooLarge} {
		_, h := planning(t)
		head, tail := `{"file":"/a","files":{"/a":"`, `"}}`
		body := head + strings.Repeat("x", PlanLimit-len(head)-len(tail)+more) + tail
		if w := call(h, "POST", "/api/v1/plan", body); w.Code != want {
			t.Errorf("%d bytes: %d, want %d", len(body), w.Code, want)
		}
	}
}

func TestOnePlanAtATime(t *testing.T) {
	p, h := planning(t)
	p.began = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *httptest.ResponseRecorder)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, asRoot(httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/plan", nil)))
		done <- w
	}()
	<-p.began
	w := call(h, "POST", "/api/v1/plan", "")
	var said map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	cancel()
	if w := <-done; w.Code != http.StatusOK {
		t.Errorf("the first one: %d %s", w.Code, w.Body)
	}
}

// Clients that send a body slowly keep no plan from being made, and are cut off.
func TestSlowPlansHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := planning(t)
		l := sim.Pipe()
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.ServeHTTP(w, asRoot(req)) })}
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close(); _ = l.Close(); <-done })
		began := time.Now()
		var slow []net.Conn
		ask := func() net.Conn {
			c, err := l.DialContext(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			go func() {
				_, _ = io.WriteString(c, "POST /api/v1/plan HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
			}()
			return c
		}
		status := func(c net.Conn) int {
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			return answer.StatusCode
		}
		for range planBodies - 1 {
			slow = append(slow, ask())
		}
		synctest.Wait()
		if w := call(h, "POST", "/api/v1/plan", ""); w.Code != http.StatusOK {
			t.Errorf("beside %d bodies that do not come: %d %s", len(slow), w.Code, w.Body)
		}
		slow = append(slow, ask())
		synctest.Wait()
		if got := status(ask()); got != http.StatusServiceUnavailable {
			t.Errorf("one body too many: %d", got)
		}
		for _, c := range slow {
			if got := status(c); got != http.StatusRequestTimeout || time.Since(began) != planBodyTime {
				t.Errorf("a body that does not come: %d after %v", got, time.Since(began))
			}
		}
		if w := call(h, "POST", "/api/v1/plan", ""); w.Code != http.StatusOK {
			t.Errorf("afterwards: %d %s", w.Code, w.Body)
		}
	})
}
