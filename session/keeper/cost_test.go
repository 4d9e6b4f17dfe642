package keeper_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/sessiontest"
)

// quick is a platform whose polls are answered at once, without events, until
// it has answered enough.
type quick struct {
	polls   int
	reached func()
	left    int
	began   runtime.MemStats
	ended   runtime.MemStats
	onWarm  func()
}

func (q *quick) SignIn(context.Context, session.Account, bool) (session.Session, error) {
	return q, nil
}
func (q *quick) Adopt(session.Account, session.Key) (session.Session, error) { return q, nil }
func (q *quick) Probe(context.Context, session.Account) error                { return nil }
func (q *quick) SignOut(context.Context) error                               { return nil }
func (q *quick) Close() error                                                { return nil }
func (q *quick) Key() session.Key                                            { return quickKey }

// Info costs what an adapter's does.
func (q *quick) Info() session.Info {
	return session.Info{Credential: session.Credential{Header: session.Headers{{Name: "Guid", Value: "g"}}}}
}

var quickKey = session.NewKey([]byte("key"))

func (q *quick) Step(context.Context) (session.Batch, session.Wait, error) {
	switch q.left--; q.left {
	case q.polls:
		q.onWarm()
		runtime.ReadMemStats(&q.began)
	case 0:
		runtime.ReadMemStats(&q.ended)
		q.reached()
	}
	return session.Batch{}, session.Wait{}, nil
}

// idle is an observer, a store and a sink that do nothing.
type idle struct{}

func (idle) Save(context.Context, session.ID, session.Record) error { return nil }
func (idle) Take(context.Context, session.ID, []keeper.Event) error { return nil }
func (idle) Note(session.ID, keeper.Event)                          {}
func (idle) SignIn(string, session.Kind, time.Duration)             {}
func (idle) SignOut(string, session.Kind)                           {}
func (idle) FirstContact(string, time.Duration)                     {}
func (idle) Contact(string, session.Kind, time.Duration)            {}
func (idle) SessionLost(string, string)                             {}
func (idle) Adopted(string, session.Kind)                           {}
func (idle) EventsReceived(string, int)                             {}

// poll lets a keeper poll n times and returns the allocations per poll.
func poll(ctx context.Context, n int, onWarm func()) float64 {
	q := &quick{polls: n, left: n + 100, onWarm: onWarm}
	k := keeper.New(keeper.Config{Setup: &setup{account: account("old"), policy: policy()}, Platform: &keeper.Platform{Adapter: q, Gate: sessiontest.Open},
		Site: &keeper.Site{Store: idle{}, Sink: idle{}, Observer: idle{}, Log: slog.New(slog.DiscardHandler)}})
	q.reached = func() { k.Set(quit) }
	k.Set(stay)
	k.Run(ctx)
	return float64(q.ended.Mallocs-q.began.Mallocs) / float64(n)
}

func TestEmptyPollAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if got := poll(ctx, 20_000, func() {}); got > 0.05 {
		t.Errorf("%.2f allocations per poll", got)
	}
}

// BenchmarkPoll is what the keeper adds to one empty poll.
func BenchmarkPoll(b *testing.B) {
	b.ReportAllocs()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	poll(ctx, b.N, b.ResetTimer)
}

// held is a session whose polls the platform holds.
type held struct{ key session.Key }

func (h *held) Step(context.Context) (session.Batch, session.Wait, error) {
	return session.Batch{}, session.Wait{Until: time.Now().Add(time.Hour)}, nil
}
func (h *held) SignOut(context.Context) error { return nil }
func (h *held) Close() error                  { return nil }
func (h *held) Key() session.Key              { return h.key }
func (h *held) Info() session.Info            { return session.Info{} }

// keys hands out sessions that differ in their keys alone, which are not counted.
type keys struct {
	session.Platform
	made []*held
}

func (k *keys) SignIn(ctx context.Context, _ session.Account, _ bool) (session.Session, error) {
	stop := context.AfterFunc(ctx, func() {}) // as connecting does
	defer stop()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	one := k.made[0]
	k.made = k.made[1:]
	return one, nil
}

// idleKeeper is the most that a keeper takes of the heap while its agent is online
// and nothing happens: the keeper itself, its order, its credential, its history
// and what wraps its session.
const idleKeeper = 1450

func TestHeapOfAnIdleKeeper(t *testing.T) {
	const n = 10_000
	p := &keys{}
	for range n {
		p.made = append(p.made, &held{quickKey})
	}
	site := &keeper.Site{Store: idle{}, Sink: idle{}, Observer: idle{}, Log: slog.New(slog.DiscardHandler)}
	set, all := &setup{account: account("old"), policy: policy()}, make([]*keeper.Keeper, n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := heap()
	for i := range all {
		all[i] = keeper.New(keeper.Config{Setup: set, Platform: &keeper.Platform{Adapter: p, Gate: sessiontest.Open}, Site: site})
		all[i].Set(stay)
		for range 3 {
			if wait, goesOn := all[i].Step(ctx); wait.None() || !goesOn {
				t.Fatalf("the keeper does not wait for its poll: %v", all[i].View().State)
			}
		}
	}
	each := (heap() - before) / n
	t.Logf("%d bytes for each keeper, %d of them the keeper itself", each, unsafe.Sizeof(keeper.Keeper{}))
	if each > idleKeeper {
		t.Errorf("%d bytes of heap for each keeper, want at most %d", each, idleKeeper)
	}
	runtime.KeepAlive(all)
}

// heap returns how much of the heap is in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
