package webhook

import (
	"context"
	"slices"
	"time"
)

// State says what a hook does.
type State string

// The states.
const (
	Delivering State = "delivering" // or has nothing to deliver
	Retrying   State = "retrying"   // a request of at least one event failed
	Paused     State = "paused"     // the receiver asked for a pause, or is out
	Stopped    State = "stopped"    // it answered 410, or another process has the hook
)

// Why events are dead letters.
const (
	DeadRetention = "retention" // dropped by the stream before they were delivered
	DeadRefused   = "refused"   // given up, because the receiver answered 4xx again and again
	DeadSkipped   = "skipped"   // given up by a person's word
	DeadGone      = "gone"      // waiting while the hook is stopped by 410; delivered after all if it is resumed in time
)

// Status is a hook at one instant. Counts but the dead letters are since the
// start of the process.
type Status struct {
	Name      string
	URL       string // for people, without what may be a secret
	State     State
	Since     time.Time // of a stop; else zero
	Cursor    uint64    // everything up to this position is delivered
	Lag       uint64    // events that wait, counted in the stream before the hook's filters
	Oldest    time.Time // when the oldest of them was received; zero: none waits that was read
	InFlight  int
	Delivered uint64
	Retries   uint64
	LastOK    time.Time
	LastError string
	ErrorAt   time.Time
	Next      time.Time         // when the hook or its first lane tries again; zero: nothing waits for a time
	Failing   *Failing          // the oldest event of which a request failed; nil: none
	Dead      map[string]uint64 // by reason, every reason
	Letters   []DeadLetter      // the latest that were given up, oldest first
}

// Age is how long the oldest event that waits has been here; 0 where none does.
func (s Status) Age(now time.Time) time.Duration {
	if s.Oldest.IsZero() {
		return 0
	}
	return max(now.Sub(s.Oldest), 0)
}

// Failing is an event that the receiver does not take.
type Failing struct {
	ID       string
	Type     string
	Position uint64
	Received time.Time
	Attempts int
	Error    string
	Next     time.Time // not before
}

// Status returns all hooks in the order of the configuration. It waits for the
// store until ctx ends, and goes by its last word then.
func (h *Hooks) Status(ctx context.Context) []Status {
	first, last := h.span(ctx)
	list := []Status{}
	for _, k := range h.all() {
		var s Status
		if k.ask(h.ctx, func() { s = k.status(first, last, time.Now()) }) {
			list = append(list, s)
		}
	}
	return list
}

func (h *Hooks) span(ctx context.Context) (first, last uint64) {
	f, l, err := h.o.Store.Span(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.first, h.last = f, l
	}
	return h.first, h.last
}

// status runs on the hook's goroutine.
func (h *hook) status(first, last uint64, now time.Time) Status {
	s := Status{
		Name: h.cfg.Name, URL: h.cfg.Shown, State: h.state(now), Cursor: h.cursor(), Lag: h.pending(first, last), Oldest: h.oldestAt(),
		InFlight: h.inFlight, Delivered: h.counts.delivered, Retries: h.counts.retries,
		LastOK: h.counts.lastDelivery, LastError: h.counts.lastError, ErrorAt: h.counts.lastErrorAt,
		Failing: h.failing(), Letters: slices.Clone(h.rec.Letters),
		Dead: map[string]uint64{
			DeadRetention: h.rec.Dead + h.dropping(first), DeadGone: 0,
			DeadRefused: h.rec.GivenUp[DeadRefused], DeadSkipped: h.rec.GivenUp[DeadSkipped],
		},
	}
	if at := h.wakeUp(); at.After(now) {
		s.Next = at
	}
	if h.rec.Gone != nil {
		s.Since, s.Dead[DeadGone] = h.rec.Gone.At, s.Lag
	}
	return s
}

func (h *hook) state(now time.Time) State {
	switch {
	case h.stopped():
		return Stopped
	case h.out(), now.Before(h.hold):
		return Paused
	case h.win.failing() != nil:
		return Retrying
	}
	return Delivering
}

// wakeUp is when something is sent again; zero where nothing waits for a time.
func (h *hook) wakeUp() time.Time {
	switch {
	case h.stopped(), h.win.events == 0:
		return time.Time{}
	case h.hold.After(h.win.due()), h.out():
		return h.hold
	}
	return h.win.due()
}

// cursor is the position up to which everything is delivered.
func (h *hook) cursor() uint64 {
	done, late := h.pos.record(h.win.heads())
	for _, seq := range late {
		done = min(done, seq-1)
	}
	return done
}

// dropping counts what the stream has dropped and this hook has not noticed
// yet, for want of a next event.
func (h *hook) dropping(first uint64) uint64 {
	if from := max(h.pos.read, h.pos.done); first > from+1 {
		return first - from - 1
	}
	return 0
}

func (h *hook) failing() *Failing {
	l := h.win.failing()
	if l == nil {
		return nil
	}
	e := l.queue[0]
	return &Failing{ID: e.id, Type: e.typ, Position: e.seq, Received: e.at, Attempts: l.fails, Error: l.err, Next: l.due}
}
