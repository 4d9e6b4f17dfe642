package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

const (
	giveUpTries   = 5               // 4xx in a row before an event may be given up
	giveUpSoon    = 5 * time.Minute // where the receiver takes other events
	giveUpLate    = time.Hour       // where nothing shows that it takes any
	maxLetters    = 20              // dead letters that are shown
	maxLetterText = 300             // bytes of what the receiver said that are kept
)

// DeadLetter is an event that was given up. It is still in the stream, as long
// as that keeps it.
type DeadLetter struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Position uint64    `json:"position"`
	Reason   string    `json:"reason"` // DeadRefused or DeadSkipped
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"` // what the receiver said last
	At       time.Time `json:"at"`    // when it was given up
}

// ErrNothingFails means that no event is there to be skipped: none of those
// asked about has a failed request.
var ErrNothingFails = errors.New("no event of it was tried in vain")

// undeliverable reports whether a lane's first event is to be given up. One event
// that is refused while others are taken has the fault itself. Where none are,
// the receiver may be what is broken: then it takes longer, and only answers
// that speak of the content count.
func (h *hook) undeliverable(l *lane, now time.Time) bool {
	if l.denied < giveUpTries {
		return false
	}
	tried := now.Sub(l.since)
	if h.counts.lastDelivery.After(l.since) {
		return tried >= giveUpSoon
	}
	return tried >= giveUpLate && l.content
}

// giveUp gives a lane's first event up.
func (h *hook) giveUp(l *lane, reason string, now time.Time) DeadLetter {
	e := l.queue[0]
	letter := DeadLetter{
		ID: e.id, Type: e.typ, Position: e.seq, Reason: reason, Attempts: l.fails, Error: strings.ToValidUTF8(l.err[:min(len(l.err), maxLetterText)], ""), At: now.UTC(),
	}
	// The record may be on its way to the store: its parts are replaced.
	counts := maps.Clone(h.rec.GivenUp)
	if counts == nil {
		counts = map[string]uint64{}
	}
	counts[reason]++
	h.rec.GivenUp = counts
	kept := h.rec.Letters[max(0, len(h.rec.Letters)-maxLetters+1):]
	h.rec.Letters = append(append(make([]DeadLetter, 0, maxLetters), kept...), letter)
	h.win.drop(l)
	h.touch()
	h.log.Error("webhook: an event was given up, so that its agent's later ones are delivered; it stays in the stream as long as that keeps it",
		"event", letter.ID, "position", letter.Position, "why", reason, "attempts", letter.Attempts, "error", letter.Error)
	return letter
}

// Skip gives up the oldest event of a hook of which a request failed, or the one of
// the agent named, and goes on with the next at once. A request that is in flight
// is waited for: an event that it delivers is not skipped. It fails with
// ErrUnknown or ErrNothingFails.
func (h *Hooks) Skip(ctx context.Context, name, agent, by, reason string) (DeadLetter, error) {
	k := h.running(name)
	if k == nil {
		return DeadLetter{}, fmt.Errorf("%w: %s", ErrUnknown, name)
	}
	var letter DeadLetter
	found := false
	k.ask(ctx, func() { letter, found = k.skip(agent, time.Now()) })
	switch {
	case ctx.Err() != nil:
		return DeadLetter{}, ctx.Err()
	case !found && agent != "":
		return DeadLetter{}, fmt.Errorf("webhook %s, agent %s: %w", name, agent, ErrNothingFails)
	case !found:
		return DeadLetter{}, fmt.Errorf("webhook %s: %w", name, ErrNothingFails)
	}
	h.o.Log.Info("audit", "webhook", name, "operation", "skip", "event", letter.ID, "position", letter.Position, "by", by, "reason", reason)
	return letter, nil
}

// skip runs on the hook's goroutine.
func (h *hook) skip(agent string, now time.Time) (DeadLetter, bool) {
	l := h.win.failing()
	if agent != "" {
		l = h.win.failingOf(agent)
	}
	switch {
	case l == nil:
		return DeadLetter{}, false
	case l.busy:
		e := l.queue[0]
		l.skipped = true
		return DeadLetter{ID: e.id, Type: e.typ, Position: e.seq, Reason: DeadSkipped, Attempts: l.fails, Error: l.err, At: now.UTC()}, true
	}
	return h.giveUp(l, DeadSkipped, now), true
}
