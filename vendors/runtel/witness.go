package runtel

import (
	"context"
	"sync"
	"time"

	"agentkeeper/session"
)

// stand is where a renewed token bears witness: it is renewed long before the
// ends that exp may mean, so only a probe of the old token, sent just before
// and just behind each of them, tells which one is meant. There is one witness
// at a time; the session that followed it sends its probes, inside Step. The
// zero stand is ready; its methods may be called at the same time.
type stand struct {
	mu      sync.Mutex
	witness *bearer // nil: none, or it is being heard
	heard   time.Time
	useless bool // tokens die with the next log-in here
}

// offer takes s as the witness if the meaning of exp is open and nobody else
// is to be heard.
func (d *stand) offer(s *bearer) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	busy := d.witness != nil && !d.witness.hearing(d.heard).IsZero() && d.witness.hearing(d.heard).After(now)
	if d.useless || busy || !s.ambiguous() || s.hearing(now).IsZero() {
		return
	}
	d.witness, d.heard = s, now
}

// isUseless reports whether a log-in ends the tokens before it here, so that
// none can bear witness.
func (d *stand) isUseless() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.useless
}

// ambiguous reports whether the token may end at more than one time.
func (s *bearer) ambiguous() bool {
	known, _ := s.platform.memory.now()
	list := known.plausible(s.key.Readings)
	return len(list) > 1 && list[len(list)-1].Expires.Sub(list[0].Expires) > settled
}

// hearing returns when the witness is to be asked next after the last time:
// around the next of its plausible ends; zero: not any more.
func (s *bearer) hearing(last time.Time) time.Time {
	if !s.ambiguous() {
		return time.Time{}
	}
	for _, r := range s.key.Readings {
		for _, at := range []time.Time{r.Expires.Add(-settled), r.Expires.Add(settled)} {
			if at.After(last) {
				return at
			}
		}
	}
	return time.Time{}
}

// due returns when the session of the account id is to hear the witness.
func (d *stand) due(id session.ID) (at time.Time, called bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.witness == nil || d.witness.id != id {
		return time.Time{}, false
	}
	at = d.witness.hearing(d.heard)
	return at, !at.IsZero()
}

// hear asks the witness once, if it is still there.
func (d *stand) hear(ctx context.Context, id session.ID) {
	w := d.call(id)
	if w == nil {
		return
	}
	fault := w.ask(ctx)
	now := time.Now()
	switch {
	case fault == nil:
		w.lives(now)
	case fault.Kind == session.Lost:
		w.diedBy(now)
	}
	d.dismiss(w, now)
}

// call takes the witness of the account id from the stand.
func (d *stand) call(id session.ID) *bearer {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.witness
	if w == nil || w.id != id {
		return nil
	}
	d.witness = nil
	return w
}

// dismiss puts the witness back, unless it is dead. A token that was dead before
// any end it could have had was killed by the next log-in, or by hand; the next
// one would tell no more.
func (d *stand) dismiss(w *bearer, now time.Time) {
	early := w.over && now.Before(w.key.Readings[0].Expires)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.useless = d.useless || early
	if !w.over {
		d.witness, d.heard = w, now
	}
}
