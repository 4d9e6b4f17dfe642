package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	saveTimeout = 10 * time.Second // for one save
	saveRetry   = time.Second      // between a failed one and the next
	maxState    = 64 << 10         // bytes; a saved state is far smaller
)

// state is the durable form of a guard, in JSON. Instants are the wall clock's.
type state struct {
	Version int         `json:"version"`
	Refused []time.Time `json:"refused,omitempty"`
	Until   time.Time   `json:"quarantined_until,omitzero"`
	Why     string      `json:"reason,omitempty"`
	Written time.Time   `json:"written,omitzero"`
}

func (g *guard) encode(now time.Time) []byte {
	s := state{Version: 1, Until: g.until.UTC(), Why: g.why, Written: now.UTC()}
	if g.until.IsZero() {
		s.Until = time.Time{}
	}
	for _, at := range g.refused {
		s.Refused = append(s.Refused, at.UTC())
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("gate: a guard cannot be encoded: " + err.Error()) // only a year beyond 9999 could
	}
	return b
}

// restore takes over what encode wrote. Instants become monotonic, and a clock
// that was set meanwhile, or is wrong now, makes nothing last longer: a refusal
// is as old as it was when it was written at least, a quarantine ends when it
// would have from then, and after Quiet at the latest. An error leaves the guard
// as it was.
func (g *guard) restore(saved []byte, now time.Time) error {
	if len(saved) == 0 {
		return nil
	}
	if len(saved) > maxState {
		return fmt.Errorf("saved state of the gate: %d bytes, at most %d are read", len(saved), maxState)
	}
	var s state
	if err := json.Unmarshal(saved, &s); err != nil {
		return fmt.Errorf("saved state of the gate: %w", err)
	}
	for _, at := range s.Refused {
		g.refused = append(g.refused, now.Add(min(0, at.Sub(now), s.since(at))))
	}
	slices.SortFunc(g.refused, time.Time.Compare)
	g.refused = g.newest(g.recent(g.refused, now))
	if !s.Until.IsZero() {
		g.until, g.why = now.Add(min(g.rules.Quiet, s.Until.Sub(now), s.since(s.Until))), s.Why
	}
	return nil
}

// since returns how far ahead t was when the state was written; no limit where
// that is not known.
func (s state) since(t time.Time) time.Duration {
	if s.Written.IsZero() {
		return math.MaxInt64
	}
	return t.Sub(s.Written)
}

func (g *guard) newest(times []time.Time) []time.Time {
	return times[max(0, len(times)-g.rules.Failures):]
}

// unsaved reports whether the guard has changed since it was last durable.
func (g *Gate) unsaved() bool { return g.save != nil && g.saved != g.guard.version }

// unlock ends a critical section, and then does what must not be done inside:
// it saves what changed and tells what happened.
func (g *Gate) unlock(ctx context.Context) {
	save := g.unsaved() && !g.saving && !time.Now().Before(g.saveAgain)
	news := len(g.news) > 0
	counted := g.counted && g.refused != nil
	g.counted = false
	g.mu.Unlock()
	for save {
		save = g.saveOnce(ctx)
	}
	if news {
		g.broadcast()
	}
	if counted {
		g.refused()
	}
}

// saveOnce makes the guard durable and reports whether it has changed again
// meanwhile. A failed save is tried again by the head of the queue.
func (g *Gate) saveOnce(ctx context.Context) bool {
	g.mu.Lock()
	if g.saving || !g.unsaved() {
		g.mu.Unlock()
		return false
	}
	g.saving = true
	version, bytes := g.guard.version, g.guard.encode(time.Now())
	g.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	err := g.save(ctx, bytes)
	cancel()

	g.mu.Lock()
	defer g.mu.Unlock()
	g.saving, g.saveErr, g.saveAgain = false, err, time.Time{}
	if err == nil {
		g.saved = version
	} else {
		g.saveAgain = time.Now().Add(saveRetry)
	}
	g.poke()
	return err == nil && g.unsaved()
}
