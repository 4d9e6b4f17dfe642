package webhook

import (
	"context"
	"time"
)

// settle updates lane, window and pace after an attempt.
func (h *hook) settle(r result, now time.Time) {
	h.inFlight--
	if r.outcome == delivered {
		h.succeed(r.lane, now)
		return
	}
	l := r.lane
	if l.fails++; l.fails == 1 {
		l.since = now
	}
	if l.denied++; !r.denied {
		l.denied = 0
	}
	l.err, l.content = r.err, r.content
	h.counts.lastError, h.counts.lastErrorAt = r.err, now
	switch {
	case l.skipped && r.outcome != refused:
		h.answered(now)
		h.giveUp(l, DeadSkipped, now)
		return
	case h.undeliverable(l, now):
		h.answered(now)
		h.giveUp(l, DeadRefused, now)
		return
	}
	switch r.outcome {
	case refused:
		h.win.again(l)
		h.end(r, now)
	case limited:
		h.win.again(l)
		h.slow(r, now)
	default:
		h.fail(r, now)
	}
}

// succeed counts a delivery and ends what its failures had led to.
func (h *hook) succeed(l *lane, now time.Time) {
	e, fails := l.queue[0], l.fails
	h.win.delivered(l)
	h.touch()
	h.counts.delivered++
	h.counts.lastDelivery = now
	h.counter.EventsDelivered(h.sink(), 1)
	if !e.at.IsZero() {
		h.counter.EventDelivery(h.sink(), max(now.Sub(e.at), 0))
	}
	if fails >= outAfter && !h.out() {
		h.log.Info("webhook: delivered at last", "event", e.id, "attempts", fails+1)
	}
	h.answered(now)
	h.limits = 0
	h.regain()
}

// answered notes that the receiver is there. After an outage it lets those
// lanes go that failed no more often than the outage explains.
func (h *hook) answered(now time.Time) {
	if h.out() {
		h.log.Info("webhook: the receiver is back", "after", now.Sub(h.outSince).Round(time.Second).String())
		tried := h.probes + 1
		h.release(now, func(l *lane) bool { return l.fails <= tried })
	}
	clear(h.unreachables)
}

func (h *hook) sink() string { return Sink(h.cfg.Name) }

// regain gives back, one by one, the requests in flight that 429s took.
func (h *hook) regain() {
	if h.allowed == h.cfg.Concurrent {
		return
	}
	if h.gained++; h.gained >= gainAfter {
		h.allowed, h.gained = h.allowed+1, 0
	}
}

// slow makes the whole hook pause and go on with half the requests in flight.
func (h *hook) slow(r result, now time.Time) {
	if !now.Before(h.hold) { // the first of those that were in flight together
		h.limits++
		h.allowed, h.gained = max(1, h.allowed/2), 0
	}
	h.pause(now.Add(h.wait(r, h.limits)))
	h.logFailure(r, now, h.hold)
}

// fail lets the lane wait, and the whole hook where the receiver is away.
func (h *hook) fail(r result, now time.Time) {
	due := now.Add(h.wait(r, r.lane.fails))
	h.win.failed(r.lane, due)
	switch r.outcome {
	case failed:
		h.answered(now)
	case retryLater:
		h.pause(due)
	default:
		h.noteUnreachable(r, now)
	}
	h.logFailure(r, now, due)
}

// noteUnreachable notes that the receiver does not answer as one that works.
func (h *hook) noteUnreachable(r result, now time.Time) {
	was := h.out()
	h.unreachables[r.lane.key] = true
	if !h.out() {
		return
	}
	if !was {
		h.outSince = now
		h.log.Warn("webhook: the receiver is out; one request at a time tries it", "error", r.err)
	}
	h.probes++
	h.pause(now.Add(delay(h.probes, h.random.Float64())))
}

func (h *hook) pause(until time.Time) {
	if until.After(h.hold) {
		h.hold = until
	}
}

// wait is how long to wait after the n-th failure: as the receiver says, with
// a little on top so that not all come at once, or by back-off.
func (h *hook) wait(r result, n int) time.Duration {
	u := h.random.Float64()
	if r.after > 0 {
		return r.after + time.Duration(u*float64(min(r.after/10, time.Second)))
	}
	return delay(max(n, 1), u)
}

const quietFor = 10 * time.Second

// logFailure logs a failure, at most one in ten seconds, and none that is our own
// doing at the end.
func (h *hook) logFailure(r result, now, next time.Time) {
	switch {
	case h.ending:
		return
	case now.Before(h.quiet):
		h.unsaid++
		return
	}
	e := r.lane.queue[0]
	h.log.Warn("webhook: not delivered", "event", e.id, "attempt", r.lane.fails, "error", r.err,
		"next_attempt", next.UTC().Format(time.RFC3339), "more_failures", h.unsaid)
	h.quiet, h.unsaid = now.Add(quietFor), 0
}

// end stops the hook after a 410.
func (h *hook) end(r result, now time.Time) {
	if h.rec.Gone != nil {
		return
	}
	h.rec.Gone = &gone{At: now.UTC(), Settings: h.settings}
	h.saveAt = now
	h.unfollow()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	first, last, _ := h.store.Span(ctx) // zero: then only what was read counts
	h.log.Error("webhook: stopped, because the receiver says that it is gone for good; change the hook's configuration, remove it, or resume it",
		"error", r.err, "pending", h.pending(first, last))
}

// pending counts what waits, in the window and in the stream behind it: there
// it may be for others.
func (h *hook) pending(first, last uint64) uint64 {
	from := max(h.pos.read, h.pos.done)
	if first > 0 {
		from = max(from, first-1)
	}
	n := uint64(max(h.win.events, len(h.pos.remaining())))
	if last > from {
		n += last - from
	}
	return n
}
