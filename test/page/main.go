// Command page measures the status page with a large fleet in a real Chromium,
// and what it costs the service.
//
//	go run ./test/page                        measure with 20,000 agents, print a table
//	go run ./test/page -agents 50000          more
//	go run ./test/page -serve 127.0.0.1:9470  only serve such a fleet, to look at
//
// The fleet, the API and the page are the service's own; the platforms are
// pretended. Every second twenty agents lose their session and come back. Times
// in the browser are its own; "to the next frame" is until it has painted what
// followed. CPU is that of this process, which pretends the platforms too: the
// line without viewers is what that takes.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

var (
	agents  = flag.Int("agents", 20000, "how many agents")
	address = flag.String("serve", "", "serve at this address until interrupted, and measure nothing")
	churn   = flag.Int("churn", 20, "sessions lost a second")
	span    = flag.Duration("span", 20*time.Second, "how long CPU is measured")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := newWorld(ctx, *agents)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", cmp.Or(*address, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: w.handler, ReadHeaderTimeout: 10 * time.Second}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) }) // until Close
	running.Go(func() { w.churn(ctx, *churn) })
	defer running.Wait()
	defer func() { _ = server.Close() }()
	defer stop()
	url := "http://" + l.Addr().String()
	if *address != "" {
		fmt.Println("serving", *agents, "agents at", url)
		<-ctx.Done()
		return nil
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return measure(ctx, url, *agents)
}

// settle waits until nearly everybody is online.
func (w *world) settle(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for w.online() < *agents*95/100 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
