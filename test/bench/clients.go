package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"agentkeeper/daemon"
	"agentkeeper/session"
)

// service runs the whole service in this process, as `agentkeeper run` does.
func service(dir, agentsPart string, n int, span time.Duration) error {
	before, began := rss(), time.Now()
	d, stop, err := startService(dir, agentsPart)
	if err != nil {
		return err
	}
	if err := until(func() bool { return online(d) == n }); err != nil {
		return err
	}
	took := time.Since(began)
	f := settle(n, before, span, func() int { return int(polls(d)) })
	f.Online = took
	return finish(f, stop)
}

// keeper runs the service until its input closes, and says when all are online.
func keeper(dir, agentsPart string, n int) error {
	d, stop, err := startService(dir, agentsPart)
	if err != nil {
		return err
	}
	if err := until(func() bool { return online(d) == n }); err != nil {
		return err
	}
	fmt.Println("online")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return stop()
}

// startService opens and runs a service; stop hands over and waits for its end.
func startService(dir, agentsPart string) (*daemon.Daemon, func() error, error) {
	path := filepath.Join(dir, "agentkeeper.yaml")
	head := fmt.Sprintf("listen: 127.0.0.1:0\ncontrol: %s/control.sock\nstore: {dir: %s/store}\nallow_inline_secrets: true\n", dir, dir)
	if err := os.WriteFile(path, []byte(head+agentsPart), 0o600); err != nil {
		return nil, nil, err
	}
	d, err := daemon.Open(context.Background(), daemon.Options{ConfigPath: path, Version: "bench", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	end, done := make(chan daemon.End, 1), make(chan error, 1)
	go func() {
		_, err := d.Run(context.Background(), end)
		done <- err
	}()
	return d, func() error { end <- daemon.HandOver; return <-done }, nil
}

func online(d *daemon.Daemon) (n int) {
	for _, a := range d.Fleet().Agents() {
		if a.View.State == session.Online {
			n++
		}
	}
	return n
}

// polls reads the service's own counter.
func polls(d *daemon.Daemon) float64 {
	res, err := http.Get("http://" + d.Addr() + "/metrics")
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	for line := range strings.Lines(string(text)) {
		var v float64
		if n, _ := fmt.Sscanf(line, `agentkeeper_contacts_total{platform="hq",result="ok"} %g`, &v); n == 1 {
			return v
		}
	}
	return 0
}

// huaweiAgents is the part of a configuration about Huawei agents.
func huaweiAgents(addr string, n, rate int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `platforms:
  hq:
    vendor: huawei
    url: https://%s
    tls: {ca_file: ca.pem}
    sign_in: {rate: %d, concurrent: 32}
    lockout: {failures: 64}
    options: {reset_skills: none}
groups:
  - name: bots
    platform: hq
    agents:
`, addr, rate)
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 100001+i, password)
	}
	return b.String()
}

// plain is the loop that one writes in an afternoon: sign in, poll, pause.
func plain(dir, addr string, n int, span time.Duration) error {
	conf, err := trusting(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 25 * time.Second, Transport: &http.Transport{
		TLSClientConfig: conf, MaxIdleConns: n, MaxIdleConnsPerHost: n, MaxConnsPerHost: n, IdleConnTimeout: 2 * time.Minute,
	}}
	defer client.CloseIdleConnections()
	return peers(n, span, func(ctx context.Context, i int, signedIn func(), polls *atomic.Int64) error {
		p := poller{client: client, base: "https://" + addr + "/agentgateway/resource", login: 1001 + i, phone: 100001 + i}
		err := p.signIn(ctx)
		signedIn()
		for err == nil {
			err = p.poll(ctx, polls)
		}
		return err
	})
}

// peers runs n plain loops, at most 32 of them signing in at once, and measures
// them.
func peers(n int, span time.Duration, live func(ctx context.Context, i int, signedIn func(), count *atomic.Int64) error) error {
	before, began := rss(), time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	var count atomic.Int64
	var running sync.WaitGroup
	gate := make(chan struct{}, 32)
	for i := range n {
		gate <- struct{}{}
		running.Go(func() {
			if err := live(ctx, i, func() { <-gate }, &count); ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "plain loop:", err)
			}
		})
	}
	took := time.Since(began)
	f := settle(n, before, span, func() int { return int(count.Load()) })
	f.Online = took
	return finish(f, func() error { cancel(); running.Wait(); return nil })
}

type poller struct {
	client       *http.Client
	base         string
	login, phone int
	guid         string
}

func (p *poller) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if p.guid != "" {
		req.Header.Set("Guid", p.guid)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if guid := res.Header.Get("Set-GUID"); guid != "" {
		p.guid = strings.TrimPrefix(guid, "JSESSIONID=")
	}
	return io.ReadAll(res.Body)
}

func (p *poller) signIn(ctx context.Context) error {
	body, _ := json.Marshal(map[string]any{"password": password, "phonenum": fmt.Sprint(p.phone), "agenttype": 4, "status": 4})
	_, err := p.do(ctx, http.MethodPut, fmt.Sprintf("/onlineagent/%d", p.login), body)
	return err
}

func (p *poller) poll(ctx context.Context, polls *atomic.Int64) error {
	text, err := p.do(ctx, http.MethodGet, fmt.Sprintf("/agentevent/%d", p.login), nil)
	if err != nil {
		return err
	}
	var answer struct {
		RetCode string          `json:"retcode"`
		Event   json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.RetCode != "0" {
		return errors.New("retcode " + answer.RetCode)
	}
	polls.Add(1)
	if answer.Event == nil {
		time.Sleep(200 * time.Millisecond)
	}
	return nil
}

// settle lets every agent poll in peace for a cycle, then measures.
func settle(n int, before int64, span time.Duration, polls func() int) figures {
	time.Sleep(15 * time.Second)
	cpu, count := cpuTime(), polls()
	time.Sleep(span)
	cpu, count = cpuTime()-cpu, polls()-count
	f := figures{Agents: n, RSS: float64(rss()-before) / 1024 / float64(n), Polls: count}
	f.CPU = cpu.Seconds() * 1e3 / max(float64(count)/1e3, 1e-9)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.Heap = float64(m.HeapAlloc) / 1024 / float64(n)
	return f
}

// finish prints the figures, waits for the end of the input and cleans up.
func finish(f figures, stop func() error) error {
	if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return stop()
}

func until(done func() bool) error {
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	return errors.New("not all agents came online within 5 minutes")
}

// rss returns the resident set in bytes.
func rss() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, resident int64
	_, _ = fmt.Sscan(string(text), &size, &resident)
	return resident * int64(os.Getpagesize())
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
