package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// stopwatch counts deliveries and how long they took.
type stopwatch struct {
	mu   sync.Mutex
	took []time.Duration
	all  chan struct{} // closed after want of them
	want int
}

func (s *stopwatch) EventsDelivered(string, int) {}

func (s *stopwatch) EventDelivery(_ string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.took = append(s.took, took); len(s.took) == s.want {
		close(s.all)
	}
}

// BenchmarkDeliver posts the events of 200 agents out of the real store to a
// server on the loopback: "steady" at 1,000 a second, with the time from an
// event's receipt to the receiver's answer; "catch up" as fast as it goes.
func BenchmarkDeliver(b *testing.B) {
	for name, rate := range map[string]int{"steady": 1000, "catch up": 0} {
		b.Run(name, func(b *testing.B) { benchDeliver(b, rate) })
	}
}

func benchDeliver(b *testing.B, rate int) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	watch := &stopwatch{all: make(chan struct{}), want: b.N}
	hooks, err := Open(b.Context(), Options{Store: s, Counter: watch})
	if err != nil {
		b.Fatal(err)
	}
	defer hooks.Close()
	h := hookTo("crm")
	h.URL, h.Concurrent = session.NewSecret(server.URL), 8
	hooks.Apply(&config.Config{Webhooks: []config.Webhook{h}, Events: config.Events{MaxAge: time.Hour}})
	b.ResetTimer()
	publishAll(b, s, rate)
	<-watch.all
	b.StopTimer()
	slices.Sort(watch.took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if rate > 0 {
		b.ReportMetric(float64(watch.took[b.N/2].Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(watch.took[b.N*99/100].Microseconds())/1e3, "p99-ms")
	}
}

// publishAll publishes b.N events, every ten milliseconds what is due, or all
// at once.
func publishAll(b *testing.B, s *store.Store, rate int) {
	b.Helper()
	batch := 500
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	if rate > 0 {
		batch = rate / 100
	}
	for n := 0; n < b.N; n += batch {
		var list []store.Message
		for i := n; i < min(n+batch, b.N); i++ {
			login := fmt.Sprint(1000 + i%200)
			data := fmt.Sprintf(`{"specversion":"1.0","id":"hq/%s/%d","source":"/platforms/hq/agents/%s","type":"huawei.A","recordedtime":%q,"sequence":%d,"data":{"n":%d,"pad":"%0256d"}}`,
				login, i, login, time.Now().UTC().Format(time.RFC3339Nano), i, i, i)
			list = append(list, store.Message{ID: session.ID{Platform: "hq", Login: login}, Type: "huawei.A", MsgID: fmt.Sprint(i), Data: []byte(data)})
		}
		if rate > 0 {
			<-tick.C
		}
		if err := s.Publish(context.WithoutCancel(b.Context()), list); err != nil {
			b.Fatal(err)
		}
	}
}
