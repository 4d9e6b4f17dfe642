package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// platform takes a poll only with the newest Guid, gives a new one with each third
// answer, and sends answers in two pieces.
type platform struct {
	mu    sync.Mutex
	guids map[string]string
	polls int
	wrong int
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	login := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	p.mu.Lock()
	body := `{"event":null,"message":"","retcode":"0"}`
	if r.Method == http.MethodPut {
		p.guids[login] = "first"
		w.Header().Set("Set-GUID", "JSESSIONID=first")
	} else {
		p.polls++
		if r.Header.Get("Guid") != p.guids[login] {
			p.wrong++
		}
		if p.polls%3 == 0 {
			p.guids[login] = fmt.Sprint("guid", p.polls)
			w.Header().Set("Set-GUID", "JSESSIONID="+p.guids[login])
		}
		if p.polls%5 == 0 {
			body = strings.Replace(body, "null", `{"eventType":1}`, 1)
		}
	}
	p.mu.Unlock()
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	fmt.Fprint(w, body[:10])
	_ = http.NewResponseController(w).Flush()
	time.Sleep(time.Millisecond) // so that the pieces are two records
	fmt.Fprint(w, body[10:])
}

// serving serves h on TLS and returns what a loop of five agents is told.
func serving(t *testing.T, h http.Handler) options {
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return options{Address: server.Listener.Addr().String(), CAFile: ca, Agents: 5, Concurrent: 2,
		Pause: 2 * time.Millisecond, Timeout: 2 * time.Minute, Ping: 5 * time.Millisecond}
}

// runs begins a loop and waits until it has gone many rounds.
func runs(t *testing.T, begin start, o options) *tally {
	var tl tally
	if err := begin(o, &tl); err != nil {
		t.Fatal(err)
	}
	const rounds = 60
	for end := time.Now().Add(2 * time.Minute); tl.rounds.Load() < rounds && tl.failed.Load() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d rounds within 2 minutes", tl.rounds.Load(), rounds)
		}
	}
	if r := tl.report(); r.Failed > 0 {
		t.Fatalf("%d loops ended: %s", r.Failed, r.Error)
	}
	return &tl
}

func TestPollsFollowTheGuid(t *testing.T) {
	for _, name := range []string{"net-http", "fasthttp", "goroutine", "epoll"} {
		t.Run(name, func(t *testing.T) {
			p := &platform{guids: map[string]string{}}
			tl := runs(t, peers[name], serving(t, p))
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.wrong > 0 {
				t.Errorf("%d of %d polls with another Guid than the newest", p.wrong, p.polls)
			}
			if tl.events.Load() == 0 {
				t.Error("no event was seen")
			}
		})
	}
}

func TestPingsAreCounted(t *testing.T) {
	for _, name := range []string{"ws-coder", "ws-goroutine"} {
		t.Run(name, func(t *testing.T) {
			runs(t, peers[name], serving(t, http.HandlerFunc(greet)))
		})
	}
}

// greet grants whatever it is asked for, until the client goes.
func greet(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = c.CloseNow() }()
	for {
		if _, _, err := c.Read(r.Context()); err != nil {
			return
		}
		if err := c.Write(r.Context(), websocket.MessageText, []byte(`{"status":200}`)); err != nil {
			return
		}
	}
}

func TestARefusedSignInIsTold(t *testing.T) {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"retcode":"100-001"}`)
	})
	for _, name := range []string{"net-http", "fasthttp", "goroutine", "epoll"} {
		if err := peers[name](serving(t, refuse), &tally{}); err == nil || !strings.Contains(err.Error(), "no Guid") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
