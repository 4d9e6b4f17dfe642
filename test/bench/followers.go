package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"agentkeeper/test/sim"
)

// pollPrefix is where Huawei's agents poll.
const pollPrefix = "/agentgateway/resource/agentevent/"

// pauses measures how long agents pause between two polls: from the platform's
// answer to the arrival of the next one. With events in the answer that is what
// the service takes to make them durable.
type pauses struct {
	next http.Handler

	mu       sync.Mutex
	answered map[string]time.Time
	took     []time.Duration
}

// ServeHTTP implements http.Handler.
func (p *pauses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	login, isPoll := strings.CutPrefix(r.URL.Path, pollPrefix)
	if !isPoll {
		p.next.ServeHTTP(w, r)
		return
	}
	p.mu.Lock()
	if at, ok := p.answered[login]; ok {
		p.took = append(p.took, time.Since(at))
	}
	p.mu.Unlock()
	p.next.ServeHTTP(w, r)
	p.mu.Lock()
	p.answered[login] = time.Now()
	p.mu.Unlock()
}

// pauseFigures are those since they were last asked for.
type pauseFigures struct{ P50, P99, Max time.Duration }

func (p *pauses) tell(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	took := p.took
	p.took = nil
	p.mu.Unlock()
	slices.Sort(took)
	_ = json.NewEncoder(w).Encode(pauseFigures{percentile(took, 0.5), percentile(took, 0.99), percentile(took, 1)})
}

// busy is a gateway whose agents get events all the time, and which says how
// long they pause between polls.
func busy(s *settings, l *sim.NetListener) http.Handler {
	p := &pauses{next: talkative(s, l), answered: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.Handle("/", p)
	mux.HandleFunc("GET /bench/pauses", p.tell)
	return mux
}

// audience is a number of followers, each with so many patterns of types.
type audience struct {
	name      string
	followers int
	patterns  int
}

// followersCost measures the way of the events to the disk beside nobody who
// follows them, and beside many, in turn, so that what the machine does otherwise
// shows.
func followersCost(s *settings) error {
	platform, service, web, _, err := s.publish("server-busy")
	if err != nil {
		return err
	}
	defer platform.end()
	defer service.end()
	fmt.Printf("\nevents of %d agents on TLS, %d a second offered, %v for each row: what followers over HTTP cost; load average %s\n", talkers, talkers*eventsPerTalk, s.Span, load())
	fmt.Printf("  %-34s %9s %10s %10s %10s %10s %10s %11s %7s\n", "", "stored/s", "durable50", "durable99", "pause p50", "pause p99", "pause max", "delivered/s", "CPU")
	for range s.Reps {
		for _, a := range []audience{
			{"nobody", 0, 0}, {"200 followers", 200, 0}, {"256 followers", 256, 0},
			{"50 followers, 32 patterns each", 50, 32}, {"50 followers, 9,000 patterns each", 50, 9000},
		} {
			if err := a.measure(web, platform, s.Span); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return nil
}

// measure lets the audience come, waits a moment, and measures.
func (a audience) measure(web string, platform *simulator, span time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	refused := make(chan int, a.followers)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range a.followers {
		all.Go(func() { refused <- a.follow(ctx, client, web) })
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	before, err := scrape(web)
	if err != nil {
		return err
	}
	if _, err := platform.get("/bench/pauses"); err != nil { // begin anew
		return err
	}
	began := time.Now()
	if err := wait(ctx, span); err != nil {
		return err
	}
	after, err := scrape(web)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if _, ok := after[storedTotal]; !ok {
		return errors.New("the service does not show its events")
	}
	text, err := platform.get("/bench/pauses")
	if err != nil {
		return err
	}
	var p pauseFigures
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	note := ""
	if n := len(refused); n > 0 {
		note = fmt.Sprintf("  %d refused with status %d", n, <-refused)
	}
	rate := func(name string) float64 { return (after[name] - before[name]) / took.Seconds() }
	durable := func(q float64) time.Duration { return quantile(q, storedBucket, before, after) }
	fmt.Printf("  %-34s %9.0f %10v %10v %10v %10v %10v %11.0f %7.2f%s\n", a.name, rate(storedTotal), durable(0.5), durable(0.99),
		p.P50.Round(time.Millisecond), p.P99.Round(time.Millisecond), p.Max.Round(time.Millisecond), rate(followedTotal), rate("process_cpu_seconds_total"), note)
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow reads and throws away until ctx ends; it returns the status of an
// answer that is no stream.
func (a audience) follow(ctx context.Context, client *http.Client, web string) int {
	query := ""
	if a.patterns > 0 {
		types := make([]string, a.patterns)
		for i := range types {
			types[i] = strconv.Itoa(i) + "*"
		}
		types[len(types)-1] = "huawei.*"
		query = "?type=" + strings.Join(types, ",") // as short as it can be, to fit the server's limit
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+web+"/api/v1/events"+query, nil)
	if err != nil {
		return 0
	}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode
	}
	_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{res.Body}, make([]byte, 64<<10)) // ends with ctx
	return 0
}

const (
	storedTotal   = `agentkeeper_events_delivered_total{sink="store"}`
	followedTotal = `agentkeeper_events_delivered_total{sink="sse"}`
	storedBucket  = `agentkeeper_event_delivery_seconds_bucket{sink="store",le="`
)
