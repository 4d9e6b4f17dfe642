package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
)

const password = "bench"

// serve is the simulator's process: it prints its address and runs until its
// input closes.
func (s *settings) serve(platform func(s *settings, l *sim.NetListener) http.Handler) error {
	ca, err := sim.NewCA()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Child.Dir, "ca.pem"), ca.PEM(), 0o600); err != nil {
		return err
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		return err
	}
	conf.NextProtos, conf.MinVersion = []string{"http/1.1"}, tls.VersionTLS13
	l, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	server := sim.Serve(l, platform(s, l), conf)
	fmt.Println("ready", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
}

// seen is what a simulator tells of what it saw.
type seen struct {
	First      []time.Duration `json:"first"` // from a sign-in's answer to the first poll; of Huawei alone
	SignIns    int             `json:"sign_ins"`
	SignOuts   int             `json:"sign_outs"`
	Violations []string        `json:"violations"`
}

// gateway is a CC-Gateway with the agents. Polls without event say so, as
// "event":null.
func gateway(s *settings, l *sim.NetListener) http.Handler {
	g := huawei.New(huawei.Config{
		Agents: huawei.Range(1001, s.Agents, password, 100001), Line: l,
		Switches: huawei.Switches{Hold: sim.Duration(s.Hold), GuidInterval: sim.Duration(s.Guid), Types: huawei.Types{EventNull: true}},
	})
	polls := &pollers{next: g, last: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.Handle("/", polls)
	mux.HandleFunc("GET /bench/polled", polls.since)
	mux.HandleFunc("GET /bench/rounds", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, polls.answered.Load()) })
	mux.HandleFunc("GET /bench/seen", func(w http.ResponseWriter, _ *http.Request) {
		total := g.Ops.Total()
		_ = json.NewEncoder(w).Encode(seen{g.FirstPolls(), total.SignIns, total.SignOuts, g.Ops.Violations()})
	})
	return mux
}

// ecssPlatform is a proxy with the operators. Its rounds are pings.
func ecssPlatform(s *settings, l *sim.NetListener) http.Handler {
	proxy := ecss.New(ecss.Config{Agents: ecss.Agents(1001, s.Agents, password), Line: l})
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("GET /bench/rounds", func(w http.ResponseWriter, _ *http.Request) {
		pings := 0
		for _, a := range proxy.State() {
			pings += a.Record.Pings
		}
		_, _ = fmt.Fprintln(w, pings)
	})
	mux.HandleFunc("GET /bench/seen", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(seen{Violations: proxy.Ops().Violations()})
	})
	return mux
}

// pollers counts polls, and remembers when each agent's last one arrived.
type pollers struct {
	next     http.Handler
	answered atomic.Int64

	mu   sync.Mutex
	last map[string]time.Time
}

// ServeHTTP implements http.Handler.
func (p *pollers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	login, isPoll := strings.CutPrefix(r.URL.Path, pollPrefix)
	if !isPoll {
		p.next.ServeHTTP(w, r)
		return
	}
	p.mu.Lock()
	p.last[login] = time.Now()
	p.mu.Unlock()
	p.next.ServeHTTP(w, r)
	p.answered.Add(1)
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

// simulator is a simulator's process, seen from the benchmark.
type simulator struct {
	*process

	address, dir string
	client       http.Client
}

// simulate starts one in a directory of its own, which has its ca.pem.
func (s *settings) simulate(role string, n int) (*simulator, error) {
	dir, err := os.MkdirTemp("", "agentkeeper-bench-")
	if err != nil {
		return nil, err
	}
	m := &simulator{dir: dir}
	if m.process, err = s.self(role, dir, "", n); err == nil {
		m.address, err = m.expect("ready")
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	conf, err := trusting(filepath.Join(dir, "ca.pem"))
	if err != nil {
		m.end()
		return nil, err
	}
	m.client = http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: conf}}
	return m, nil
}

func (m *simulator) end() {
	m.process.end()
	_ = os.RemoveAll(m.dir)
}

func trusting(caFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + caFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}

func (m *simulator) get(path string) ([]byte, error) {
	res, err := m.client.Get("https://" + m.address + path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the simulator: %s: %s: %s", path, res.Status, text)
	}
	return text, err
}

func (m *simulator) number(path string) (n int, err error) {
	text, err := m.get(path)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(string(text), &n)
	return n, err
}

// rounds are the polls that were answered so far, or the pings.
func (m *simulator) rounds() (int, error) { return m.number("/bench/rounds") }

// polled counts the agents that have polled since an instant.
func (m *simulator) polled(since time.Time) (int, error) {
	return m.number("/bench/polled?at=" + url.QueryEscape(since.UTC().Format(time.RFC3339Nano)))
}

// awaitPolls waits until n agents have polled since an instant.
func (m *simulator) awaitPolls(since time.Time, n int) error {
	return until(fmt.Sprintf("a poll of each of %d agents", n), func() (bool, error) {
		polled, err := m.polled(since)
		return polled == n, err
	})
}

// look reads what the simulator saw. A violation is an error.
func (m *simulator) look() (s seen, err error) {
	text, err := m.get("/bench/seen")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, err
	}
	if len(s.Violations) > 0 {
		return s, fmt.Errorf("the platform saw %d violations, the first: %s", len(s.Violations), s.Violations[0])
	}
	slices.Sort(s.First)
	return s, nil
}
