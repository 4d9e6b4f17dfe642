package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"agentkeeper/test/rig"
)

// held is what a service takes, seen from outside.
type held struct {
	at                           time.Duration
	goroutines, files, consumers float64
	memory, heap                 float64 // MiB: resident, and live on the heap as of the last collection
}

// bound is by how much the lowest of each may rise between the first part and
// the last: by a share and an amount.
type bound struct {
	name   string
	of     func(held) float64
	share  float64
	amount float64
}

func bounds() []bound {
	return []bound{
		{"goroutines", func(h held) float64 { return h.goroutines }, 0.05, 15},
		{"open files", func(h held) float64 { return h.files }, 0.05, 15},
		{"consumers", func(h held) float64 { return h.consumers }, 0, 3},
		{"resident MiB", func(h held) float64 { return h.memory }, 0.10, 12},
		{"heap MiB", func(h held) float64 { return h.heap }, 0.10, 6},
	}
}

// leaks lets agents, reloads, followers, consumers and connections come and go
// for d, while one webhook fails. The first sixth is left out: what is taken
// then belongs to the start. The lowest of what was taken in the sixth behind it
// is held against the lowest of the last sixth: a crowd that is there at the
// instant of a look is no leak.
func leaks(ctx context.Context, w *world, d time.Duration) error {
	fmt.Printf("%d agents, churn for %v\n", everybody, d)
	churning, stop := context.WithCancel(ctx)
	defer stop()
	wait := w.churn(churning)
	every := min(max(d/120, 500*time.Millisecond), 30*time.Second)
	began := time.Now()
	var seen []held
	for time.Since(began) < d && ctx.Err() == nil {
		rest(ctx, every)
		h, err := w.holds(ctx)
		if err != nil {
			fmt.Printf("%6s  cannot look: %v\n", time.Since(began).Round(time.Second), err)
			continue
		}
		h.at = time.Since(began)
		seen = append(seen, h)
	}
	stop()
	done := wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Printf("%d pauses, %d reloads, %d followers, %d NATS consumers, %d connections\n",
		done.pauses.Load(), done.reloads.Load(), done.followers.Load(), done.consumers.Load(), done.connections.Load())
	return compare(seen, d)
}

// holds looks once.
func (w *world) holds(ctx context.Context) (h held, err error) {
	_, page, err := w.k.Control(http.MethodGet, "/metrics", "")
	if err != nil {
		return h, err
	}
	const mebi = 1 << 20
	for series, value := range map[string]*float64{
		"go_goroutines": &h.goroutines, "process_open_fds": &h.files, "process_resident_memory_bytes": &h.memory, "go_memstats_heap_alloc_bytes": &h.heap,
	} {
		if *value, err = rig.Sample(page, series); err != nil {
			return h, err
		}
	}
	h.memory /= mebi
	h.heap /= mebi
	n, err := w.attached(ctx)
	h.consumers = float64(n)
	return h, err
}

