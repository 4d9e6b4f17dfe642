package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/test/sim"
)

const testSecret = "hunter2-signs-everything"

// post is one request that a receiver got.
type post struct {
	at     time.Time
	path   string
	header http.Header
	body   string
	id     string
	agent  string
	n      int // the number of the event among its agent's
	status int
}

// receiver is what hooks post to. answer decides; it may wait.
type receiver struct {
	mu     sync.Mutex
	posts  []post
	answer func(p post, w http.ResponseWriter)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var c struct {
		ID     string
		Source string
		Data   struct{ N int }
	}
	_ = json.Unmarshal(body, &c)
	p := post{at: time.Now(), path: req.URL.String(), header: req.Header, body: string(body), id: c.ID, agent: c.Source[strings.LastIndex(c.Source, "/")+1:], n: c.Data.N}
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(p, rec)
	}
	p.status = rec.status
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts = append(r.posts, p)
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *receiver) set(answer func(p post, w http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// got returns the posts that were answered with one of the statuses, all
// without any.
func (r *receiver) got(statuses ...int) (list []post) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.posts {
		if len(statuses) == 0 || slices.Contains(statuses, p.status) {
			list = append(list, p)
		}
	}
	return list
}

func always(status int, header ...string) func(post, http.ResponseWriter) {
	return func(_ post, w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// counter counts deliveries.
type counter struct {
	mu   sync.Mutex
	n    map[string]int
	took []time.Duration
}

func (c *counter) EventsDelivered(sink string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[sink] += n
}

func (c *counter) EventDelivery(_ string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = append(c.took, took)
}

// logs collects what is logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rig is a store, a receiver, and hooks between them, in a bubble.
type rig struct {
	*receiver
	t      *testing.T
	store  *storetest.Memory
	line   *sim.PipeListener
	hooks  *Hooks
	counts *counter
	logs   *logs
	next   map[string]int
	closed bool
}

func inBubble(t *testing.T, fn func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{
			receiver: &receiver{}, t: t, store: storetest.NewMemory(), line: sim.Pipe(), counts: &counter{n: map[string]int{}},
			logs: &logs{}, next: map[string]int{},
		}
		server := &http.Server{Handler: r.receiver}
		served := make(chan struct{})
		go func() { defer close(served); _ = server.Serve(r.line) }()
		r.open()
		fn(r)
		r.close()
		_ = server.Close()
		<-served
	})
}

// open starts hooks as a process does.
func (r *rig) open(hooks ...config.Webhook) {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h, err := Open(r.t.Context(), Options{Store: r.store, Counter: r.counts, Log: log, Version: "1", Dial: r.line.DialContext, Seed: 7})
	if err != nil {
		r.t.Fatal(err)
	}
	r.hooks, r.closed = h, false
	if len(hooks) > 0 {
		r.apply(hooks...)
	}
}

func (r *rig) close() {
	if !r.closed {
		r.hooks.Close()
		r.closed = true
	}
}

// crash ends the hooks without a chance to store anything, and opens the store
// as the next process finds it.
func (r *rig) crash() {
	r.store = r.store.Restart() // what the old process still writes is fenced off
	r.hooks.cancel()            // nothing is caught up with
	r.close()
}

func (r *rig) apply(hooks ...config.Webhook) {
	r.hooks.Apply(&config.Config{Webhooks: hooks, Events: config.Events{MaxAge: 24 * time.Hour}})
}

func hookTo(name string) config.Webhook {
	return config.Webhook{
		Name: name, URL: session.NewSecret("http://crm.example/" + name), Shown: "http://crm.example/" + name,
		Source: config.Source{Inline: session.NewSecret(testSecret)}, Secret: session.NewSecret(testSecret),
		Timeout: 10 * time.Second, Concurrent: 4,
	}
}

// publish adds n events of each agent, in turn.
func (r *rig) publish(n int, agents ...string) {
	r.t.Helper()
	for range n {
		var list []store.Message
		for _, a := range agents {
			list = append(list, r.event(a, "huawei.A"))
		}
		r.add(list...)
	}
}

func (r *rig) add(list ...store.Message) {
	r.t.Helper()
	if err := r.store.Publish(context.WithoutCancel(r.t.Context()), list); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) event(agent, typ string) store.Message {
	r.next[agent]++
	n := r.next[agent]
	id := session.ID{Platform: "hq", Login: agent}
	data := fmt.Sprintf(`{"specversion":"1.0","id":"%s/%d","source":"/platforms/hq/agents/%s","type":%q,"recordedtime":%q,"sequence":%d,"data":{"n":%d}}`,
		id, n, agent, typ, time.Now().UTC().Format(time.RFC3339Nano), n, n)
	return store.Message{ID: id, Type: typ, MsgID: fmt.Sprintf("%s/%d", id, n), Data: []byte(data)}
}

// settle waits until nothing moves without time passing, and then for d.
func (r *rig) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) status(name string) Status {
	r.t.Helper()
	for _, s := range r.hooks.Status(r.t.Context()) {
		if s.Name == name {
			return s
		}
	}
	r.t.Fatalf("no status of %s", name)
	return Status{}
}

// inOrder wants every event of each agent, first seen in its order, and
// returns how many were repeated.
func (r *rig) inOrder(posts []post) (repeats int) {
	r.t.Helper()
	last := map[string]int{}
	for _, p := range posts {
		switch {
		case p.n <= last[p.agent]:
			repeats++
		case p.n != last[p.agent]+1:
			r.t.Errorf("agent %s: event %d follows %d", p.agent, p.n, last[p.agent])
			last[p.agent] = p.n
		default:
			last[p.agent] = p.n
		}
	}
	for agent, n := range r.next {
		if last[agent] != n {
			r.t.Errorf("agent %s: the last event is %d, want %d", agent, last[agent], n)
		}
	}
	return repeats
}
