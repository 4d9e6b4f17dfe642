package keeper_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
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
	k := keeper.New(keeper.Config{Account: account("old"), Policy: policy(), Platform: q, Gate: open,
		Store: idle{}, Sink: idle{}, Observer: idle{}, Log: slog.New(slog.DiscardHandler)})
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
