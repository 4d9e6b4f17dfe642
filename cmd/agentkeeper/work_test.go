package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/view"
)

// working is an agent that is online with this working state.
func working(id, wish, state, held string, since time.Time) view.Agent {
	at := view.Instant(since)
	return view.Agent{Identity: view.Identity{ID: id, Platform: "hq", Login: strings.TrimPrefix(id, "hq/")}, Condition: view.Condition{Wish: "online", State: "online"},
		Work: &view.Work{Wish: wish, State: state, HeldBack: held, Since: &at}}
}

// The table and the sum tell who gets calls; without anything to tell there is no
// column.
func TestWorkColumn(t *testing.T) {
	now := time.Now()
	soon := view.Instant(now.Add(4 * time.Second))
	busy := working("hq/1", "ready", "busy", "", now)
	busy.Work.Code, busy.Work.NextAttempt = "2", &soon
	agents := []view.Agent{busy, working("hq/2", "ready", "busy", "limit", now), working("hq/3", "as_is", "talking", "", now), working("hq/4", "as_is", "unknown", "", now),
		{Identity: view.Identity{ID: "hq/5"}, Condition: view.Condition{Wish: "online", State: "online"}}}
	var b strings.Builder
	tabulate(t, &b, terminal{}, agents, now)
	lines := strings.Split(b.String(), "\n")
	for i, want := range []string{"WORK", "busy (2)", "busy, held: limit", "talking", "unknown", " -  "} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d lacks %q: %s", i, want, lines[i])
		}
	}
	if !strings.Contains(lines[1], "in 4s") || !strings.HasSuffix(b.String(), "; all as wished; able to work 1 of 3\n") {
		t.Error(b.String())
	}
	b.Reset()
	tabulate(t, &b, terminal{}, agents[3:], now)
	if strings.Contains(b.String(), "WORK") || strings.Contains(b.String(), "able") {
		t.Errorf("nothing to tell:\n%s", b.String())
	}
}

// The check warns of agents that are wished ready and get no calls, where it is asked
// to, and not before a restore had its time.
func TestCheckReady(t *testing.T) {
	now := time.Now()
	long := now.Add(-2 * shortlyNotReady)
	for _, tt := range []struct {
		agent view.Agent
		ready bool
		want  string
	}{
		{working("hq/1", "ready", "busy", "limit", now), false, "OK - 1 of 1 agents online | online=1 wished=1 parked=0 quarantined=0 waiting=0 unmet=0 problems=0\n"},
		{working("hq/1", "ready", "busy", "limit", now), true, "WARNING - 1 of 1 agents online, no calls: hq/1 | online=1 wished=1 parked=0 quarantined=0 waiting=0 unmet=0 problems=0 able=0 not_ready=1 no_calls=1\n"},
		{working("hq/1", "ready", "busy", "", long), true, "WARNING - 1 of 1 agents online, no calls: hq/1 | "},
		{working("hq/1", "ready", "busy", "", now), true, "OK - 1 of 1 agents online | "},
		{working("hq/1", "as_is", "busy", "", long), true, "OK - 1 of 1 agents online | "},
		{working("hq/1", "ready", "talking", "in_call", long), true, "OK - 1 of 1 agents online | "},
	} {
		found := tally{ready: tt.ready, now: now}
		found.add([]view.Agent{tt.agent})
		var out strings.Builder
		err := check(&out, api.Service{}, found)
		if !strings.HasPrefix(out.String(), tt.want) || (err == nil) != strings.HasPrefix(tt.want, "OK") {
			t.Errorf("%+v: %q, %v; want %q", tt.agent.Work, out.String(), err, tt.want)
		}
	}
}

// serveWork answers on a control socket as a service with one agent does; it returns
// the socket, and what it was sent.
func serveWork(t *testing.T) (socket string, sent *[]string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	sent = new([]string)
	agent := working("hq/1", "ready", "busy", "", time.Now())
	agent.Work.Code = "2"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/agents", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"agents": []view.Agent{agent}})
	})
	mux.HandleFunc("POST /api/v1/agents/hq/1/work", func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		*sent = append(*sent, string(body))
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(agent)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		_ = server.Serve(l)
		close(done)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return socket, sent
}

// The command sends what was said, or says what is wrong with it and sends nothing.
func TestWorkCommand(t *testing.T) {
	socket, sent := serveWork(t)
	for _, tt := range []struct {
		args []string
		code int
		sent string
	}{
		{[]string{"ready", "hq/1", "--reason", "back"}, 0, `{"reason":"back","wish":"ready"}`},
		{[]string{"busy", "hq/1", "--reason", "reload", "--code", "210", "--for", "10m"}, 0, `{"reason":"reload","for":"10m0s","wish":"busy","code":"210"}`},
		{[]string{"as-is", "--all", "--reason", "x"}, 0, `{"reason":"x","wish":"as-is"}`},
		{[]string{"configured", "--platform", "hq", "--reason", "x"}, 0, `{"reason":"x","wish":"configured"}`},
		{[]string{"ready", "hq/1", "--reason", " "}, exitUsage, ""},
		{[]string{"ready", "hq/1", "--reason", "x", "--code", "210"}, exitUsage, ""},
		{[]string{"configured", "hq/1", "--reason", "x", "--for", "1h"}, exitUsage, ""},
		{[]string{"rest", "hq/1", "--reason", "x", "--for=-1h"}, exitUsage, ""},
		{[]string{"ready", "--reason", "x"}, exitUsage, ""},
		{[]string{"ready", "hq/2", "--reason", "x"}, exitFailed, ""},
	} {
		*sent = nil
		c, err := parsed(t, append([]string{"work", "--control", socket}, tt.args...)...)
		if err == nil {
			err = c.Work.Run()
		}
		code := 0
		var own *exit
		switch {
		case errors.As(err, &own):
			code = own.code
		case err != nil:
			code = exitFailed
		}
		if code != tt.code || !slices.Equal(*sent, slices.DeleteFunc([]string{tt.sent}, func(s string) bool { return s == "" })) {
			t.Errorf("%q: exit code %d (%v), sent %q; want %d, %q", tt.args, code, err, *sent, tt.code, tt.sent)
		}
	}
	if _, err := parsed(t, "work", "asleep", "hq/1", "--reason", "x"); err == nil {
		t.Error("an unknown wish is taken")
	}
}
