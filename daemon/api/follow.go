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

const (
	heartbeat   = 15 * time.Second
	keptBuffer  = 128 << 10 // bytes that a writer keeps from one write to the next
	shownLength = 64        // bytes of what a stranger sent that an error repeats
)

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
	_ = r.Events.Follow(ctx, after, f, func(events []*store.Event) error {
		err := out.events(events)
		if err == nil {
			r.Audience.Delivered(events, since)
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
		return 0, fmt.Errorf("the Last-Event-ID %q is no position: send the id of the last event, or 0 for the oldest kept", last[:min(len(last), shownLength)])
	}
	return after, nil
}

// filterOf reads which events the consumer wants; one that wants too much is
// told so before anything is done for it.
func filterOf(req *http.Request) (f store.Filter, err error) {
	for name, values := range req.URL.Query() {
		switch name {
		case "agent":
			if f.Agent, err = agentOfQuery(values[0]); err != nil {
				return f, err
			}
		case "type":
			for _, v := range values {
				f.Types = append(f.Types, strings.SplitN(v, ",", store.MaxPatterns+2)...)
				if err := f.Check(); err != nil {
					return f, err
				}
			}
		default:
			return f, fmt.Errorf("unknown parameter %q: use agent, type and follow", name[:min(len(name), shownLength)])
		}
	}
	return f, nil
}

func agentOfQuery(name string) (session.ID, error) {
	if len(name) > store.MaxAgentSize {
		return session.ID{}, store.Filter{Agent: session.ID{Login: name}}.Check()
	}
	return session.ParseID(name)
}

// eventWriter writes to one consumer, from the events and the heartbeat.
type eventWriter struct {
	turn   chan struct{} // one whole write at a time; taken over the write, which has a deadline
	w      http.ResponseWriter
	rc     *http.ResponseController
	buffer []byte // the callback's own
}

// events writes all of them at once: a write costs more than what is in it.
func (e *eventWriter) events(events []*store.Event) error {
	e.buffer = e.buffer[:0]
	for _, ev := range events {
		e.buffer = appendEvent(e.buffer, ev)
	}
	err := e.writeBytes(e.buffer)
	if cap(e.buffer) > keptBuffer {
		e.buffer = nil
	}
	return err
}

// appendEvent appends one event as it is sent.
func appendEvent(to []byte, ev *store.Event) []byte {
	to = append(to, "id: "...)
	to = strconv.AppendUint(to, ev.Seq, 10)
	to = append(to, "\ndata: "...)
	to = append(to, ev.Data...)
	return append(to, "\n\n"...)
}

func (e *eventWriter) write(text string) error { return e.writeBytes([]byte(text)) }

func (e *eventWriter) writeBytes(text []byte) error {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if err := e.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := e.w.Write(text); err != nil {
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
