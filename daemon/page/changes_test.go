package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
)

// crew is a fleet that counts how often it is looked at.
type crew struct {
	mu        sync.Mutex
	agents    map[session.ID]fleet.Agent
	platforms []fleet.Platform
	works     map[session.ID]work.Shown
	looks     int
	takes     time.Duration // a look
}

func newCrew(n int) *crew {
	c := &crew{agents: map[session.ID]fleet.Agent{}, platforms: []fleet.Platform{
		{Name: "pbx", Vendor: "ecss", Window: time.Minute}, {Name: "hq", Vendor: "huawei", Window: 2 * time.Minute, Gate: gate.Status{RefusalsLeft: 3}}}}
	for i := range n {
		c.set("hq", fmt.Sprint(i+1), func(a *fleet.Agent) {
			a.Window, a.Group = 2*time.Minute, "bots"
			a.View = keeper.View{State: session.Online, Since: time.Now(), Started: time.Now(), LastContact: time.Now()}
		})
	}
	return c
}

// set changes an agent, or adds it.
func (c *crew) set(platform, login string, change func(*fleet.Agent)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := session.ID{Platform: platform, Login: login}
	a := c.agents[id]
	a.ID = id
	change(&a)
	c.agents[id] = a
}

// Page returns all agents at once.
func (c *crew) Page(after session.ID, _ int) []fleet.Agent {
	if after != (session.ID{}) {
		return nil
	}
	time.Sleep(c.takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return slices.Collect(maps.Values(c.agents))
}

// Platforms counts as the fleet does.
func (c *crew) Platforms() []fleet.Platform {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.platforms)
	for i, p := range list {
		for id, a := range c.agents {
			if id.Platform == p.Name {
				list[i].Counts = append(list[i].Counts, fleet.Count{State: a.View.State, Wish: a.Wish, Agents: 1})
			}
		}
	}
	return list
}

// Of tells a working state.
func (c *crew) Of(id session.ID) (work.Shown, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.works[id]
	return s, ok
}

func (c *crew) looked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.looks
	c.looks = 0
	return n
}

// screen is a viewer's end of the stream.
type screen struct {
	header http.Header
	status int
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	text     strings.Builder
	deadline time.Time
	stuck    bool // takes nothing any more
}

func (s *screen) Header() http.Header    { return s.header }
func (s *screen) WriteHeader(status int) { s.status = status }
func (s *screen) FlushError() error      { return nil }
func (s *screen) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	stuck := s.stuck
	s.mu.Unlock()
	if stuck {
		time.Sleep(time.Until(s.deadline))
		return 0, errors.New("i/o timeout")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// read returns the messages since the last call, and forgets them.
func (s *screen) read() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range strings.SplitSeq(s.text.String(), "\n\n") {
		if m != "" {
			list = append(list, strings.TrimPrefix(strings.Replace(m, "\ndata: ", " ", 1), "event: "))
		}
	}
	s.text.Reset()
	return list
}

func (s *screen) close() {
	s.cancel()
	<-s.done
}

func watch(t *testing.T, p *Page) *screen {
	ctx, cancel := context.WithCancel(t.Context())
	s := &screen{header: http.Header{}, cancel: cancel, done: make(chan struct{})}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/changes", nil)
	go func() {
		p.ServeHTTP(s, req)
		close(s.done)
	}()
	synctest.Wait()
	return s
}

func names(messages []string) (list []string) {
	for _, m := range messages {
		name, _, _ := strings.Cut(m, " ")
		list = append(list, name)
	}
	return list
}

// A viewer gets everything, and then what changes.
func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(3)
		p := New(Options{Fleet: c, Work: c, Activity: NewActivity(), Version: "v1"})
		s := watch(t, p)
		defer s.close()
		got := s.read()
		if diff := cmp.Diff([]string{"hello", "reset", "platforms", "agents", "complete"}, names(got)); diff != "" {
			t.Fatal(diff)
		}
		if !strings.Contains(got[0], `"version":"v1"`) || !strings.Contains(got[0], `"build":"`+p.build) {
			t.Errorf("hello: %s", got[0])
		}
		var list struct{ Platforms []line }
		if err := json.Unmarshal([]byte(strings.TrimPrefix(got[2], "platforms ")), &list); err != nil {
			t.Fatal(err)
		}
		want := []line{
			{Platform: view.Platform{Name: "hq", Vendor: "huawei", Agents: 3, WishedOnline: 3, Online: 3, RefusalsLeft: 3}, Window: 120, contacts: contacts{Sessions: 3, Margin: 100}},
			{Platform: view.Platform{Name: "pbx", Vendor: "ecss"}, Window: 60, contacts: contacts{Margin: 100}},
		}
		if diff := cmp.Diff(want, list.Platforms, cmp.AllowUnexported(line{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if n := strings.Count(got[3], `"state":"online"`); n != 3 {
			t.Errorf("%d agents: %s", n, got[3])
		}

		c.set("hq", "2", func(a *fleet.Agent) {
			a.View.State, a.View.Reason = session.Waiting, session.ReasonLost
			a.View.Code = "100-006"
		})
		time.Sleep(lookEvery)
		synctest.Wait()
		got = s.read()
		if len(got) != 2 || !strings.HasPrefix(got[0], `platforms {"platforms":[{"name":"hq"`) ||
			!strings.HasPrefix(got[1], `agents {"agents":[{"id":"hq/2","group":"bots","wish":"online","state":"waiting","reason":"lost","code":"100-006"`) || strings.Count(got[1], `"id"`) != 1 {
			t.Errorf("one changed: %v", got)
		}

		c.mu.Lock()
		delete(c.agents, session.ID{Platform: "hq", Login: "1"})
		c.mu.Unlock()
		time.Sleep(lookEvery)
		synctest.Wait()
		if got := s.read(); len(got) != 2 || got[1] != `gone {"gone":["hq/1"]}` {
			t.Errorf("one gone: %v", got)
		}
	})
}

