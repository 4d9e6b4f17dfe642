// Command peers is what the benchmark holds the service against: loops that do
// per poll or ping what the service does, and nothing else. The benchmark
// (agentkeeper/test/bench) builds and runs it as a process of its own; it is a
// module of its own, so that the product does not depend on the libraries that it
// is compared with.
//
// A Huawei loop signs in, polls, reads the answer, looks for "event":null in it
// and pauses for 200 ms. An ECSS loop logs in, subscribes and pings.
//
//	net-http      net/http, MaxConnsPerHost = agents; three goroutines an agent
//	fasthttp      fasthttp.HostClient; one goroutine an agent
//	goroutine     crypto/tls by hand: one goroutine an agent waits for one byte,
//	              buffers are lent while an answer is read, the request is built once
//	epoll         the same without a goroutine: crypto/tls over non-blocking
//	              descriptors, one epoll loop (Linux)
//	ws-coder      coder/websocket; two goroutines an agent
//	ws-goroutine  websocket frames by hand; one goroutine an agent
//
// It speaks lines: it prints "ready" before the first dial, takes "go", prints
// "online" once every agent has signed in, then answers each of "count", "collect"
// (two collections), "free" (and memory given back to the system) and "profile
// FILE" (a CPU profile until "profile") with one line of JSON. It ends with its
// standard input.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// options are what a loop is told.
type options struct {
	Address    string // of the platform, host:port
	CAFile     string
	Agents     int
	Concurrent int // sign-ins at once
	Pause      time.Duration
	Timeout    time.Duration // for the answer of a poll
	Ping       time.Duration
}

const (
	firstLogin = 1001
	firstPhone = 100001
	password   = "bench"
)

// start signs all agents in, at most Concurrent at once, and returns once they are;
// they live on until the process ends.
type start func(o options, t *tally) error

var peers = map[string]start{
	"net-http": startNetHTTP, "fasthttp": startFastHTTP, "goroutine": startGoroutines, "epoll": startEpoll,
	"ws-coder": startCoder, "ws-goroutine": startSockets,
}

func names() []string {
	var all []string
	for name := range peers {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func main() {
	var o options
	peer := flag.String("peer", "", "which loop: "+strings.Join(names(), ", "))
	flag.StringVar(&o.Address, "addr", "", "the platform's host and port")
	flag.StringVar(&o.CAFile, "ca", "ca.pem", "file with the platform's authority")
	flag.IntVar(&o.Agents, "agents", 1000, "how many agents")
	flag.IntVar(&o.Concurrent, "concurrent", 32, "sign-ins at once")
	flag.DurationVar(&o.Pause, "pause", 200*time.Millisecond, "pause after an answer without event")
	flag.DurationVar(&o.Timeout, "timeout", 25*time.Second, "for the answer of a poll, and of a ping")
	flag.DurationVar(&o.Ping, "ping", 25*time.Second, "between two pings of one agent")
	flag.Parse()
	if err := run(*peer, o); err != nil {
		fmt.Fprintf(os.Stderr, "peers: %s: %v\n", *peer, err)
		os.Exit(1)
	}
}

func run(peer string, o options) error {
	begin, ok := peers[peer]
	if !ok {
		return fmt.Errorf("no such peer: use %s", strings.Join(names(), ", "))
	}
	if o.Agents < 1 || o.Concurrent < 1 || o.Ping <= 0 {
		return errors.New("-agents, -concurrent and -ping must be above 0")
	}
	c, t := newControl(os.Stdin, os.Stdout), &tally{}
	c.say("ready")
	if err := c.await("go"); err != nil {
		return err
	}
	if err := begin(o, t); err != nil {
		return err
	}
	c.say("online")
	return c.serve(t)
}
