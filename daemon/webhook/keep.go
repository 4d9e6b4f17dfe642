package webhook

import (
	"context"
	"errors"
	"time"

	"agentkeeper/daemon/store"
)

// touch notes that the position differs from the stored one.
func (h *hook) touch() {
	if h.saveAt.IsZero() {
		h.saveAt = time.Now().Add(saveEvery)
	}
}

// record is the hook as the next process is to find it.
func (h *hook) record() record {
	rec := h.rec
	rec.Done, rec.Late = h.pos.record(h.win.heads())
	rec.Oldest = h.oldestAt()
	return rec
}

// oldestAt is when the oldest event that waits was received; zero where none
// does, or nobody knows.
func (h *hook) oldestAt() time.Time {
	switch l := h.win.oldest(); {
	case l != nil && !h.pos.replaying():
		return l.queue[0].at
	case h.pos.replaying():
		return h.rec.Oldest
	}
	return time.Time{}
}

// save writes the position when it is time, on a goroutine of its own: a slow
// store delays no delivery.
func (h *hook) save(now time.Time) {
	if h.saving || h.saveAt.IsZero() || now.Before(h.saveAt) || !h.began || h.fenced {
		return
	}
	h.saving, h.saveAt = true, time.Time{}
	data := h.record().encode()
	go func() { // waited for, at the latest by finish
		ctx, cancel := context.WithTimeout(context.Background(), lastSave)
		defer cancel()
		h.saved <- h.store.Put(ctx, store.Hooks, h.cfg.Name, data)
	}()
}

func (h *hook) stored(err error) {
	h.saving = false
	switch {
	case err == nil:
	case errors.Is(err, store.ErrFenced):
		h.fenced = true
		h.unfollow()
		h.log.Error("webhook: another process has taken it over", "error", err)
	default:
		h.log.Debug("webhook: its position was not stored", "error", err)
		h.saveAt = time.Now().Add(saveAgain)
	}
}

// lastSave writes the position at the end.
func (h *hook) lastSave() {
	if !h.began || h.fenced {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastSave)
	defer cancel()
	h.rec = h.record()
	if err := h.store.Put(ctx, store.Hooks, h.cfg.Name, h.rec.encode()); err != nil {
		h.log.Warn("webhook: its position was not stored; some events will be repeated", "error", err)
	}
}

// follower reads the stream for a hook.
type follower struct {
	stop context.CancelFunc
	done chan struct{}
}

// follow starts the follower where there is none and there can be one.
func (h *hook) follow(ctx context.Context) {
	if h.follower != nil || h.stopped() || ctx.Err() != nil {
		return
	}
	if err := h.tryOpen(ctx); err != nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	f := &follower{stop: stop, done: make(chan struct{})}
	h.follower = f
	after := h.pos.read
	go func() { // joined by unfollow
		defer close(f.done)
		h.read(ctx, after)
	}()
}

// tryOpen is open, for a hook whose store did not answer at its start.
func (h *hook) tryOpen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openAgain)
	defer cancel()
	err := h.open(ctx)
	if h.began {
		return nil // if that could not be stored, the next write will be
	}
	return err
}

// unfollow ends the follower and waits for it.
func (h *hook) unfollow() {
	if h.follower != nil {
		h.follower.stop()
		<-h.follower.done
		h.follower = nil
	}
}

// offerTimeout is how long the stream is kept waiting by a full window before it is
// let go: the events that it has handed over take memory meanwhile.
const offerTimeout = 5 * time.Second

var errFull = errors.New("the window is full")

// read offers events behind a position to the hook until ctx ends.
func (h *hook) read(ctx context.Context, after uint64) {
	for ctx.Err() == nil {
		var held event
		err := h.store.Follow(ctx, after, store.Filter{}, store.Each(func(seq uint64, data []byte) error {
			e, err := decode(seq, data)
			if err != nil {
				h.log.Error("webhook: left out what cannot be read", "error", err)
			}
			if !h.offer(ctx, e, offerTimeout) {
				held = e
				return errFull
			}
			after = seq
			return nil
		}), nil) // a gap shows in the positions
		if errors.Is(err, errFull) && h.offer(ctx, held, forever) {
			after = held.seq
		}
	}
}

// offer hands an event over; false where nobody takes it in time.
func (h *hook) offer(ctx context.Context, e event, within time.Duration) bool {
	select {
	case h.in <- e:
		return true
	default:
	}
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case h.in <- e:
		return true
	case <-limit.C:
	case <-ctx.Done():
	}
	return false
}