// Contacts and events are no changes: while all goes well a viewer hears of
// nothing but the margins and the time.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(2)
		s := watch(t, New(Options{Fleet: c, Work: c, Activity: NewActivity()}))
		defer s.close()
		s.read()
		for range 60 {
			for _, login := range []string{"1", "2"} {
				c.set("hq", login, func(a *fleet.Agent) {
					a.View.LastContact = time.Now()
					a.View.Events++
				})
			}
			time.Sleep(time.Second)
		}
		for _, m := range s.read() {
			if !strings.HasPrefix(m, `beat {"now":`) && !strings.HasPrefix(m, "platforms ") { // the margin
				t.Errorf("in a quiet minute: %s", m)
			}
		}
	})
}

// A contact that is late shows, without anything else changing.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(1)
		s := watch(t, New(Options{Fleet: c, Work: c, Activity: NewActivity()}))
		defer s.close()
		s.read()
		time.Sleep(89 * time.Second)
		if text := strings.Join(s.read(), "\n"); strings.Contains(text, `"late":true`) || !strings.Contains(text, `"margin":26`) {
			t.Errorf("late before three quarters of the window have passed: %s", text)
		}
		time.Sleep(3 * time.Second)
		if text := strings.Join(s.read(), "\n"); !strings.Contains(text, `"late":true`) || !strings.Contains(text, `"late":1,`) {
			t.Errorf("not late: %s", text)
		}
	})
}

// All viewers share one look, which nobody takes without them.
func TestOneLookForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(5)
		p := New(Options{Fleet: c, Work: c, Activity: NewActivity()})
		time.Sleep(time.Hour)
		if n := c.looked(); n != 0 {
			t.Errorf("%d looks without a viewer", n)
		}
		var screens []*screen
		for range maxViewers {
			screens = append(screens, watch(t, p))
		}
		if s := watch(t, p); s.status != 503 || s.header.Get("Retry-After") == "" {
			t.Errorf("one viewer too many: %d %v", s.status, s.header)
		}
		time.Sleep(10 * time.Second)
		if n := c.looked(); n < 15 || n > 22 {
			t.Errorf("%d looks in ten seconds for %d viewers, want about 20", n, maxViewers)
		}
		for _, s := range screens {
			if got := names(s.read()); !slices.Equal(got[:5], []string{"hello", "reset", "platforms", "agents", "complete"}) {
				t.Errorf("a viewer got %v", got)
			}
			s.close()
		}
		if p.board.viewers != 0 || p.board.rows != nil || p.board.updates != nil {
			t.Errorf("the board keeps something without viewers: %d viewers, %d rows", p.board.viewers, len(p.board.rows))
		}
		c.looked()
		time.Sleep(time.Hour)
		if n := c.looked(); n != 0 {
			t.Errorf("%d looks after the last viewer", n)
		}
	})
}

// A fleet that is slow to look at is looked at seldom.
func TestLooksAreCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(1)
		c.takes = 100 * time.Millisecond
		s := watch(t, New(Options{Fleet: c, Work: c, Activity: NewActivity()}))
		defer s.close()
		time.Sleep(time.Minute)
		if n := c.looked(); n < 10 || n > 13 {
			t.Errorf("%d looks of 100 ms in a minute, want one each five seconds", n)
		}
	})
}

// A viewer that takes nothing is cut off and delays nobody.
func TestStuckViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(1)
		p := New(Options{Fleet: c, Work: c, Activity: NewActivity()})
		stuck, other := watch(t, p), watch(t, p)
		defer other.close()
		other.read()
		stuck.mu.Lock()
		stuck.stuck = true
		stuck.mu.Unlock()
		for i := range 40 {
			c.set("hq", "1", func(a *fleet.Agent) { a.View.SignIns = uint64(i + 1) })
			time.Sleep(time.Second)
			synctest.Wait()
			if got := strings.Join(other.read(), "\n"); !strings.Contains(got, fmt.Sprintf(`"sign_ins":%d`, i+1)) {
				t.Errorf("second %d: the other viewer got %s", i, got)
			}
		}
		select {
		case <-stuck.done:
		default:
			t.Error("the stuck viewer still has its place")
			stuck.close()
		}
	})
}

