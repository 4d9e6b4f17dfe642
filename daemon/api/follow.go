package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"agentkeeper/daemon/sse"
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
	out := &eventWriter{Writer: sse.NewWriter(w)}
	if out.Comment(greeting) != nil {
		return
	}
	since := time.Now()
	ctx, end := out.whileAlive(req.Context())
	defer end()
	_ = r.Events.Follow(ctx, after, f, func(events []*store.Event) error {
		err := out.events(events)
		if err == nil {
			r.delivered(events, since)
		}
		return err
	}, out.gap) // ends with the consumer, whose error is its own
}

// delivered counts events that a follower has taken, who came at since. How long an
// event took says something only where the follower was there to take it.
func (r *Reader) delivered(events []*store.Event, since time.Time) {
	r.Audience.EventsDelivered(Sink, len(events))
	now := time.Now()
	for _, ev := range events {
		if ev.Stored.Before(since) {
			continue
		}
		if at := receivedAt(ev); !at.Before(since) {
			r.Audience.EventDelivery(Sink, max(now.Sub(at), 0))
		}
	}
}

// receivedAt is when the platform's answer with the event came. Only an event
// that a follower was too slow for is read from the disk, and has to be decoded.
func receivedAt(ev *store.Event) time.Time {
	if !ev.Received.IsZero() {
		return ev.Received
	}
	var e struct {
		Recorded time.Time `json:"recordedtime"`
	}
	if json.Unmarshal(ev.Data, &e) != nil {
		return time.Time{}
	}
	return e.Recorded
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

// greeting is the comment that a stream begins with, so that its headers are sent.
const greeting = "agentkeeper"

// eventWriter writes stored events to one consumer.
type eventWriter struct {
	*sse.Writer
	buffer []byte // of the goroutine that follows
}

// whileAlive returns a context that ends with ctx, or when the consumer takes nothing
// any more, which a heartbeat finds out. end is to be called when the stream is over.
func (e *eventWriter) whileAlive(ctx context.Context) (alive context.Context, end func()) {
	alive, cancel := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() {
		defer cancel()
		e.Beat(alive, heartbeat, "still here")
	})
	return alive, func() { cancel(); beats.Wait() }
}

// events writes all of them at once: a write costs more than what is in it.
func (e *eventWriter) events(events []*store.Event) error {
	e.buffer = e.buffer[:0]
	for _, ev := range events {
		e.buffer = sse.AppendNumbered(e.buffer, ev.Seq, ev.Data)
	}
	_, err := e.Write(e.buffer)
	if cap(e.buffer) > keptBuffer {
		e.buffer = nil
	}
	return err
}

// gap tells a consumer, by an event of the name "gap", that a part of the stream is
// gone before it could be delivered. Its id is the position to resume behind; a
// consumer that listens to nameless events only is not disturbed.
func (e *eventWriter) gap(g store.Gap) error {
	told := sse.Event{Name: "gap", Data: []byte(`{"store_lost":true}`)}
	if !g.Lost() {
		told.ID = strconv.FormatUint(g.To, 10)
		told.Data = fmt.Appendf(nil, `{"from":%d,"to":%d,"first_kept":%d}`, g.From, g.To, g.To+1)
	}
	_, err := e.Write(sse.Append(nil, told))
	return err
}
