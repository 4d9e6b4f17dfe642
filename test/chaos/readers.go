package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"agentkeeper/test/rig"
)

// attach connects to the stream as a site's program does.
func (w *world) attach(ctx context.Context) (*nats.Conn, jetstream.JetStream, error) {
	var nc *nats.Conn
	err := rig.Await(ctx, 10*time.Second, "a connection to the stream", func() (err error) {
		nc, err = nats.Connect("nats://"+w.doors.nats, nats.UserInfo("crm", "crm"), nats.Timeout(2*time.Second), nats.MaxReconnects(-1))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return nc, js, err
}

// attached counts the stream's consumers.
func (w *world) attached(ctx context.Context) (int, error) {
	nc, js, err := w.attach(ctx)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	s, err := js.Stream(ctx, "EVENTS")
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.Consumers, nil
}

// settled waits until the stream has no more consumers than most.
func (t *trial) settled(ctx context.Context, most int, who string) {
	err := rig.Await(ctx, 15*time.Second, "the end of the consumers of "+who, func() error {
		n, err := t.attached(ctx)
		if err == nil && n > most {
			err = fmt.Errorf("%d are left, before there were %d", n, most)
		}
		return err
	})
	t.need(err)
}

// followers read the events beside the ledger, as many as are let in; some never
// read. When they have gone nothing of them may be left.
func followers(ctx context.Context, t *trial) error {
	before, err := t.attached(ctx)
	if err != nil {
		return err
	}
	const many, dead = 255, 20
	following, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	var lines atomic.Int64
	refused := atomic.Int64{}
	for i := range many {
		all.Go(func() {
			if !t.followOne(following, i < dead, &lines) {
				refused.Add(1)
			}
		})
	}
	rest(ctx, 4*time.Second)
	cancel()
	all.Wait()
	t.note("%d followers, %d of them dead, %d refused; they read %d lines", many, dead, refused.Load(), lines.Load())
	if refused.Load() > 0 {
		t.broke("%d of 256 followers were refused", refused.Load())
	}
	for began := time.Now(); time.Since(began) < 3*time.Second; {
		if _, _, err := t.k.Get("/api/v1/events?follow=false&type=session.parked"); err != nil {
			t.note("a read of what there is: %v", err)
		}
	}
	t.settled(ctx, before, "followers that have gone")
	return nil
}

// followOne follows until ctx ends. It returns false when it was not let in.
func (w *world) followOne(ctx context.Context, dead bool, lines *atomic.Int64) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.doors.listen+"/api/v1/events?type=huawei.*", nil)
	if err != nil {
		return false
	}
	res, err := (&http.Client{Transport: rig.Insecure()}).Do(req)
	if err != nil {
		return ctx.Err() != nil
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return false
	}
	if dead {
		<-ctx.Done()
		return true
	}
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		lines.Add(1)
	}
	return true
}

// readers are consumers that take without end and acknowledge nothing, and
// requests without measure. The receiver that is well gets its events all the
// while, beside a slow and a dead one.
func readers(ctx context.Context, t *trial) error {
	nc, js, err := t.attach(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	for i := range 10 {
		c, err := js.CreateOrUpdateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{
			Durable: fmt.Sprintf("dead-%d", i), AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Second, MaxAckPending: 5000,
			InactiveThreshold: 5 * time.Second, FilterSubjects: []string{"ev.>"},
		})
		if err != nil {
			t.broke("a durable consumer: %v", err)
			break
		}
		if _, err := c.Fetch(500, jetstream.FetchMaxWait(time.Second)); err != nil {
			t.note("a fetch: %v", err)
		}
	}
	taken := t.hooks.taken.Load()
	t.immoderate(ctx)
	t.need(rig.Await(ctx, patience, "an event at the webhook that is well", func() error {
		if t.hooks.taken.Load() == taken {
			return errors.New("none beside a slow and a dead one")
		}
		return nil
	}))
	return nil
}

// immoderate sends requests without measure: they must be refused, and cost
// nobody anything.
func (t *trial) immoderate(ctx context.Context) {
	patterns := "/api/v1/events?follow=false&type=" + strings.Repeat("huawei.X*,", 6000) + "huawei.Y"
	for name, path := range map[string]string{"6,000 patterns": patterns, "a name of 60,000 characters": "/api/v1/agents/hq/" + strings.Repeat("x", 60_000)} {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.k.URL+path, nil)
				if err != nil {
					return
				}
				res, err := t.k.Client.Do(req)
				if err != nil {
					return // cut off, or not answered in time: the agents' figures tell what it cost
				}
				defer func() { _ = res.Body.Close() }()
				_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
				if res.StatusCode == http.StatusOK {
					t.askedTooMuch(name)
				}
			})
		}
		all.Wait()
	}
}

var asked sync.Mutex

// askedTooMuch notes once that a request without measure was served.
func (t *trial) askedTooMuch(name string) {
	asked.Lock()
	defer asked.Unlock()
	text := "a request with " + name + " was served"
	for _, b := range t.broken {
		if b == text {
			return
		}
	}
	t.broken = append(t.broken, text)
}

// names are durable consumers of one user without end. Whatever becomes of the
// last of them, everybody else must still be served.
func names(ctx context.Context, t *trial) error {
	nc, js, err := t.attach(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	made := 0
	for made < 1100 {
		_, err = js.CreateOrUpdateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{
			Durable: fmt.Sprintf("name-%d", made), AckPolicy: jetstream.AckExplicitPolicy, InactiveThreshold: 20 * time.Second,
		})
		if err != nil {
			break
		}
		made++
	}
	t.note("%d durable consumers were created, then: %v", made, err)
	var lines atomic.Int64
	following, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if !t.followOne(following, false, &lines) {
		t.broke("a follower is not let in beside %d durable consumers of one user", made)
	}
	rest(ctx, 25*time.Second) // until they are gone of themselves
	return nil
}
