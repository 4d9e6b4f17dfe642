package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
func talkative(s *settings, l *sim.NetListener) http.Handler {
	return huawei.New(huawei.Config{Agents: huawei.Range(1001, s.Agents, password, 100001), Line: l, Switches: huawei.Switches{EventRate: eventsPerTalk}})
}

// publisher is the service that serves consumers too. It says where they find it.
func (s *settings) publisher() error {
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	stream, err := freeAddress()
	if err != nil {
		return err
	}
	k, err := s.open(fmt.Sprintf("events: {listen: %q, users: [{name: bench, password: %s}]}\n", stream, password) + huaweiAgents(s.Child.Addr, s.Agents, s.Child.Rate))
	if err != nil {
		return err
	}
	if err := k.awaitOnline(s.Agents); err != nil {
		return err
	}
	fmt.Println("online", k.d.Addr(), stream)
	return k.serve(in)
}

// publish starts a talkative platform and a service whose agents are online. The
// caller ends both, also with an error.
func (s *settings) publish(server string) (sim *simulator, p *process, web, stream string, err error) {
	if sim, err = s.simulate(server, talkers); err != nil {
		return nil, nil, "", "", err
	}
	if p, err = s.keeper("service-events", sim, talkers); err != nil {
		sim.end()
		return nil, nil, "", "", err
	}
	_, where, err := p.online()
	if err != nil {
		p.kill()
		sim.end()
		return nil, nil, "", "", err
	}
	web, stream, _ = strings.Cut(where, " ")
	return sim, p, web, stream, nil
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

// record notes the figures of a consumer.
func (d *delays) record(rec *series, name string, span time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.took) == 0 {
		return errors.New(name + ": nothing came")
	}
	slices.Sort(d.took)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}} {
		rec.add(name+": "+q.name+", ms", ms(percentile(d.took, q.at)))
	}
	rec.add(name+": events/s", float64(len(d.took))/span.Seconds())
	return nil
}

// warmUp is how long consumers listen before the window begins.
const warmUp = 3 * time.Second

// delivery follows events from the platform's answer over the disk to two
// consumers at once.
func delivery(s *settings) error {
	title := fmt.Sprintf("events of %d agents on TLS, %d a second in all for %v, from the platform's answer over the disk to the consumer",
		talkers, talkers*eventsPerTalk, s.Span)
	return s.repeated(title, s.deliverOnce)
}

func (s *settings) deliverOnce(rec *series) error {
	sim, service, web, stream, err := s.publish("server-events")
	if err != nil {
		return err
	}
	defer sim.end()
	defer service.end()
	from := time.Now().Add(warmUp)
	ctx, cancel := context.WithDeadline(context.Background(), from.Add(s.Span))
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
	if err := overHTTP.record(rec, "server-sent events", s.Span); err != nil {
		return err
	}
	return overNATS.record(rec, "NATS, durable pull consumer", s.Span)
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
