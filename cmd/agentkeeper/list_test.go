package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/view"
)

// tabulate writes the table of a fleet that fits into one page.
func tabulate(t *testing.T, to io.Writer, on terminal, agents []view.Agent, now time.Time) {
	t.Helper()
	x := &table{grid: newGrid(columns, now, on.width > 0), only: agents}
	x.add(agents)
	x.fit(on)
	if err := x.write(t.Context(), on, to); err != nil {
		t.Fatal(err)
	}
}

// A fleet of several pages is shown as one of a single page would be, and none of
// the requests asks for all of it.
func TestRoll(t *testing.T) {
	agents := make([]view.Agent, 2*listPage+500)
	for i := range agents {
		agents[i] = view.Agent{Identity: view.Identity{ID: fmt.Sprintf("hq/%d", i)}, Condition: view.Condition{State: "online", Wish: "online"}}
	}
	agents[2345].Reason, agents[2345].Label = "outage", "the widest of them all"
	asked := 0
	socket := serveAgents(t, func(q url.Values) (int, string) {
		asked++
		limit, err := strconv.Atoi(q.Get("limit"))
		if err != nil || q.Get("group") != "bots" {
			return http.StatusBadRequest, `{"error":"no such page"}`
		}
		from, next := 0, ""
		if after := q.Get("after"); after != "" {
			from = 1 + slices.IndexFunc(agents, func(a view.Agent) bool { return a.ID == after })
		}
		page := agents[from:min(from+limit, len(agents))]
		if from+limit < len(agents) {
			next = page[len(page)-1].ID
		}
		text, _ := json.Marshal(map[string]any{"agents": page, "next": next})
		return http.StatusOK, string(text)
	})
	r := agentList{newClient(socket, time.Minute), url.Values{"group": {"bots"}}}
	var got struct{ Agents []view.Agent }
	var out bytes.Buffer
	if err := r.json(t.Context(), &out, func() error { return errors.New("there are agents") }); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Agents) != len(agents) || got.Agents[2345].Label == "" || asked != 3 {
		t.Errorf("%d agents after %d requests, %v", len(got.Agents), asked, err)
	}
	x, err := newTable(t.Context(), r, terminal{})
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := x.write(t.Context(), terminal{}, &out); err != nil {
		t.Fatal(err)
	}
	var whole strings.Builder
	y := &table{grid: newGrid(columns, x.grid.now, false), only: agents}
	y.add(agents)
	y.fit(terminal{})
	if err := y.write(t.Context(), terminal{}, &whole); err != nil {
		t.Fatal(err)
	}
	if out.String() != whole.String() || asked != 9 || !strings.HasSuffix(whole.String(), "2500 agents: 2500 online (outage 1); all as wished\n") {
		t.Errorf("%d requests; %d bytes, as one page %d: …%s", asked, out.Len(), whole.Len(), out.String()[max(0, out.Len()-200):])
	}
}

// serveAgents answers for the list of agents on a control socket.
func serveAgents(t *testing.T, answer func(q url.Values) (int, string)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		status, text := answer(req.URL.Query())
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return socket
}
