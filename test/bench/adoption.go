package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// adoption kills a service with live sessions and times how long the next one
// takes until all of them have polled, and how long it lets others wait meanwhile.
func adoption(s *settings) error {
	title := fmt.Sprintf("adoption of %d sessions after kill -9, on TLS, from the start of the next process", s.Agents)
	return s.repeated(title, s.adoptOnce)
}

func (s *settings) adoptOnce(rec *series) error {
	sim, err := s.simulate("server", s.Agents)
	if err != nil {
		return err
	}
	defer sim.end()
	if err := s.leave(sim); err != nil {
		return err
	}
	before, err := sim.look()
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	began := time.Now()
	second, err := s.keeper("service", sim, s.Agents, "-listen", address)
	if err != nil {
		return err
	}
	defer second.kill()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := ask(ctx, began, address, controlSocket(sim.dir))
	if err := second.tell("go"); err != nil {
		return err
	}
	if err := sim.awaitPolls(began, s.Agents); err != nil {
		return err
	}
	rec.add("first polls of all, s", time.Since(began).Seconds())
	cancel()
	for _, q := range asked {
		q.record(rec)
	}
	after, err := sim.look()
	if err != nil {
		return err
	}
	rec.add("log-ins", float64(after.SignIns-before.SignIns))
	return nil
}

// leave runs a service until all its agents have polled, and kills it.
func (s *settings) leave(sim *simulator) error {
	p, err := s.keeper("service", sim, s.Agents)
	if err != nil {
		return err
	}
	defer p.kill()
	if _, _, err := p.online(); err != nil {
		return err
	}
	return sim.awaitPolls(time.Time{}, s.Agents)
}

// question is one that is asked again and again, each time on a connection of its
// own, as a monitor does.
type question struct {
	name, url string
	every     time.Duration
	client    *http.Client
	began     time.Time
	done      chan struct{}

	mu      sync.Mutex
	first   time.Duration // from the process's start to the first answer
	slowest time.Duration
	answers int
}

// ask begins with what a balancer, Prometheus and `agentkeeper status` ask for.
func ask(ctx context.Context, began time.Time, address, control string) []*question {
	overTCP := &http.Transport{DisableKeepAlives: true}
	overUnix := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", control)
	}}
	questions := []*question{
		{name: "/-/ready", url: "http://" + address + "/-/ready", every: 20 * time.Millisecond, client: &http.Client{Transport: overTCP}},
		{name: "/metrics", url: "http://" + address + "/metrics", every: 250 * time.Millisecond, client: &http.Client{Transport: overTCP}},
		{name: "status", url: "http://agentkeeper/api/v1/agents", every: 500 * time.Millisecond, client: &http.Client{Transport: overUnix}},
	}
	for _, q := range questions {
		q.began, q.done = began, make(chan struct{})
		go func() { // joined by record
			defer close(q.done)
			for ctx.Err() == nil {
				q.once(ctx)
				select {
				case <-time.After(q.every):
				case <-ctx.Done():
				}
			}
		}()
	}
	return questions
}

// once asks. A process that does not listen yet, or has not made its socket, owes
// no answer.
func (q *question) once(ctx context.Context) {
	asked := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.url, nil)
	if err != nil {
		return
	}
	res, err := q.client.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	switch {
	case err == nil:
		q.answered(time.Since(asked))
	case ctx.Err() != nil:
		q.owed(time.Since(asked))
	}
}

// owed notes an answer that has not come by the end.
func (q *question) owed(waited time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.slowest = max(q.slowest, waited)
}

func (q *question) answered(took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.answers == 0 {
		q.first = time.Since(q.began)
	}
	q.answers++
	q.slowest = max(q.slowest, took)
}

// record waits for the last question's end and notes the figures.
func (q *question) record(rec *series) {
	<-q.done
	q.mu.Lock()
	defer q.mu.Unlock()
	rec.add(q.name+": first answer, s", q.first.Seconds())
	rec.add(q.name+": slowest answer, ms", ms(q.slowest))
	rec.add(q.name+": answers", float64(q.answers))
}
