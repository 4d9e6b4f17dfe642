package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"agentkeeper/session"
)

const (
	directGet   = "$JS.API.DIRECT.GET." + eventsName
	readBytes   = 64 << 10 // of one batch, but for its last event
	readBatch   = 256      // events of one batch
	agentBatch  = 64       // likewise, of a single agent's
	readSlice   = 20 * time.Millisecond
	readSilence = 10 * time.Second // the longest that the server may take for an answer

	headerSubject  = "Nats-Subject"
	headerSequence = "Nats-Sequence"
	headerStored   = "Nats-Time-Stamp"
	headerStatus   = "Status"
)

// old reads events from the disk. It asks the server for them directly: that
// leaves no consumer behind, and takes no place of the consumers that others
// may have.
//
// While the server answers, it holds writes up: batches are small, one is read
// at a time, and between two of them the reading rests for as long as the last
// one took, however many followers lag. It has a connection of its own, for the
// server answers on the goroutine that reads the request.
type old struct {
	dial  func() (*nats.Conn, error)
	turn  chan struct{} // taken by who reads
	until time.Time     // the end of the rest; turn's

	mu     sync.Mutex
	nc     *nats.Conn // made with the first read
	closed bool
}

func newOld(dial func() (*nats.Conn, error)) *old {
	return &old{dial: dial, turn: make(chan struct{}, 1)}
}

// unreadableError means that the server has an event and does not give it.
type unreadableError struct{ seq uint64 }

func (e *unreadableError) Error() string {
	return fmt.Sprintf("the server does not find the event at position %d, which it keeps", e.seq)
}

// read returns the first few events from a position on, oldest first: all that
// there are, or with a subject those that match it. None means that there is
// none, or that the first one is damaged: see ended.
func (o *old) read(ctx context.Context, subject string, from uint64) (events []*Event, err error) {
	err = o.inTurn(ctx, func(ctx context.Context, nc *nats.Conn) (err error) {
		if subject == "" {
			ask := getRequest{Seq: from, Batch: readBatch, MaxBytes: readBytes}
			_, err = getBatch(ctx, nc, directGet, ask, func(m *nats.Msg, seq uint64) { events = append(events, eventOf(m, seq)) })
		} else {
			events, err = someOf(ctx, nc, subject, from, time.Now().Add(readSlice))
		}
		return err
	})
	return events, err
}

// ended reports whether no event from a position on matches a subject. The
// server gives the same answer for that and for a next event that it cannot
// read; but it knows of the last match without reading it.
func (o *old) ended(ctx context.Context, subject string, from uint64) (ended bool, err error) {
	err = o.inTurn(ctx, func(ctx context.Context, nc *nats.Conn) error {
		m, err := nc.RequestWithContext(ctx, directGet, getRequest{Last: subject}.encode())
		if err != nil {
			return err
		}
		last, err := readAnswer(m)
		switch {
		case err != nil:
			return err
		case last != nil:
			ended = last.Seq < from
			return nil
		}
		ended, err = noneOf(ctx, nc, subject)
		return err
	})
	return ended, err
}

// noneOf reports whether the server keeps no event that matches, be it one that
// it cannot read.
func noneOf(ctx context.Context, nc *nats.Conn, subject string) (bool, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return false, err
	}
	stream, err := js.Stream(ctx, eventsName)
	if err != nil {
		return false, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return false, err
	}
	return len(info.State.Subjects) == 0, nil
}

// inTurn calls fn when it is the caller's turn to read, after the rest that the
// last one left to the writes.
func (o *old) inTurn(ctx context.Context, fn func(ctx context.Context, nc *nats.Conn) error) error {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-o.turn }()
	if err := session.Sleep(ctx, time.Until(o.until)); err != nil {
		return err
	}
	began := time.Now()
	defer func() {
		now := time.Now()
		o.until = now.Add(now.Sub(began))
	}()
	ctx, cancel := context.WithTimeout(ctx, readSilence)
	defer cancel()
	nc, err := o.connection()
	if err != nil {
		return err
	}
	return fn(ctx, nc)
}

func (o *old) connection() (*nats.Conn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, ErrUnavailable
	}
	if o.nc != nil && !o.nc.IsClosed() {
		return o.nc, nil
	}
	nc, err := o.dial()
	if err != nil {
		return nil, err
	}
	o.nc = nc
	return nc, nil
}

func (o *old) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.nc != nil {
		o.nc.Close()
	}
}

// getRequest is a request of the server's for events by their positions.
type getRequest struct {
	Seq      uint64 `json:"seq,omitempty"`
	Subject  string `json:"next_by_subj,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

func (r getRequest) encode() []byte {
	data, _ := json.Marshal(r) // plain values always encode
	return data
}

// getBatch asks the server for the messages that a request means and calls fn with
// each and its position. The server ends its answers with one of status 204, or
// gives none but one of status 404: then there is no more.
func getBatch(ctx context.Context, nc *nats.Conn, api string, r getRequest, fn func(m *nats.Msg, seq uint64)) (more bool, err error) {
	inbox := nats.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return false, err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails where the connection has ended
	if err := nc.PublishRequest(api, inbox, r.encode()); err != nil {
		return false, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return false, err
		}
		seq, err := positionIn(m)
		if err != nil || seq == 0 {
			return m.Header.Get(headerStatus) == statusMore, err
		}
		fn(m, seq)
	}
}

// The statuses of an answer without a message.
const (
	statusMore = "204" // the end of a batch
	statusNone = "404" // there is no such message, and none behind
)

// positionIn returns the position of the message that an answer holds, 0 where it
// holds none.
func positionIn(m *nats.Msg) (uint64, error) {
	switch status := m.Header.Get(headerStatus); status {
	case "":
	case statusMore, statusNone:
		return 0, nil
	default:
		return 0, fmt.Errorf("the server answers a request for messages with status %s %s", status, m.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
	if err != nil || seq == 0 {
		return 0, errors.New("the server gives a message without its position")
	}
	return seq, nil
}

// someOf reads one agent's events, one by one and for a moment only: the server
// counts all that match before it answers a request for many, which takes it
// seconds in a large stream and holds all writes up.
func someOf(ctx context.Context, nc *nats.Conn, subject string, from uint64, until time.Time) (events []*Event, err error) {
	for bytes := 0; len(events) < agentBatch && bytes < readBytes; {
		m, err := nc.RequestWithContext(ctx, directGet, getRequest{Seq: from, Subject: subject}.encode())
		if err != nil {
			return nil, err
		}
		ev, err := readAnswer(m)
		if err != nil || ev == nil {
			return events, err
		}
		events = append(events, ev)
		from, bytes = ev.Seq+1, bytes+len(ev.Data)
		if !time.Now().Before(until) {
			break
		}
	}
	return events, nil
}

// readAnswer reads one answer; nil is the end.
func readAnswer(m *nats.Msg) (*Event, error) {
	seq, err := positionIn(m)
	if err != nil || seq == 0 {
		return nil, err
	}
	return eventOf(m, seq), nil
}

func eventOf(m *nats.Msg, seq uint64) *Event {
	stored, _ := time.Parse(time.RFC3339Nano, m.Header.Get(headerStored)) // zero says nothing
	return &Event{Seq: seq, Data: m.Data, Stored: stored, subject: m.Header.Get(headerSubject)}
}
