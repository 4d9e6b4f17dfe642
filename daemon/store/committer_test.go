package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"agentkeeper/session"
)

// alwaysBatch makes a committer write batches whenever two messages wait.
func alwaysBatch() cost {
	return cost{single: time.Second, singleAt: time.Now(), batchAt: time.Now()}
}

// idle opens a store whose keeper and events committers are not running, so
// that a test can step them.
func idle(t *testing.T) *engine {
	t.Helper()
	set := settings{dir: t.TempDir(), self: owner{"n1", "b1"}, maxAge: time.Hour, maxBytes: 1 << 30, log: options(t, "").Log}
	e, err := openEngine(t.Context(), set)
	check(t, err)
	t.Cleanup(func() { e.close() })
	check(t, e.claim(t.Context()))
	return e
}

func wish(n int, value string) *group {
	return newGroup(shardOf(agent(n)), keyMsg(agentKey("wish", agent(n)), []byte(value)))
}

// step commits rounds until nothing is pending and counts them.
func step(t *testing.T, c *committer) (rounds int) {
	t.Helper()
	for ; len(c.pending) > 0; rounds++ {
		check(t, c.next())
	}
	return rounds
}

func value(t *testing.T, e *engine, key string) (value string, revision uint64) {
	t.Helper()
	entry, err := e.kv.Get(t.Context(), key)
	check(t, err)
	return string(entry.Value()), entry.Revision()
}

func TestBatchNeverHoldsOneKeyTwice(t *testing.T) {
	e := idle(t)
	c := e.keeper
	c.cost = alwaysBatch()
	for n := range 10 {
		c.pending = append(c.pending, wish(n, "first"))
	}
	c.pending = append(c.pending, wish(3, "second"), wish(4, "second"), wish(3, "third"), wish(11, "first"))
	groups := append([]*group(nil), c.pending...)
	if rounds := step(t, c); rounds != 3 {
		t.Errorf("%d rounds, want 3: ten, two, two", rounds)
	}
	for i, g := range groups {
		if err := <-g.done; err != nil {
			t.Errorf("write %d: %v", i, err)
		}
	}
	for n, want := range map[int]string{2: "first", 3: "third", 4: "second", 11: "first"} {
		if got, _ := value(t, e, agentKey("wish", agent(n))); got != want {
			t.Errorf("agent %d has %q, want %q", n, got, want)
		}
	}
}

func TestClaimsAreSharedAndChecked(t *testing.T) {
	e := idle(t)
	c := e.keeper
	c.pending = []*group{wish(1, "a"), wish(1, "b"), wish(2, "a")}
	groups := append([]*group(nil), c.pending...)
	step(t, c)
	for _, g := range groups {
		check(t, <-g.done)
	}
	_, revision := value(t, e, shardKey(shardOf(agent(1))))
	if token := c.fence.token[shardOf(agent(1))]; token == 0 || token != revision {
		t.Errorf("token %d, the key's revision is %d", token, revision)
	}
	// A shard that another process claims first is never claimed by us.
	_, err := e.kv.Put(t.Context(), shardKey(shardOf(agent(3))), []byte(`{"node":"n2"}`))
	check(t, err)
	g := wish(3, "a")
	c.pending = []*group{g}
	step(t, c)
	if err := <-g.done; !errors.Is(err, ErrFenced) {
		t.Errorf("a write in another's shard: %v, want ErrFenced", err)
	}
}

func TestClaimsInABatchKnowTheirRevisions(t *testing.T) {
	e := idle(t)
	c := e.keeper
	c.cost = alwaysBatch()
	for n := range 300 {
		c.pending = append(c.pending, wish(n, "x"))
	}
	groups := append([]*group(nil), c.pending...)
	step(t, c)
	for n, g := range groups {
		check(t, <-g.done)
		shard := shardOf(agent(n))
		if _, revision := value(t, e, shardKey(shard)); revision != c.fence.token[shard] {
			t.Errorf("shard %d: token %d, revision %d", shard, c.fence.token[shard], revision)
		}
	}
}

func TestRejectedBatchFailsOnlyWhatIsAtFault(t *testing.T) {
	e := idle(t)
	c := e.keeper
	var groups []*group
	for n := range 20 {
		groups = append(groups, wish(n, "x"))
	}
	c.pending = append([]*group(nil), groups...)
	step(t, c) // claims the shards
	_, err := e.kv.Put(t.Context(), shardKey(shardOf(agent(5))), []byte(`{"node":"n2"}`))
	check(t, err)
	c.cost = alwaysBatch()
	for n := range groups {
		check(t, <-groups[n].done)
		groups[n] = wish(n, "y")
	}
	c.pending = append([]*group(nil), groups...)
	step(t, c)
	for n, g := range groups {
		lost := shardOf(agent(n)) == shardOf(agent(5))
		if err := <-g.done; errors.Is(err, ErrFenced) != lost {
			t.Errorf("agent %d, its shard lost: %v: %v", n, lost, err)
		}
	}
}

