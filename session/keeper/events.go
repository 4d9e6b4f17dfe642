package keeper

import (
	"context"
	"encoding/json"
	"time"

	"agentkeeper/session"
)

// lost tells the world that a session ended without our doing.
func (k *Keeper) lost(ctx context.Context, loss session.Loss) {
	k.site.Observer.SessionLost(k.id.Platform, string(loss))
	k.own(ctx, "lost", map[string]string{"reason": string(loss)})
}

// deliver hands a batch's events on, before the next request leaves, and tells
// the session what became of them.
func (k *Keeper) deliver(ctx context.Context, batch session.Batch) {
	err := k.handOn(ctx, batch.Events, batch.Settled != nil)
	if batch.Settled != nil {
		batch.Settled(err)
	}
	if batch.Missing != session.MissingNone {
		k.note(ctx, Event{Event: session.Event{Type: "gap"}, Missing: batch.Missing})
	}
	if k.site.Pending == nil {
		return
	}
	for _, e := range k.site.Pending(k.id) {
		k.note(ctx, Event{Event: e})
	}
}

// handOn returns when the vendor's events are with the sink, which has counted
// what it could not take.
func (k *Keeper) handOn(ctx context.Context, events []session.Event, again bool) error {
	if len(events) == 0 {
		return nil
	}
	k.site.Observer.EventsReceived(k.id.Platform, len(events))
	now := time.Now()
	out := make([]Event, len(events))
	for i, e := range events {
		own := e.Type == session.AnsweredLate // its place is in the order of the frames
		out[i] = Event{Event: e, Own: own, Sequence: k.number(now), Received: now, Again: again}
	}
	k.mu.Lock()
	k.events += uint64(len(events))
	k.mu.Unlock()
	k.reserve(ctx)
	return k.site.Sink.Take(context.WithoutCancel(ctx), k.id, out)
}

// own reports an event of ours.
func (k *Keeper) own(ctx context.Context, name string, data map[string]string) {
	encoded := []byte("{}")
	if data != nil {
		encoded, _ = json.Marshal(data) // strings always encode
	}
	k.note(ctx, Event{Event: session.Event{Type: name, Data: encoded}})
}

// note numbers an event of ours and hands it on.
func (k *Keeper) note(ctx context.Context, e Event) {
	now := time.Now()
	e.Own, e.Received = true, now
	e.Sequence = k.number(now)
	k.reserve(ctx)
	k.site.Sink.Note(k.id, e)
}

// number returns an event's sequence number. It keeps up with the clock, so
// that agents whose record was lost go on rising.
func (k *Keeper) number(now time.Time) uint64 {
	k.last = max(k.last+1, micros(now))
	return k.last
}

// ahead is how far ahead of the clock numbers are reserved: an agent's events
// cost at most one write of the record in this time.
const ahead = time.Hour

// reserved returns the highest number that may be given out once it is stored.
func (k *Keeper) reserved() uint64 {
	return max(k.rec.sequence, max(k.last, micros(time.Now()))+uint64(ahead.Microseconds()))
}

// lastGiven returns a number that none of the processes before has passed: those
// that are reserved on record, and one for each microsecond since that was
// written. The process before may have given out numbers above the reserved ones
// while the store took no record, though events.
func lastGiven(rec session.Record, now time.Time) uint64 {
	if rec.Written.IsZero() {
		return rec.Sequence
	}
	return rec.Sequence + uint64(max(now.Sub(rec.Written), 0).Microseconds())
}

// reserve makes the numbers durable that were given out, before anybody sees
// them: the next process goes on above them, whatever its clock says. A store
// that fails stops no event.
func (k *Keeper) reserve(ctx context.Context) {
	if k.last > k.rec.sequence {
		k.rec.dirty = true
		k.save(ctx)
	}
}

func micros(t time.Time) uint64 { return uint64(max(t.UnixMicro(), 0)) }
