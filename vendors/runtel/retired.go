package runtel

import (
	"context"
	"sync"
	"time"

	"agentkeeper/session"
)

// retired watches one token after its renewal, to learn which reading of exp is right.
// A token is renewed long before any end that exp may mean, so only a probe of the old
// one, sent just before and just after each of these ends, tells. One token is watched
// at a time; the session that replaced it sends the probes, inside Step. The zero value
// is ready; its methods may be called at the same time.
type retired struct {
	mu       sync.Mutex
	watched  *bearer // nil: none, or its probe is under way
	probedAt time.Time
	revoked  bool // here a log-in ends the account's earlier tokens, so that none can be watched
}

// watch takes s as the token to watch if the meaning of exp is open and no other
// token has a probe to come.
func (t *retired) watch(s *bearer) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	busy := t.watched != nil && t.watched.nextProbe(t.probedAt).After(now)
	if t.revoked || busy || !s.ambiguous() || s.nextProbe(now).IsZero() {
		return
	}
	t.watched, t.probedAt = s, now
}

// loginsRevoke reports whether a log-in ends the account's earlier tokens here.
func (t *retired) loginsRevoke() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.revoked
}

// ambiguous reports whether the token may end at more than one time.
func (s *bearer) ambiguous() bool {
	known, _ := s.platform.memory.now()
	list := known.plausible(s.key.Readings)
	return len(list) > 1 && list[len(list)-1].Expires.Sub(list[0].Expires) > probeMargin
}

// nextProbe returns when a watched token is to be probed next after the last time:
// around the next of its plausible ends; zero: not any more.
func (s *bearer) nextProbe(last time.Time) time.Time {
	if !s.ambiguous() {
		return time.Time{}
	}
	for _, r := range s.key.Readings {
		for _, at := range []time.Time{r.Expires.Add(-probeMargin), r.Expires.Add(probeMargin)} {
			if at.After(last) {
				return at
			}
		}
	}
	return time.Time{}
}

// due returns when the session of the account id is to probe the watched token; ok is
// false where that is another account's, or no probe is left.
func (t *retired) due(id session.ID) (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watched == nil || t.watched.id != id {
		return time.Time{}, false
	}
	at = t.watched.nextProbe(t.probedAt)
	return at, !at.IsZero()
}

// probe probes the account's watched token once, if there is one.
func (t *retired) probe(ctx context.Context, id session.ID) {
	old := t.take(id)
	if old == nil {
		return
	}
	fault := old.ask(ctx)
	now := time.Now()
	switch {
	case fault == nil:
		old.markAlive(now)
	case fault.Kind == session.Lost:
		old.markDead(now)
	}
	t.putBack(old, now)
}

// take takes out the watched token of the account id.
func (t *retired) take(id session.ID) *bearer {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.watched
	if old == nil || old.id != id {
		return nil
	}
	t.watched = nil
	return old
}

// putBack goes on watching the token, unless it is dead. One that was dead before
// any end that exp could mean was ended by the next log-in, or by hand; watching the
// next one would tell no more.
func (t *retired) putBack(old *bearer, now time.Time) {
	early := old.ended && now.Before(old.key.Readings[0].Expires)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revoked = t.revoked || early
	if !old.ended {
		t.watched, t.probedAt = old, now
	}
}
