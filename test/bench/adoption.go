package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// pollers remembers when each agent's last poll arrived.
type pollers struct {
	next http.Handler

	mu   sync.Mutex
	last map[string]time.Time
}

func watchPolls(next http.Handler) *pollers {
	return &pollers{next: next, last: map[string]time.Time{}}
}

// ServeHTTP implements http.Handler.
func (p *pollers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if login, isPoll := strings.CutPrefix(r.URL.Path, "/agentgateway/resource/agentevent/"); isPoll {
		p.mu.Lock()
		p.last[login] = time.Now()
		p.mu.Unlock()
	}
	p.next.ServeHTTP(w, r)
}

// since answers how many agents have polled since an instant, and when the
// last of them did for the first time is for the caller to find by asking.
func (p *pollers) since(w http.ResponseWriter, r *http.Request) {
	at, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("at"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, last := range p.last {
		if last.After(at) {
			n++
		}
	}
	_, _ = fmt.Fprintln(w, n)
}

// adoption kills a service with n live sessions and times how long the next
// one takes until all of them have polled. The platform counts the log-ins.
func adoption(n int) error {
	dir, err := os.MkdirTemp("", "agentkeeper-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := child("server", dir, "", n)
	if err != nil {
		return err
	}
	defer server.end()
	address, err := server.line()
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	first, err := child("keeper", dir, address, n)
	if err != nil {
		return err
	}
	if _, err := first.line(); err != nil { // all are online
		return fmt.Errorf("service: %w", err)
	}
	_ = first.cmd.Process.Kill()
	_ = first.cmd.Wait()
	a, err := askServer(address, dir)
	if err != nil {
		return err
	}
	before, began := a.signIns(), time.Now()
	second, err := child("keeper", dir, address, n)
	if err != nil {
		return err
	}
	defer second.end()
	if err := until(func() bool { return a.polled(began) == n }); err != nil {
		return fmt.Errorf("%w: %d of %d have polled", err, a.polled(began), n)
	}
	took := time.Since(began)
	fmt.Printf("\nadoption of %d sessions after kill -9, from the start of the next process\n  first polls of all within %.1f s, %d log-ins\n",
		n, took.Seconds(), a.signIns()-before)
	return nil
}

// asker asks the simulator what it saw.
type asker struct {
	client http.Client
	base   string
}

func askServer(address, dir string) (*asker, error) {
	conf, err := trusting(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	return &asker{http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: conf}}, "https://" + address}, nil
}

func (a *asker) get(path string) []byte {
	res, err := a.client.Get(a.base + path)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return text
}

func (a *asker) polled(since time.Time) (n int) {
	_, _ = fmt.Sscan(string(a.get("/bench/polled?at="+since.UTC().Format(time.RFC3339Nano))), &n)
	return n
}

func (a *asker) signIns() int {
	var s seen
	_ = json.Unmarshal(a.get("/bench/first"), &s)
	return s.SignIns
}
