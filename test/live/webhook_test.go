package live

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const signingKey = "0123456789abcdef-signs"

// receiver takes what webhooks post, at one address that outlives its server.
type receiver struct {
	t       *testing.T
	address string
	key     string

	mu     sync.Mutex
	server *http.Server
	answer func(hook string) int // the status; nil: 200
	taken  map[string][]delivery // by the hook's path, what was answered with 2xx
	tried  map[string]int        // posts, by path
	forged []string              // requests whose signatures are wrong
}

// delivery is one event that a receiver took.
type delivery struct {
	cloudEvent
	N    int
	WhID string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, address: freeAddress(t), key: signingKey, taken: map[string][]delivery{}, tried: map[string]int{}}
	r.up()
	t.Cleanup(r.down)
	return r
}

func (r *receiver) up() {
	r.t.Helper()
	var l net.Listener
	within(r.t, patience, "the receiver's address", func() (err error) { l, err = net.Listen("tcp", r.address); return err })
	server := &http.Server{Handler: r}
	r.mu.Lock()
	r.server = server
	r.mu.Unlock()
	go func() { _ = server.Serve(l) }() // ended by down
}

func (r *receiver) down() {
	r.mu.Lock()
	server := r.server
	r.mu.Unlock()
	_ = server.Close()
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	arrived := time.Now() // the answer may take as long as a test wants
	r.mu.Lock()
	answer := r.answer
	r.tried[req.URL.Path]++
	r.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(req.URL.Path)
	}
	r.note(req, body, arrived, status)
	w.WriteHeader(status)
}

func (r *receiver) note(req *http.Request, body []byte, arrived time.Time, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why := r.wrong(req, body, arrived); why != "" {
		r.forged = append(r.forged, why)
	}
	if status != http.StatusOK {
		return
	}
	d := delivery{WhID: req.Header.Get("webhook-id")}
	var data struct {
		Content struct{ N int }
	}
	_ = json.Unmarshal(body, &d.cloudEvent)
	_ = json.Unmarshal(d.Data, &data)
	d.N = data.Content.N
	r.taken[req.URL.Path] = append(r.taken[req.URL.Path], d)
}

// wrong says what is wrong with a request's form and signatures.
func (r *receiver) wrong(req *http.Request, body []byte, arrived time.Time) string {
	id, stamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, []byte(r.key))
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	hub := hmac.New(sha256.New, []byte(r.key))
	_, _ = hub.Write(body)
	seconds, _ := strconv.ParseInt(stamp, 10, 64)
	switch {
	case req.Header.Get("webhook-signature") != want:
		return "webhook-signature of " + id
	case req.Header.Get("X-Hub-Signature-256") != fmt.Sprintf("sha256=%x", hub.Sum(nil)):
		return "X-Hub-Signature-256 of " + id
	case arrived.Sub(time.Unix(seconds, 0)).Abs() > time.Minute:
		return "webhook-timestamp of " + id + ": " + stamp
	case req.Header.Get("Content-Type") != "application/cloudevents+json":
		return "Content-Type of " + id
	}
	return ""
}

func (r *receiver) says(answer func(hook string) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) got(hook string) []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken[hook])
}

func (r *receiver) tries(hook string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried[hook]
}

// genuine fails the test for every request whose signatures are wrong.
func (r *receiver) genuine() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.forged) > 0 {
		r.t.Errorf("%d requests are not signed as they should be, the first: %s", len(r.forged), r.forged[0])
	}
}

// complete returns nil once a hook has got events 0 to n-1 of each login.
func (r *receiver) complete(hook string, names []string, n int) error {
	seen := map[string]int{}
	for _, d := range r.got(hook) {
		seen[d.ID]++
	}
	if len(seen) < n*len(names) {
		return fmt.Errorf("%d different events, want %d", len(seen), n*len(names))
	}
	return nil
}

// inOrder wants every agent's events, each first seen behind its predecessor,
// repeats told by their id, and returns the number of repeats.
func (r *receiver) inOrder(hook string, names []string, n int) (repeats int) {
	r.t.Helper()
	next, number := map[string]int{}, map[string]int{}
	for _, d := range r.got(hook) {
		if d.WhID != d.ID {
			r.t.Errorf("webhook-id %q of event %q", d.WhID, d.ID)
		}
		if before, known := number[d.ID]; known {
			if before != d.N {
				r.t.Errorf("id %s is of events %d and %d", d.ID, before, d.N)
			}
			repeats++
			continue
		}
		number[d.ID] = d.N
		if d.N != next[d.Source] {
			r.t.Errorf("%s: event %d where %d belongs", d.Source, d.N, next[d.Source])
		}
		next[d.Source] = d.N + 1
	}
	for _, login := range names {
		if got := next["/platforms/hq/agents/"+login]; got != n {
			r.t.Errorf("agent %s: %d events, want %d", login, got, n)
		}
	}
	return repeats
}

