package store

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a program gets through the listener, beside a reader of our own on a
// connection within the process, which has neither a socket nor the listener's
// copying in its way.
func BenchmarkDoor(b *testing.B) {
	o := Options{Dir: b.TempDir(), Consumers: &Consumers{Address: "127.0.0.1:0", Permit: permit, Limit: func(string) int { return 20 }}}
	s, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const events = 5000
	for n := 0; n < events; n += 100 {
		var batch []Message
		for i := range 100 {
			m := event(1, n+i)
			m.Data = make([]byte, 800)
			batch = append(batch, m)
		}
		if err := s.Publish(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	e, _ := s.current()
	inside, err := e.dial()
	if err != nil {
		b.Fatal(err)
	}
	defer inside.Close()
	outside, err := nats.Connect("nats://"+e.access.door.addr().String(), nats.UserInfo("crm", "crm's"))
	if err != nil {
		b.Fatal(err)
	}
	defer outside.Close()
	for name, nc := range map[string]*nats.Conn{"inside": inside, "listener": outside} {
		js, err := jetstream.New(nc)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				drain(b, js, events)
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// drain reads and acknowledges every event by a consumer of its own.
func drain(b *testing.B, js jetstream.JetStream, n int) {
	b.Helper()
	c, err := js.CreateConsumer(b.Context(), eventsName, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		b.Fatal(err)
	}
	got, done := 0, make(chan struct{})
	running, err := c.Consume(func(m jetstream.Msg) {
		_ = m.Ack()
		if got++; got == n {
			close(done)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	<-done
	running.Stop()
	if err := js.DeleteConsumer(b.Context(), eventsName, c.CachedInfo().Name); err != nil {
		b.Fatal(err)
	}
}
