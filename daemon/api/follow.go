package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

const heartbeat = 15 * time.Second

// follow streams events as server-sent events.
func (r *Reader) follow(w http.ResponseWriter, req *http.Request) {
	f, err := filterOf(req)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	after, err := r.position(req)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, store.ErrUnavailable) {
			status = http.StatusServiceUnavailable
		}
		fail(w, status, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &eventWriter{turn: make(chan struct{}, 1), w: w, rc: http.NewResponseController(w)}
	if out.write(": agentkeeper\n\n") != nil {
		return
	}
	since := time.Now()
	ctx, cancel := context.WithCancel(req.Context())
	var beats sync.WaitGroup
	beats.Go(func() { out.beat(ctx, cancel) })
	_ = r.Events.Follow(ctx, after, f, func(seq uint64, data []byte) error {
		err := out.write(fmt.Sprintf("id: %d\ndata: %s\n\n", seq, data))
		if err == nil {
			r.Delivered(data, since)
		}
		return err
	}, out.gap) // ends with the consumer, whose error is its own
	cancel()
	beats.Wait()
}

// position reads where the consumer wants to begin: behind Last-Event-ID, at
// the oldest for 0, with new events only without it.
func (r *Reader) position(req *http.Request) (uint64, error) {
	last := req.Header.Get("Last-Event-ID")
	if last == "" {
		return r.Events.LastSeq(req.Context())
	}
	after, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the Last-Event-ID %q is no position: send the id of the last event, or 0 for the oldest kept", last)
	}
	return after, nil
}

func filterOf(req *http.Request) (f store.Filter, err error) {
	for name, values := range req.URL.Query() {
		switch name {
		case "agent":
			if f.Agent, err = session.ParseID(values[0]); err != nil {
				return f, err
			}
		case "type":
			for _, v := range values {
				f.Types = append(f.Types, strings.Split(v, ",")...)
			}
		default:
			return f, fmt.Errorf("unknown parameter %q: use agent, type and follow", name)
		}
	}
	return f, nil
}

// eventWriter writes to one consumer, from the events and the heartbeat.
type eventWriter struct {
	turn chan struct{} // one whole event at a time; taken over the write, which has a deadline
	w    http.ResponseWriter
	rc   *http.ResponseController
}

func (e *eventWriter) write(text string) error {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if err := e.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.rc.Flush()
}

func (e *eventWriter) gap(g store.Gap) error { return e.write(gapText(g)) }

// gapText tells a consumer, by an event of the name "gap", that a part of the
// stream is gone before it could be delivered. Its id is the position to resume
// behind; a consumer that listens to nameless events only is not disturbed.
func gapText(g store.Gap) string {
	if g.Lost() {
		return "event: gap\ndata: {\"store_lost\":true}\n\n"
	}
	return fmt.Sprintf("event: gap\nid: %d\ndata: {\"from\":%d,\"to\":%d,\"first_kept\":%d}\n\n", g.To, g.From, g.To, g.To+1)
}

func (e *eventWriter) beat(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if e.write(": still here\n\n") != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
