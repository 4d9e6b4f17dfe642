package conform

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/edna"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/test/sim/huaweiconfig"
	"agentkeeper/test/sim/runtel"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

const (
	password  = "Sesame-4711-open"
	opTimeout = 30 * time.Second
)

// simulated is a platform as the contract's tests need it.
type simulated struct {
	handler http.Handler
	ops     *sim.Ops
	faults  *sim.Faults
	inbound *sim.PipeListener // where the platform sends events to; nil: it sends none
	close   func()
}

// accounts is how many a simulator has: 291 and so on.
const accounts = 100

// vendor is one line of the table: a simulator with the accounts.
type vendor struct {
	name    string
	kind    string // of its sessions, where it has several
	scheme  string
	options map[string]string
	start   func(line sim.Line) simulated
}

func (v vendor) title() string { return strings.TrimSpace(v.name + " " + v.kind) }

func nothing() {}

var all = []vendor{
	{"huawei", "", "http", nil, func(line sim.Line) simulated {
		s := huawei.New(huawei.Config{Agents: huawei.Range(291, accounts, password, 40291), Line: line})
		return simulated{s, &s.Ops, &s.Faults, nil, nothing}
	}},
	{"huawei", "pushed", "http", map[string]string{"events": "push", "callback_url": "http://keeper.test:9466/callback/hq", "service_token_file": "token"}, func(line sim.Line) simulated {
		inbound := sim.Pipe()
		s := huawei.New(huawei.Config{Agents: huawei.Range(291, accounts, password, 40291), Line: line, Pushing: huawei.Pushing{Dial: inbound.DialContext}})
		return simulated{s, &s.Ops, &s.Faults, inbound, s.Close}
	}},
	{"ecss", "", "ws", nil, func(line sim.Line) simulated {
		s := ecss.New(ecss.Config{Agents: ecss.Agents(291, accounts, password), Line: line})
		return simulated{s, s.Ops(), s.Faults(), nil, s.Close}
	}},
	{"huawei-config", "", "http", map[string]string{"probe": "/config/agents"}, func(line sim.Line) simulated {
		s := huaweiconfig.New(huaweiconfig.Config{Accounts: huaweiconfig.Range(291, accounts, password), Line: line})
		return simulated{s, &s.Ops, &s.Faults, nil, nothing}
	}},
	{"runtel", "", "http", nil, func(line sim.Line) simulated {
		var agents []runtel.Agent
		for _, login := range logins() {
			agents = append(agents, runtel.Agent{Login: login, Password: password})
		}
		s := runtel.New(runtel.Config{Agents: agents, Line: line})
		return simulated{s, &s.Ops, &s.Faults, nil, nothing}
	}},
	{"edna", "", "http", map[string]string{"probe": "/api/v1/threads/1"}, func(line sim.Line) simulated {
		s := edna.New(edna.Config{Accounts: edna.Range(291, accounts, password), Line: line})
		return simulated{s, &s.Ops, &s.Faults, nil, nothing}
	}},
}

// logins are those of the accounts.
func logins() []string {
	list := make([]string, accounts)
	for i := range list {
		list[i] = strconv.Itoa(291 + i)
	}
	return list
}

// rig is one vendor's adapter before its simulator, inside a bubble.
type rig struct {
	*testing.T
	simulated
	vendor   vendors.Vendor
	line     *sim.PipeListener
	platform session.Platform
	window   time.Duration
	options  any
	heard    []string // the texts of every fault seen

	mu   sync.Mutex
	sent []rules.Raw // the requests so far, and in body their bodies
	body [][]byte
}

// contract runs one clause of the contract against every vendor.
func contract(t *testing.T, clause func(r *rig)) {
	t.Helper()
	for _, name := range vendors.Names() {
		if !slices.ContainsFunc(all, func(v vendor) bool { return v.name == name }) {
			t.Errorf("vendor %s has no simulator here: add a line to all in rig_test.go", name)
		}
	}
	for _, v := range all {
		t.Run(v.title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := v.open(t)
				clause(r)
				r.silent()
				if found := r.ops.Violations(); len(found) > 0 {
					t.Errorf("violations: %v", found)
				}
			})
		})
	}
}

