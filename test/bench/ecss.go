package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

// pingEvery is the pause between an ECSS agent's pings, in both clients.
const pingEvery = 25 * time.Second

// ecssPlatform is a proxy with n operators.
func ecssPlatform(n int, l *sim.NetListener) http.Handler {
	proxy := ecss.New(ecss.Config{Agents: ecss.Agents(1001, n, password), Line: l})
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("GET /bench/first", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(seen{Violations: proxy.Ops().Violations()})
	})
	return mux
}

// ecssAgents is the part of a configuration about ECSS agents.
func ecssAgents(addr string, n, rate int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `platforms:
  hq:
    vendor: ecss
    url: wss://%s
    tls: {ca_file: ca.pem}
    sign_in: {rate: %d, concurrent: 32}
    lockout: {failures: 64}
groups:
  - name: bots
    platform: hq
    agents:
`, addr, rate)
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"40%d\", password: %s}\n", 1001+i, 1001+i, password)
	}
	return b.String()
}

// plainECSS is the loop that one writes in an afternoon on a websocket library:
// dial, log in, subscribe, read on, ping.
func plainECSS(dir, addr string, n int, span time.Duration) error {
	conf, err := trusting(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}
	return peers(n, span, func(ctx context.Context, i int, signedIn func(), pongs *atomic.Int64) error {
		c, err := operator(ctx, client, addr, 1001+i)
		signedIn()
		if err != nil {
			return err
		}
		return stay(ctx, c, pongs)
	})
}

// operator logs one in and subscribes to its calls.
func operator(ctx context.Context, client *http.Client, addr string, login int) (*websocket.Conn, error) {
	c, _, err := websocket.Dial(ctx, "wss://"+addr+"/", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		return nil, err
	}
	for id, request := range []any{
		map[string]any{"action": "login", "payload": map[string]string{"login": fmt.Sprint(login), "password": password,
			"number": fmt.Sprintf("40%d", login), "profile": "default", "role": "operator"}},
		map[string]any{"action": "call/subscribe", "payload": map[string][]string{"operatorIds": {fmt.Sprint(login)}}},
	} {
		request.(map[string]any)["requestId"] = id + 1
		text, _ := json.Marshal(request)
		if err := c.Write(ctx, websocket.MessageText, text); err != nil {
			return nil, err
		}
		if err := granted(ctx, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func granted(ctx context.Context, c *websocket.Conn) error {
	_, text, err := c.Read(ctx)
	if err != nil {
		return err
	}
	var answer struct{ Status int }
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("status %d", answer.Status)
	}
	return nil
}

// stay reads on one goroutine and pings on another, which is how this library
// is used.
func stay(ctx context.Context, c *websocket.Conn, pongs *atomic.Int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				cancel()
				return
			}
		}
	}()
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := c.Ping(ctx); err != nil {
				return err
			}
			pongs.Add(1)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