// Who fell behind what is kept gets everything anew; who did not, the news.
func TestLaggard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(1)
		c.set("hq", "1", func(a *fleet.Agent) { a.View.Started = time.Time{} }) // no margin
		b := board{fleet: c, work: c}
		b.enter()
		_, number := b.since(0)
		news := func(n int) {
			for i := range n {
				c.set("hq", "1", func(a *fleet.Agent) { a.View.SignIns += uint64(i + 1) })
				time.Sleep(lookEvery)
				b.since(1)
			}
		}
		news(3)
		messages, now := b.since(number)
		if len(messages) != 3 || now != number+3 {
			t.Errorf("three behind: %d messages up to %d", len(messages), now)
		}
		if messages, _ := b.since(now); len(messages) != 0 {
			t.Errorf("up to date: %d messages", len(messages))
		}
		news(maxUpdates + 1)
		if messages, _ := b.since(number); len(messages) != 4 || !strings.HasPrefix(string(messages[0].bytes()), "event: reset\n") {
			t.Errorf("far behind: %q", messages)
		}
		if len(b.updates) != maxUpdates {
			t.Errorf("%d news kept", len(b.updates))
		}
	})
}

// Whoever waits in a queue is told about once, by the platform.
func TestRow(t *testing.T) {
	now := time.Now()
	a := fleet.Agent{ID: session.ID{Platform: "hq", Login: "<img onerror>"}, Window: time.Minute, Wish: session.Leave, Override: &fleet.Override{Verb: fleet.Pause},
		View: keeper.View{State: session.Waiting, Reason: session.ReasonOutage, Detail: strings.Repeat("ü", 300), NextAttempt: now, Since: now, Warnings: []session.Warning{{}}}}
	r := rowOf(&a, a.ID.String(), now)
	if len(r.Detail) > detailLimit+len("…") || !strings.HasSuffix(r.Detail, "ü…") || r.Next != now.UnixMilli() || r.Override != "pause" || r.Warnings != 1 || r.Wish != "offline" {
		t.Errorf("%+v", r)
	}
	if text := string(encode(r)); strings.Contains(text, "<") || strings.Contains(text, "\n") {
		t.Errorf("not fit for a line, or for markup: %s", text)
	}
	a.View.Queued = true
	if r := rowOf(&a, a.ID.String(), now); r.Detail != "" || r.Next != 0 || !r.Queued {
		t.Errorf("queued: %+v", r)
	}
}

// still is a fleet that costs nothing to look at.
type still struct {
	agents []fleet.Agent
	index  map[session.ID]int
}

func newStill(n int) still {
	s := still{newCrew(n).Page(session.ID{}, n), map[session.ID]int{}}
	for i, a := range s.agents {
		s.index[a.ID] = i
	}
	return s
}

// A large fleet is looked at in pages, and told in the same order.
func TestLookInPages(t *testing.T) {
	f := newStill(2*chunk + 500)
	b := board{fleet: f, work: newCrew(0)}
	messages, _ := b.since(0)
	var got []string
	for _, m := range messages {
		var list struct {
			Agents []struct{ ID string }
		}
		if _, data, found := strings.Cut(string(m.bytes()), "event: agents\ndata: "); found {
			if err := json.Unmarshal([]byte(data), &list); err != nil {
				t.Fatal(err)
			}
		}
		for _, a := range list.Agents {
			got = append(got, a.ID)
		}
	}
	if len(got) != len(f.agents) || len(messages) != 6 {
		t.Fatalf("%d agents in %d messages, want %d in 6", len(got), len(messages), len(f.agents))
	}
	for i, a := range f.agents {
		if got[i] != a.ID.String() {
			t.Fatalf("agent %d is %s, want %s", i, got[i], a.ID)
		}
	}
}

// Page returns them as they are asked for.
func (s still) Page(after session.ID, limit int) []fleet.Agent {
	i := 0
	if after != (session.ID{}) {
		i = s.index[after] + 1
	}
	return s.agents[i:min(i+limit, len(s.agents))]
}

func (s still) Platforms() []fleet.Platform { return []fleet.Platform{{Name: "hq"}} }

// BenchmarkLook is one look at 20,000 agents of which a hundred changed,
// without what the fleet takes to tell of them.
func BenchmarkLook(b *testing.B) {
	f := newStill(20000)
	board := board{fleet: f, work: newCrew(0)}
	board.look()
	i := 0
	for b.Loop() {
		for range 100 {
			i++
			f.agents[i%len(f.agents)].View.SignIns++
		}
		board.due = time.Time{}
		board.look()
	}
}
