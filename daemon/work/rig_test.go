package work_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	tracking "agentkeeper/daemon/work"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/huawei"
)

const platformName = "hq"

func agent(n int) session.ID { return session.ID{Platform: platformName, Login: fmt.Sprint(1000 + n)} }

// configured is what is configured: n agents with one policy.
type configured struct {
	n      int
	policy work.Policy
	rate   float64
	vendor adapter.Vendor
	until  func(now time.Time) (work.Policy, time.Time) // instead of policy
}

func (c configured) known(id session.ID) bool {
	return slices.ContainsFunc(c.Wished(), func(one session.ID) bool { return one == id })
}

func (c configured) Work(id session.ID, now time.Time) (p work.Policy, next time.Time, ok bool) {
	if c.until != nil {
		p, next = c.until(now)
		return p, next, c.known(id)
	}
	return c.policy, next, c.known(id)
}

func (c configured) Wished() (ids []session.ID) {
	for n := range c.n {
		ids = append(ids, agent(n))
	}
	return ids
}

func (c configured) Platform(name string) (tracking.Platform, bool) {
	return tracking.Platform{Vendor: c.vendor, Agents: c.n, Rate: c.rate, Window: 2 * time.Minute}, name == platformName
}

// desk is one agent at the platform.
type desk struct {
	state  string // agentState of the vendor
	offer  bool   // a call is offered or talked
	denied bool   // a command to be ready is refused
	deaf   bool   // it is taken without an effect
}

// site is a tracker over a platform of the vendor's kind.
type site struct {
	*tracking.Tracker
	t      *testing.T
	store  *storetest.Memory
	config configured

	mu    sync.Mutex
	desks map[session.ID]*desk
	sent  []sending
	looks []time.Time
	wrong []string
	kinds map[string]int // results of restores
	force map[work.By]int
	hold  chan struct{} // where not nil: commands wait for it before they leave
	full  error         // of the store
}

type sending struct {
	id session.ID
	do string
	at time.Time
}

func newSite(t *testing.T, c configured) *site {
	t.Helper()
	if c.vendor.Work == nil {
		c.vendor = huawei.Vendor
	}
	s := &site{t: t, store: storetest.NewMemory(), config: c, desks: map[session.ID]*desk{}}
	for n := range c.n {
		s.desks[agent(n)] = &desk{state: "4"}
	}
	s.start()
	return s
}

func (s *site) Put(ctx context.Context, kind store.Kind, name string, value []byte) error {
	s.mu.Lock()
	err := s.full
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.store.Put(ctx, kind, name, value)
}

func (s *site) All(ctx context.Context, kind store.Kind) (map[string][]byte, error) {
	return s.store.All(ctx, kind)
}

func (s *site) start() {
	s.t.Helper()
	s.kinds, s.force = map[string]int{}, map[work.By]int{}
	tracker, err := tracking.New(s.t.Context(), tracking.Options{
		Store: s, Send: s.send, Observer: s, Online: func(session.ID) bool { return false },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Tracker = tracker
	s.Apply(s.config)
}

func (s *site) WorkRestored(_, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[result]++
}

func (s *site) WorkForced(_ string, by work.By) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.force[by]++
}

// send is the platform, and what waits before it.
func (s *site) send(ctx context.Context, id session.ID, r command.Request) command.Result {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return command.Result{Outcome: command.NotSent}
		}
	}
	time.Sleep(20 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.desks[id]
	if r.Method != "" {
		s.looks = append(s.looks, time.Now())
		state := d.state
		if d.offer {
			state = "7"
		}
		return command.Result{Outcome: command.Done, Answer: json.RawMessage(`{"retcode":"0","result":{"agentState":` + state + `,"isWorking":false}}`)}
	}
	s.sent = append(s.sent, sending{id, r.Do, time.Now()})
	switch {
	case d.offer:
		s.wrong = append(s.wrong, "a command in a call of "+id.String())
	case d.denied:
		return command.Result{Outcome: command.Rejected, Code: "100-009"}
	case d.deaf:
		return command.Result{Outcome: command.Doubt}
	}
	kind := "AgentState_CancelNotReady_Success"
	switch d.state = "4"; r.Do {
	case "busy":
		d.state, kind = "3", "AgentState_SetNotReady_Success"
	case "rest":
		d.state, kind = "8", "AgentState_SetRest_Success"
	}
	go s.event(id, kind, "")
	return command.Result{Outcome: command.Done, Code: "0"}
}

// event lets the platform tell something.
func (s *site) event(id session.ID, kind, content string) {
	if content == "" {
		content = "null"
	}
	e := session.Event{Type: kind, Data: json.RawMessage(fmt.Sprintf(`{"eventType":%q,"workNo":%q,"content":%s}`, kind, id.Login, content))}
	s.Saw(id, []keeper.Event{{Event: e, Received: time.Now()}})
}

func (s *site) own(id session.ID, kind string) {
	s.Note(id, keeper.Event{Event: session.Event{Type: kind}, Own: true})
}

// signIn has every agent sign in.
func (s *site) signIn() {
	for n := range s.config.n {
		s.own(agent(n), "signed_in")
		s.event(agent(n), "AgentState_Ready", "")
	}
	synctest.Wait()
}

// busy has the platform make an agent busy.
func (s *site) busy(id session.ID, reason int) {
	s.mu.Lock()
	s.desks[id].state = "3"
	s.desks[id].offer = false
	s.mu.Unlock()
	s.event(id, "AgentState_SetNotReady_Success", fmt.Sprintf(`{"reason":%d}`, reason))
}

func (s *site) of(n int) work.Shown {
	shown, ok := s.Of(agent(n))
	if !ok {
		s.t.Fatalf("%v is not known", agent(n))
	}
	return shown
}

// told counts the events of a type about an agent that were not told yet.
func (s *site) told(n int, typ string) (count int) {
	for _, e := range s.Pending(agent(n)) {
		if !json.Valid(e.Data) {
			s.t.Errorf("an event that is no JSON: %s", e.Data)
		}
		if e.Type == typ {
			count++
		}
	}
	return count
}

// commands returns what was sent so far.
func (s *site) commands() []sending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *site) end() {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.wrong {
		s.t.Error(text)
	}
}

func wishing(w work.Wish) work.Policy {
	p := work.DefaultPolicy()
	p.Wish = w
	return p
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// in runs a test in virtual time.
func in(t *testing.T, c configured, test func(t *testing.T, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, c)
		defer s.end()
		test(t, s)
	})
}