func (v vendor) open(t *testing.T) *rig {
	t.Helper()
	line := sim.Pipe()
	r := &rig{T: t, simulated: v.start(line), vendor: vendors.Table[v.name], line: line}
	set := option.Set{}
	for name, text := range v.options {
		set[name] = option.Value{Text: text}
	}
	r.window = r.vendor.Window(set)
	var problems []option.Problem
	if r.options, _, problems = r.vendor.Decode(set, r.window); len(problems) > 0 {
		t.Fatal(problems)
	}
	servers := []*sim.Server{sim.Serve(line, http.HandlerFunc(r.serve), nil)}
	if r.inbound != nil {
		servers = append(servers, sim.Serve(r.inbound, http.HandlerFunc(r.receive), nil))
	}
	r.platform = r.vendor.Open(wire.Place{Name: "hq", URL: &url.URL{Scheme: v.scheme, Host: "127.0.0.1:8043"},
		DialContext: line.DialContext, OperationTimeout: opTimeout, Window: r.window})
	t.Cleanup(func() {
		r.close()
		for _, server := range servers {
			_ = server.Close()
		}
	})
	return r
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // a client that went away
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	r.sent = append(r.sent, rules.Raw{Method: q.Method, Path: q.URL.EscapedPath(), Query: q.URL.RawQuery, Header: q.Header.Clone()})
	r.body = append(r.body, body)
	r.mu.Unlock()
	r.handler.ServeHTTP(w, q)
}

// receive hands the adapter what the platform sent.
func (r *rig) receive(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	receipt := r.platform.(session.Receiver).Receive(q.Context(), q.Header, body)
	w.WriteHeader(receipt.Status)
	_, _ = w.Write(receipt.Body)
}

func (r *rig) account(login string) session.Account {
	return session.Account{ID: session.ID{Platform: "hq", Login: login}, Number: "40" + login,
		Password: session.NewSecret(password), Token: session.NewSecret("t0ken"), Options: r.options}
}

// try sends one sign-in as the driver does: under a deadline of its own.
func (r *rig) try(a session.Account) (session.Session, *session.Fault) {
	ctx, cancel := context.WithTimeout(r.Context(), opTimeout)
	defer cancel()
	s, err := r.platform.SignIn(ctx, a, false)
	if err == nil {
		r.Cleanup(func() { _ = s.Close() })
	}
	return s, r.hear(err)
}

func (r *rig) enter(login string) session.Session {
	r.Helper()
	s, fault := r.try(r.account(login))
	if fault != nil {
		r.Fatalf("sign-in: %v", fault)
	}
	return s
}

// hear keeps what an error tells people.
func (r *rig) hear(err error) *session.Fault {
	f := session.AsFault(err)
	if f != nil {
		r.heard = append(r.heard, f.Error(), f.Text, f.Action, f.Code)
		if _, _, known := r.vendor.Codes.Explain(f.Code); !known {
			r.Errorf("nobody can explain the code %q", f.Code)
		}
	}
	return f
}

// silent fails the test if any error told a secret.
func (r *rig) silent() {
	r.Helper()
	for _, text := range r.heard {
		if strings.Contains(text, password) {
			r.Errorf("an error tells the password: %s", text)
		}
	}
}

// alive wants one more sign of life within the window.
func (r *rig) alive(s session.Session) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), r.window)
	defer cancel()
	for {
		batch, err := sessiontest.Next(ctx, s)
		if settle(batch); err != nil {
			r.Errorf("no sign of life: %v", err)
		}
		if err != nil || !batch.Unasked {
			return
		}
	}
}

// settle says that a batch's events are stored.
func settle(b session.Batch) {
	if b.Settled != nil {
		b.Settled(nil)
	}
}

func (r *rig) count(login string) sim.Count { return r.ops.Count(login) }
