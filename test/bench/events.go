package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

const (
	talkers       = 100 // agents
	eventsPerTalk = 10  // events of each a second
)

// talkative is a gateway whose agents get events all the time.
func talkative(n int, l *sim.NetListener) http.Handler {
	return huawei.New(huawei.Config{Agents: huawei.Range(1001, n, password, 100001), Line: l, Switches: huawei.Switches{EventRate: eventsPerTalk}})
}

// publisher runs the service until its input closes, and says where consumers
// find it.
func publisher(dir, agentsPart string, n int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stream := l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	d, stop, err := startService(dir, fmt.Sprintf("events: {listen: %q, users: [{name: bench, password: %s}]}\n", stream, password)+agentsPart)
	if err != nil {
		return err
	}
	if err := until(func() bool { return online(d) == n }); err != nil {
		return err
	}
	fmt.Println(d.Addr(), stream)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return stop()
}

// delays collects how long events took from the platform's answer on.
type delays struct {
	from time.Time // events before are the warm-up's

	mu   sync.Mutex
	took []time.Duration
}

func (d *delays) hear(data []byte) {
	now := time.Now()
	var e struct {
		Data struct {
			Content struct {
				AnswerTime int64 `json:"answerTime"`
			} `json:"content"`
		} `json:"data"`
	}
	if json.Unmarshal(data, &e) != nil || e.Data.Content.AnswerTime == 0 || now.Before(d.from) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.took = append(d.took, now.Sub(time.UnixMicro(e.Data.Content.AnswerTime)))
}

func (d *delays) print(name string, span time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.took) == 0 {
		fmt.Printf("  %-28s nothing came\n", name)
		return
	}
	slices.Sort(d.took)
	at := func(q float64) time.Duration {
		return d.took[int(q*float64(len(d.took)-1))].Round(10 * time.Microsecond)
	}
	fmt.Printf("  %-28s %10v %10v %10v %10v %8.0f/s\n", name, at(0.5), at(0.9), at(0.99), at(1), float64(len(d.took))/span.Seconds())
}

// delivery follows events from the platform's answer over the disk to two
// consumers at once.
func delivery(span time.Duration) error {
	dir, err := os.MkdirTemp("", "agentkeeper-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := child("server-events", dir, "", talkers)
	if err != nil {
		return err
	}
	defer server.end()
	address, err := server.line()
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	service, err := child("keeper-events", dir, address, talkers)
	if err != nil {
		return err
	}
	defer service.end()
	where, err := service.line()
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	web, stream, _ := strings.Cut(where, " ")
	fmt.Printf("\nevents of %d agents on TLS, %d a second in all for %v, from the platform's answer over the disk to the consumer\n",
		talkers, talkers*eventsPerTalk, span)
	from := time.Now().Add(3 * time.Second)
	ctx, cancel := context.WithDeadline(context.Background(), from.Add(span))
	defer cancel()
	overHTTP, overNATS := &delays{from: from}, &delays{from: from}
	errs := make(chan error, 2)
	go func() { errs <- followHTTP(ctx, web, overHTTP) }()
	go func() { errs <- followNATS(ctx, stream, overNATS) }()
	for range 2 {
		if err := <-errs; err != nil && ctx.Err() == nil {
			return err
		}
	}
	fmt.Printf("  %-28s %10s %10s %10s %10s\n", "", "p50", "p90", "p99", "max")
	overHTTP.print("server-sent events", span)
	overNATS.print("NATS, durable pull consumer", span)
	return nil
}

func followHTTP(ctx context.Context, address string, d *delays) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/events?type=huawei.*", nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			d.hear([]byte(data))
		}
	}
	return lines.Err()
}

func followNATS(ctx context.Context, address string, d *delays) error {
	nc, err := nats.Connect("nats://"+address, nats.UserInfo("bench", password))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{
		Durable: "bench", AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return err
	}
	running, err := consumer.Consume(func(m jetstream.Msg) {
		d.hear(m.Data())
		_ = m.Ack() // a lost one is delivered again
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	running.Stop()
	return nil
}