// compare prints what was seen, a line for each twelfth, and judges.
func compare(seen []held, d time.Duration) error {
	part := func(i, of int) held {
		return lowest(seen, d*time.Duration(i)/time.Duration(of), d*time.Duration(i+1)/time.Duration(of))
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "lowest until\tgoroutines\topen files\tconsumers\tresident MiB\theap MiB\t")
	for i := range 12 {
		h := part(i, 12)
		fmt.Fprintf(w, "%v\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t\n", (d * time.Duration(i+1) / 12).Round(time.Second), h.goroutines, h.files, h.consumers, h.memory, h.heap)
	}
	_ = w.Flush()
	first, last := part(1, 6), part(5, 6)
	var errs []error
	for _, b := range bounds() {
		from, to := b.of(first), b.of(last)
		switch {
		case from < 0 || to < 0:
			errs = append(errs, fmt.Errorf("%s: nobody could look", b.name))
		case to > from*(1+b.share)+b.amount:
			errs = append(errs, fmt.Errorf("%s rose from %.1f to %.1f", b.name, from, to))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: what the service takes is not flat:\n%w", errBroken, err)
	}
	fmt.Println("flat")
	return nil
}

// lowest is the least of each in a span; -1 where nobody looked.
func lowest(seen []held, from, to time.Duration) held {
	least := held{at: to, goroutines: -1, files: -1, consumers: -1, memory: -1, heap: -1}
	for _, h := range seen {
		if h.at < from || h.at >= to {
			continue
		}
		if least.goroutines < 0 {
			least = h
			continue
		}
		least.goroutines = min(least.goroutines, h.goroutines)
		least.files = min(least.files, h.files)
		least.consumers = min(least.consumers, h.consumers)
		least.memory = min(least.memory, h.memory)
		least.heap = min(least.heap, h.heap)
	}
	return least
}

// done counts the churn.
type done struct {
	pauses, reloads, followers, consumers, connections atomic.Int64
}

// churn begins all that comes and goes; wait returns when it has ended.
func (w *world) churn(ctx context.Context) (wait func() *done) {
	var all sync.WaitGroup
	count := &done{}
	for every, step := range map[time.Duration]func(context.Context, int, *done){
		time.Second: w.pauseOne, 2 * time.Second: w.reloadOne, 700 * time.Millisecond: w.followSome,
		900 * time.Millisecond: w.consumeOne, 1100 * time.Millisecond: w.connectSome,
	} {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				step(ctx, i, count)
				rest(ctx, every)
			}
		})
	}
	return func() *done { all.Wait(); return count }
}

// pauseOne pauses an agent and has it resume.
func (w *world) pauseOne(_ context.Context, i int, count *done) {
	agent := fmt.Sprintf("/api/v1/agents/hq/%d/", 1000+i%atHQ)
	for _, verb := range []string{"pause", "resume"} {
		if _, _, err := w.k.Control(http.MethodPost, agent+verb+"?wait=5s", `{"reason":"churn"}`); err != nil {
			return
		}
	}
	count.pauses.Add(1)
}

// reloadOne adds agents to the configuration, or takes them away again.
func (w *world) reloadOne(_ context.Context, i int, count *done) {
	w.more = (i + 1) % 2 * spare
	if w.configure() == nil && w.k.Signal(syscall.SIGHUP) == nil {
		count.reloads.Add(1)
	}
}

// followSome are followers of which some leave in mid-stream and some read to
// the end.
func (w *world) followSome(ctx context.Context, _ int, count *done) {
	following, cancel := context.WithTimeout(ctx, 600*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	var lines atomic.Int64
	for i := range 6 {
		all.Go(func() {
			if i < 4 {
				w.followOne(following, i == 0, &lines)
			} else if res, err := w.k.Client.Get(w.k.URL + "/api/v1/events?follow=false&type=session.*"); err == nil { //nolint:noctx // the client has a time-out
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			count.followers.Add(1)
		})
	}
	all.Wait()
}

// consumeOne is a program that attaches, fetches a little and goes: in turn with
// a durable consumer and without.
func (w *world) consumeOne(ctx context.Context, i int, count *done) {
	nc, js, err := w.attach(ctx)
	if err != nil {
		return
	}
	defer nc.Close()
	conf := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, InactiveThreshold: 2 * time.Second}
	if i%2 == 0 {
		conf.Durable = fmt.Sprintf("churn-%d", i%20)
	}
	c, err := js.CreateOrUpdateConsumer(ctx, "EVENTS", conf)
	if err != nil {
		return
	}
	if batch, err := c.Fetch(20, jetstream.FetchMaxWait(300*time.Millisecond)); err == nil {
		for m := range batch.Messages() {
			_ = m.Ack()
		}
	}
	count.consumers.Add(1)
}

// connectSome are clients that say nothing, or nonsense, and go.
func (w *world) connectSome(ctx context.Context, _ int, count *done) {
	var all strangers
	for _, d := range w.allDoors() {
		count.connections.Add(int64(all.dial(d, 5, "") + all.dial(d, 5, strings.Repeat("x", 100)+"\r\n\r\n")))
	}
	rest(ctx, 500*time.Millisecond)
	all.leave()
}