// hook is a webhook as the API tells of it.
type hook struct {
	Name        string         `json:"name"`
	URL         string         `json:"url"`
	State       string         `json:"state"`
	LagEvents   int            `json:"lag_events"`
	LagSeconds  float64        `json:"lag_seconds"`
	Delivered   int            `json:"delivered"`
	LastError   string         `json:"last_error"`
	DeadLetters map[string]int `json:"dead_letters"`
	Failing     *struct {
		ID       string `json:"id"`
		Attempts int    `json:"attempts"`
	} `json:"failing"`
}

// hook returns what the API tells of one webhook.
func (s *service) hook(name string) (hook, error) {
	_, body, err := s.get("/api/v1/webhooks")
	if err != nil {
		return hook{}, err
	}
	var list struct {
		Webhooks []hook `json:"webhooks"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return hook{}, fmt.Errorf("%w: %s", err, body)
	}
	for _, h := range list.Webhooks {
		if h.Name == name {
			return h, nil
		}
	}
	return hook{}, errors.New("no such webhook: " + body)
}

// hookIs returns nil once a webhook is in a state.
func (s *service) hookIs(name, state string) error {
	h, err := s.hook(name)
	if err == nil && h.State != state {
		err = fmt.Errorf("webhook %s is %+v, want %s", name, h, state)
	}
	return err
}

// emit makes every agent report events from to to-1.
func (s *site) emit(names []string, from, to int) {
	s.t.Helper()
	for n := from; n < to; n++ {
		for _, login := range names {
			s.platform.order("agents/"+login+"/event", fmt.Sprintf(`{"type":"Test","content":{"n":%d}}`, n))
		}
	}
}

// TestWebhook takes a receiver away, kills the service meanwhile, and wants
// every event in the order of its agent; a second hook that hangs, and those
// who follow the events over HTTP, do not notice.
func TestWebhook(t *testing.T) {
	t.Parallel()
	const rounds = 5 // of ten events an agent
	names := logins(291, 6)
	r := newReceiver(t)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	writeFile(t, filepath.Join(s.dir, "secrets", "hook"), signingKey+"\n")
	s.top = []string{"events:\n  webhooks:" +
		"\n  - {name: crm, url: 'http://" + r.address + "/crm?token=t0k3nt0k3n', secret_file: secrets/hook, types: [huawei.Test]}" +
		"\n  - {name: slow, url: 'http://" + r.address + "/slow', secret_file: secrets/hook, types: [huawei.Test], timeout: 1m}"}
	s.write()
	patient := make(chan struct{})
	stuck := func(hook string) int {
		if hook == "/slow" {
			<-patient
		}
		return http.StatusOK
	}
	r.says(stuck)
	k := s.runOnline()
	fresh := follow(t, k, "", "?type=huawei.Test")
	within(t, patience, "the stream's first comment", func() error { return atLeast(len(fresh.commented()), 1) })

	s.emit(names, 0, 10)
	within(t, patience, "the first events at the hook", func() error { return r.complete("/crm", names, 10) })
	within(t, patience, "the first events over HTTP", func() error { return fresh.has(10 * len(names)) })
	r.down()
	s.emit(names, 10, 20)
	within(t, patience, "the hook in trouble", func() error {
		h, err := k.hook("crm")
		if err == nil && (h.State == "delivering" || h.Failing == nil || h.LagEvents < 10 || h.LagSeconds == 0 || h.LastError == "") {
			err = fmt.Errorf("webhook %+v", h)
		}
		return err
	})
	within(t, patience, "events over HTTP while the hooks are dead", func() error { return fresh.has(20 * len(names)) })
	k.kill9()
	k = s.runOnline()
	s.emit(names, 20, 30)
	r.up()
	within(t, patience*2, "all events at the hook", func() error { return r.complete("/crm", names, 30) })
	again := follow(t, k, "", "?type=huawei.Test")
	within(t, patience, "the new stream's first comment", func() error { return atLeast(len(again.commented()), 1) })
	s.emit(names, 30, 35)
	within(t, patience, "the events in the store", func() error { return again.has(5 * len(names)) }) // what is not there a kill may cost
	k.kill9()
	k = s.runOnline()
	s.emit(names, 35, 10*rounds)
	within(t, patience, "all events after the kill", func() error { return r.complete("/crm", names, 10*rounds) })
	repeats := r.inOrder("/crm", names, 10*rounds)
	within(t, patience, "nothing left to deliver", func() error {
		h, err := k.hook("crm")
		if err == nil && (h.LagEvents != 0 || h.State != "delivering") {
			err = fmt.Errorf("webhook %+v", h)
		}
		return err
	})

	close(patient)
	within(t, patience, "the slow hook's events", func() error { return r.complete("/slow", names, 10*rounds) })
	t.Logf("%d events: %d repeats at the hook, %d at the slow one", 10*rounds*len(names), repeats, r.inOrder("/slow", names, 10*rounds))
	r.genuine()
	for _, series := range []string{`agentkeeper_events_delivered_total{sink="webhook:crm"}`, `agentkeeper_event_delivery_seconds_count{sink="store"}`} {
		if n, err := k.metric(series); err != nil || n == 0 {
			t.Errorf("%s is %v, %v", series, n, err)
		}
	}
	if h, _ := k.hook("crm"); h.URL != "http://"+r.address+"/crm?***" {
		t.Errorf("the API shows %s", h.URL)
	}
	k.stop()
}

// TestWebhookGone wants a hook that was answered 410 to stay stopped over a
// restart, and to get what waited when a person resumes it; a reload adds a
// hook without touching it.
func TestWebhookGone(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	r := newReceiver(t)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	writeFile(t, filepath.Join(s.dir, "secrets", "hook"), "an older secret, replaced\n")
	crm := "\n  - {name: crm, url: 'http://" + r.address + "/crm', secret_file: secrets/hook, types: [huawei.Test]}"
	s.top = []string{"events:\n  webhooks:" + crm}
	s.write()
	k := s.runOnline()
	s.password("hook", signingKey)
	within(t, patience, "the new secret", func() error { return k.says("webhook: its secret changed", 1) })
	s.emit(names, 0, 3)
	within(t, patience, "the first events", func() error { return r.complete("/crm", names, 3) })
	r.says(func(string) int { return http.StatusGone })
	s.emit(names, 3, 5)
	within(t, patience, "the stop", func() error { return k.hookIs("crm", "stopped") })
	tried := r.tries("/crm")
	r.says(nil)
	k.kill9()
	k = s.runOnline()
	s.top = []string{"events:\n  webhooks:" + crm + "\n  - {url: 'http://" + r.address + "/new/one', secret_file: secrets/hook, types: [huawei.Test]}"}
	s.write()
	if status, answer, err := k.control(http.MethodPost, "/api/v1/reload", ""); status != http.StatusOK || !strings.Contains(answer, `-new-one: new"]`) {
		t.Fatalf("reload: %d %s %v", status, answer, err)
	}
	s.emit(names, 5, 8)
	within(t, patience, "the events at the new hook", func() error { return r.complete("/new/one", names, 3) })
	within(t, patience, "the stop's persistence", func() error {
		h, err := k.hook("crm")
		if err == nil && (h.State != "stopped" || h.DeadLetters["gone"] < 6) {
			err = fmt.Errorf("%+v", h)
		}
		return err
	})
	if got := r.tries("/crm"); got != tried {
		t.Errorf("tried %d times after a restart and a reload, want %d", got, tried)
	}
	if err := k.shows(`agentkeeper_webhook_stopped{webhook="crm"}`, 1); err != nil {
		t.Error(err)
	}
	s.runs(k, []step{
		{"webhooks", 0, `^WEBHOOK +STATE .*\ncrm +stopped +\d+ .* answered 410 \(gone\) \S+ ago.*\n\S+-new-one +delivering +0 +- `, ""},
		{"webhooks -o json", 0, `^{"webhooks":\[{"name":"crm",.*"state":"stopped"`, ""},
		{"webhooks resume", 2, "", "which webhook"},
		{"webhooks resume crm", 2, "", "--reason is missing"},
		{"webhooks resume crm --reason ~", 2, "", "--reason is missing"},
		{"webhooks stop crm --reason x", 2, "", `unknown word "stop"`},
		{"webhooks --reason x", 2, "", "webhooks resume|skip NAME"},
		{"webhooks resume cmr --reason x", 1, "", `no such webhook: cmr; did you mean crm\?`},
		{"webhooks resume crm --reason mended", 0, `^WEBHOOK .*\ncrm +(delivering|retrying) .*\n$`, ""},
	})
	within(t, patience, "the audit log", func() error { return k.says("audit", 1) })
	within(t, patience, "what waited", func() error { return r.complete("/crm", names, 8) })
	r.inOrder("/crm", names, 8)
	if h, err := k.hook("crm"); err != nil || h.DeadLetters["retention"] != 0 {
		t.Errorf("dead letters %v, %v, want none by retention", h.DeadLetters, err)
	}
	r.genuine()
	k.stop()
}