func TestKnownEventInABatch(t *testing.T) {
	e := idle(t)
	c := e.events
	c.cost = alwaysBatch()
	for range 2 {
		for n := range 5 {
			m := &nats.Msg{Subject: eventSubject(agent(n), "t"), Header: nats.Header{}, Data: []byte("x")}
			m.Header.Set(headerMsgID, fmt.Sprint(n))
			c.pending = append(c.pending, newGroup(noShard, m))
		}
		groups := append([]*group(nil), c.pending...)
		step(t, c)
		for _, g := range groups {
			check(t, <-g.done)
		}
	}
	stream, err := e.js.Stream(t.Context(), eventsName)
	check(t, err)
	if got := stream.CachedInfo().State.Msgs; got != 5 {
		t.Errorf("%d events, want 5", got)
	}
}

func TestPartsKeepToTheServersLimits(t *testing.T) {
	big := &nats.Msg{Subject: "ev.x", Header: nats.Header{}, Data: make([]byte, maxBatchBytes/2)}
	many := func(n int) *group {
		msgs := make([]*nats.Msg, n)
		for i := range msgs {
			msgs[i] = &nats.Msg{Subject: "ev.y"}
		}
		return newGroup(noShard, msgs...)
	}
	for _, tt := range []struct {
		pending []*group
		want    int
	}{
		{[]*group{many(400), many(600), many(1)}, 1000},
		{[]*group{many(400), many(601)}, 400},
		{[]*group{newGroup(noShard, big), newGroup(noShard, big), many(1)}, 3},
		{[]*group{newGroup(noShard, big), newGroup(noShard, big), newGroup(noShard, big)}, 2},
		{[]*group{newGroup(noShard, big, big, big)}, 3}, // one caller's messages stay together
	} {
		c := &committer{pending: tt.pending}
		if got := c.fit(); got != tt.want {
			t.Errorf("fit = %d, want %d", got, tt.want)
		}
	}
}

func TestStopAnswersEverybody(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for n := 0; ; n++ {
				err := s.Save(t.Context(), agent(i), session.Record{Sequence: uint64(n)})
				if errors.Is(err, ErrUnavailable) {
					return
				}
				if err != nil {
					t.Errorf("Save: %v", err)
				}
			}
		})
	}
	check(t, s.Save(t.Context(), agent(99), session.Record{}))
	check(t, s.Close())
	wg.Wait()
}

func TestReadAck(t *testing.T) {
	fenced := func(err error) bool { return errors.Is(err, ErrFenced) }
	rejected := func(err error) bool { return err != nil && !errors.Is(err, ErrFenced) }
	for _, tt := range []struct {
		data    string
		seq     uint64
		reject  func(error) bool
		trouble bool
	}{
		{data: `{"stream":"EVENTS","seq":7}`, seq: 7},
		{data: `{"stream":"EVENTS","seq":7,"duplicate":true,"more":{}}`, seq: 7},
		{data: `{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 4"},"seq":0}`, reject: fenced},
		{data: `{"error":{"code":400,"err_code":10201,"description":"duplicate"}}`, reject: rejected},
		{data: `{"error":{"code":503,"err_code":10077,"description":"no space"}}`, trouble: true},
		{data: `{"stream":"EVENTS"}`, trouble: true},
		{data: `nonsense`, trouble: true},
		{data: ``, trouble: true},
	} {
		a, err := readAck(&nats.Msg{Data: []byte(tt.data)})
		switch {
		case a.seq != tt.seq, (err != nil) != tt.trouble:
			t.Errorf("%s: %+v, %v", tt.data, a, err)
		case tt.reject == nil && a.err != nil, tt.reject != nil && !tt.reject(a.err):
			t.Errorf("%s: rejection %v", tt.data, a.err)
		}
	}
}

// BenchmarkSave saves records of so many waiting agents: as the committer
// decides, the same without a second copy and without a look at the files, and
// message by message.
func BenchmarkSave(b *testing.B) {
	for _, agents := range []int{1, 64, 1000} {
		for _, mode := range []string{"committer", "one copy", "single"} {
			b.Run(fmt.Sprintf("%d agents/%s", agents, mode), func(b *testing.B) { benchmarkSave(b, agents, mode) })
		}
	}
}

func benchmarkSave(b *testing.B, agents int, mode string) {
	o := Options{Dir: b.TempDir()}
	s, err := Open(b.Context(), o)
	check(b, err)
	defer func() { check(b, s.Close()) }()
	r := session.Record{Key: session.NewKey([]byte(strings.Repeat("k", 200))), Sequence: 1}
	together(b, agents, func(i int) error { return s.Save(b.Context(), agent(i), r) }) // claims
	switch mode {
	case "one copy":
		s.engine.keeper.after = after{}
		defer s.journal.distrust()
	case "single":
		s.engine.keeper.cost = cost{batch: 1e6 * time.Hour, singleAt: time.Now().Add(time.Hour), batchAt: time.Now().Add(time.Hour)}
	}
	b.ResetTimer()
	together(b, agents, func(i int) error {
		for range b.N/agents + 1 {
			if err := s.Save(b.Context(), agent(i), r); err != nil {
				return err
			}
		}
		return nil
	})
	b.ReportMetric(float64((b.N/agents+1)*agents)/b.Elapsed().Seconds(), "saves/s")
}
